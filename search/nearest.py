"""Generated images beside the training images most like them: what a model has learnt by heart is seen at a glance."""

import numpy as np

SIDE = 16
"""Pixels that images are shrunk to before they are compared, so that a shift of a pixel is no difference."""

CHUNK = 1_024


def nearest_images(generated: np.ndarray, training: np.ndarray, count: int) -> np.ndarray:
    """Return (n, 1 + count, R, R, C): each generated image, then its nearest training images, the nearest first.

    generated: (n, R, R, C), training: (N, R, R, C), N >= count, both uint8. By the Euclidean distance of their pixels,
    shrunk to 16 x 16, over all training images, as they are and mirrored.
    """
    wanted = _shrunk(generated)
    best = np.full((len(generated), count), np.inf)
    found = np.zeros((len(generated), count), dtype=int)
    for start in range(0, len(training), CHUNK):
        part = np.asarray(training[start : start + CHUNK])
        distances = np.minimum(_distances(wanted, _shrunk(part)), _distances(wanted, _shrunk(part[:, :, ::-1])))
        every = np.concatenate([best, distances], axis=1)
        numbers = np.concatenate([found, np.tile(np.arange(start, start + len(part)), (len(generated), 1))], axis=1)
        order = np.argsort(every, axis=1, kind="stable")[:, :count]
        best, found = np.take_along_axis(every, order, axis=1), np.take_along_axis(numbers, order, axis=1)
    return np.stack([np.stack([own, *(training[at] for at in row)]) for own, row in zip(generated, found, strict=True)])


def _shrunk(images: np.ndarray) -> np.ndarray:
    n, size, _, channels = images.shape
    factor = max(1, size // SIDE)
    blocks = images.reshape(n, size // factor, factor, size // factor, factor, channels)
    return blocks.mean(axis=(2, 4), dtype=np.float32).reshape(n, -1)


def _distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1)
    return squares - 2 * one @ other.T
