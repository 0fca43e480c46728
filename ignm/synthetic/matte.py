"""How much of each pixel belongs to the person, grown from where aligned crops have faces."""

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ignm.synthetic.blur import blurred
from ignm.synthetic.draws import coordinates

_SIDE = 32  # of the picture that the matte is grown on
_EDGE = 12.0  # what a step from black to white counts, in half pictures of way
_BARRIER = 3.5  # how far from the person the rim must be to be background
_ALIKE = 0.1  # how much colours of one background may differ
_SHARPNESS = 14.0
_UNREACHED = np.float32(1e3)
_SWEEPS = 2  # in each of four directions


def matte(images: Tensor) -> Tensor:
    """Return the share (n, 1, R, R) of 0..1 of each pixel of (n, C, R, R) that belongs to the person.

    A geodesic matte (Bai & Sapiro 2007): a pixel belongs to whichever of the person and the background it is nearer
    to, edges counting as way. The person is taken to be a centre ellipse with a strip of hair above and of neck below,
    the background those parts of the rim that lie behind an edge; where there are none, as in a tight crop, all is
    person. A guided filter (He et al. 2013) fits the matte to the image.
    """
    size = images.shape[-1]
    small = images if size <= _SIDE else F.interpolate(images, size=(_SIDE, _SIDE), mode="area")
    person, top, rim = _prior(small.shape[-1])
    smooth = blurred(small, 0.8).permute(1, 2, 0, 3).contiguous().numpy()
    person = person | top & _reaches_the_top(smooth)[:, None]
    ways = [_ways(np.ascontiguousarray(np.rot90(smooth, turn, axes=(1, 3)))) for turn in range(4)]
    near = _distance(ways, person)
    far = _distance(ways, rim & (near > _BARRIER))
    share = torch.from_numpy(far / (near + far + 1e-6)).permute(1, 0, 2)[:, None]
    fitted = _guided(small.mean(dim=1, keepdim=True), torch.sigmoid((share - 0.5) * _SHARPNESS))
    if size != small.shape[-1]:
        fitted = F.interpolate(fitted, size=(size, size), mode="bicubic", align_corners=False)
    level = ((fitted - 0.1) / 0.8).clamp_(0, 1)
    return level * level * (3 - 2 * level)


@cache
def _prior(side: int) -> tuple[npt.NDArray[np.bool_], ...]:
    """Where the person is for certain, where hair is if it reaches the top, where the background may be.

    Each is (side, 1, side), rows first.
    """
    x, y = (axis.numpy().ravel() for axis in coordinates(side))
    x, y = x[None, None, :], y[:, None, None]
    ellipse = (x / 0.5) ** 2 + ((y - 0.05) / 0.7) ** 2 < 1
    middle, edge = np.abs(x) < 0.35, 1 - 2.1 / side
    neck, hair = middle & (y > 0.7), (np.abs(x) < 0.2) & (y > -0.75) & (y < -0.6)
    rim = (np.abs(x) > edge) & (y < 0.6) | (y < -edge) & ~middle
    return ellipse | neck | hair, middle & (y <= -0.75), rim


def _reaches_the_top(colours: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return (n,): whether the head does, for what is there differs from one of the upper corners."""
    side = colours.shape[-1]
    part = side // 8
    rows = colours[:, : part // 2].mean(axis=1)
    left, middle, right = (
        rows[..., columns].mean(axis=-1)
        for columns in (slice(part), slice(side // 2 - part, side // 2 + part), slice(-part, None))
    )
    return np.maximum(np.abs(middle - left), np.abs(middle - right)).mean(axis=0) > _ALIKE


def _distance(ways: list[npt.NDArray[np.float32]], seeds: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return the length (S, n, S) of the shortest way from a seed, rows first.

    Raster scans (Toivanen 1996): each goes down the rows, then everything is turned by a right angle.
    """
    side, count, _ = seeds.shape
    reached = np.where(seeds, np.float32(0), _UNREACHED)
    padded = np.full((count, side + 2), _UNREACHED, np.float32)
    for steps in ways * _SWEEPS:
        for row in range(1, side):
            padded[:, 1:-1] = reached[row - 1]
            for shift in range(3):
                np.minimum(reached[row], padded[:, shift : shift + side] + steps[shift, row - 1], out=reached[row])
        reached = np.ascontiguousarray(np.rot90(reached, axes=(0, 2)))
    return reached


def _ways(colours: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return (3, S - 1, n, S): the lengths of the steps down from the left, above and the right, of (C, S, n, S)."""
    _, side, count, _ = colours.shape
    ways = np.full((3, side - 1, count, side), _UNREACHED, np.float32)
    for number, shift in enumerate((-1, 0, 1)):
        first, last = max(0, -shift), side - max(0, shift)
        way = ways[number, :, :, first:last]
        way[...] = 2 / side * np.hypot(1, shift)
        for channel in colours:
            step = channel[1:, :, first:last] - channel[:-1, :, first + shift : last + shift]
            way += np.abs(step, out=step) * np.float32(_EDGE / len(colours))
    return ways


def _guided(guide: Tensor, target: Tensor, sigma: float = 2.0, smoothness: float = 1e-3) -> Tensor:
    """Fit `target` by locally linear functions of `guide`, both (n, 1, S, S)."""
    mean, mean_target = blurred(guide, sigma), blurred(target, sigma)
    variance = blurred(guide * guide, sigma) - mean * mean
    slope = (blurred(guide * target, sigma) - mean * mean_target) / (variance + smoothness)
    return blurred(slope, sigma) * guide + blurred(mean_target - slope * mean, sigma)
