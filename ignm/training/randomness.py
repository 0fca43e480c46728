"""Every random number of a run as a pure function of (seed, stream, position): resuming needs no generator's state.

Two configs with one seed see the same images in the same order (common random numbers); with the same batch, critic
steps and latent size they see the same latents, flips and augmentations at the same step too.
"""

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor


class Stream(IntEnum):
    """What a random number is used for."""

    GENERATOR_WEIGHTS = 0
    DISCRIMINATOR_WEIGHTS = 1
    ORDER = 2
    MIRROR = 3
    LATENTS = 4
    DISCRIMINATOR_AUGMENT = 6
    GENERATOR_AUGMENT = 7
    EVALUATION = 8
    SAMPLES = 9
    PENALTY = 10
    LEARNT_LATENTS = 11
    LABELS = 12
    POOL = 13
    DIAGNOSTICS = 14


def seed_of(seed: int, stream: Stream, position: int = 0) -> int:
    """Return a 63-bit seed, well mixed."""
    return int(np.random.SeedSequence((seed, int(stream), position)).generate_state(1, np.uint64)[0] >> 1)


def generator_of(seed: int, stream: Stream, position: int, device: torch.device) -> torch.Generator:
    """Return a generator on `device`, standing at its beginning."""
    return torch.Generator(device).manual_seed(seed_of(seed, stream, position))


def latents(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Draw latents (count, size) from the normal distribution on the generator's device."""
    return torch.randn(count, size, generator=generator, device=generator.device)


class ImageOrder:
    """The endless order in which images are shown: a fresh permutation for each epoch."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed
        self._epoch, self._permutation = -1, np.empty(0, np.int64)

    def indices(self, start: int, size: int) -> np.ndarray:
        """Return the indices of the images at positions start, ..., start + size - 1 of the order."""
        parts = []
        while size > 0:
            epoch, offset = divmod(start, self._count)
            part = self._of_epoch(epoch)[offset : offset + size]
            parts.append(part)
            start, size = start + len(part), size - len(part)
        return np.concatenate(parts)

    def _of_epoch(self, epoch: int) -> np.ndarray:
        if epoch != self._epoch:
            source = np.random.default_rng(seed_of(self._seed, Stream.ORDER, epoch))
            self._epoch, self._permutation = epoch, source.permutation(self._count)
        return self._permutation
