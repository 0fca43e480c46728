"""What a step is fed: real images, labels, latents and augmentations, each a pure function of the position."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ignm.augmentation.draws import Strength
from ignm.augmentation.policies import augment
from ignm.config import Config
from ignm.data.targets import LabelBatch
from ignm.training.device import fits
from ignm.training.randomness import ImageOrder, Stream, generator_of, latents, seed_of
from ignm.training.training_set import TrainingSet


@dataclass(frozen=True)
class RealBatch:
    """Images (n, C, R, R) in [-1, 1], channels last in memory, with their labels and numbers in the training set."""

    images: Tensor
    labels: LabelBatch
    indices: np.ndarray


class Batches:
    """Batches of one training set for one config and seed, on one device; a CPU reads the images in place."""

    def __init__(self, config: Config, shown: TrainingSet, seed: int, device: torch.device) -> None:
        self._config, self._shown, self._seed, self._device = config, shown, seed, device
        self._order = ImageOrder(shown.real, seed)
        self._pool_order = ImageOrder(len(shown.pool), seed_of(seed, Stream.POOL))
        resident = fits(len(shown) * shown.images[:1].nbytes, device)
        self._resident = torch.from_numpy(shown.pixels(np.arange(len(shown)))).to(device) if resident else None

    def real(self, start: int, mirror: bool = True) -> RealBatch:
        """Images at positions `start`, ... of the order, mirrored at even odds where the config says so.

        Where synthetic images are mixed in, they stand at some of the positions, as the pool's labels in their place.
        """
        indices = self._numbers(start)
        if self._resident is None:
            batch = torch.from_numpy(self._shown.pixels(indices))
        else:
            batch = self._resident[torch.from_numpy(indices).to(self._device)]
        if mirror and self._config.data.mirror:
            coins = torch.rand(len(indices), generator=self.random(Stream.MIRROR, start), device=self._device) < 0.5
            batch = torch.where(coins[:, None, None, None], batch.flip(2), batch)
        images = batch.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last).float().div_(127.5).sub_(1.0)
        return RealBatch(images, self._shown.targets.batch(indices, self._device), indices)

    def labels(self, start: int) -> LabelBatch:
        """The labels of the images at positions `start`, ..., without the images."""
        return self._shown.targets.batch(self._numbers(start), self._device)

    def _numbers(self, start: int) -> np.ndarray:
        """Which images stand at positions `start`, ...: what is synthetic at one fraction is so at any larger one."""
        size, fraction = self._config.optim.batch, self._shown.fraction
        numbers = self._order.indices(start, size)
        if fraction == 0:
            return numbers
        coins = np.random.default_rng(seed_of(self._seed, Stream.POOL, start)).random(size)
        return np.where(coins < fraction, self._shown.real + self._pool_order.indices(start, size), numbers)

    def latents(self, stream: Stream, position: int) -> Tensor:
        """Latents (batch, latent) from the normal distribution."""
        return latents(self._config.optim.batch, self._config.generator.latent, self.random(stream, position))

    def augmented(self, images: Tensor, strength: Strength, stream: Stream, position: int, side: int) -> Tensor:
        """The images augmented by the config's policy; `side` keeps real (0) and generated (1) ones apart."""
        return augment(images, self._config.augment.policy, strength, self.random(stream, 2 * position + side))

    def random(self, stream: Stream, position: int) -> torch.Generator:
        """A generator on the device, standing at its beginning."""
        return generator_of(self._seed, stream, position, self._device)
