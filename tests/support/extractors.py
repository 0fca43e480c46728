"""An extractor whose features have a closed form, and random pictures for it."""

import numpy as np
import torch

from ignm.metrics.extractors.base import Extractor


class Means(Extractor):
    """Mean of the left and right half of the first channel: two features with known moments."""

    name = "means"
    metric = "fd_means"
    dim = 2
    calls = 0

    def features(self, images):
        type(self).calls += 1
        half = images.shape[-1] // 2
        halves = images[:, 0, :, :half], images[:, 0, :, half:]
        return torch.stack([part.float().mean((1, 2)) for part in halves], 1)


def faces(count, seed, low=0, high=256):
    """Random pictures of 16x16 whose brightness differs from one to the next."""
    generator = np.random.default_rng(seed)
    base = generator.integers(low, high, (count, 1, 1, 3))
    return (base + generator.integers(-20, 20, (count, 16, 16, 3))).clip(0, 255).astype(np.uint8)
