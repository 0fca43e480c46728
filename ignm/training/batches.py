"""What a step is fed: real images, labels, latents and augmentations, each a pure function of the position."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ignm.config import Config
from ignm.data.targets import LabelBatch, Targets
from ignm.training.augment import augment
from ignm.training.device import fits
from ignm.training.randomness import ImageOrder, Stream, generator_of, latents


@dataclass(frozen=True)
class RealBatch:
    """Real images (n, C, R, R) in [-1, 1], channels last in memory, with their labels and places in the dataset."""

    images: Tensor
    labels: LabelBatch
    indices: np.ndarray


class Batches:
    """Batches of one dataset for one config and seed, on one device."""

    def __init__(self, config: Config, images: np.ndarray, targets: Targets, seed: int, device: torch.device) -> None:
        """`images` is uint8 (N, R, R, C) and is read, never copied, on a CPU."""
        self._config, self._seed, self._device = config, seed, device
        self._order = ImageOrder(len(images), seed)
        self._images, self._targets = images, targets
        self._resident = torch.from_numpy(np.array(images)).to(device) if fits(images.nbytes, device) else None

    def real(self, start: int, mirror: bool = True) -> RealBatch:
        """Images at positions `start`, ... of the order, mirrored at even odds where the config says so."""
        indices = self._order.indices(start, self._config.optim.batch)
        if self._resident is None:
            batch = torch.from_numpy(self._images[indices])
        else:
            batch = self._resident[torch.from_numpy(indices).to(self._device)]
        images = batch.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        if mirror and self._config.data.mirror:
            coins = torch.rand(len(indices), generator=self.random(Stream.MIRROR, start), device=self._device) < 0.5
            images = torch.where(coins[:, None, None, None], images.flip(3), images)
        images = images.contiguous(memory_format=torch.channels_last)
        return RealBatch(images, self._targets.batch(indices, self._device), indices)

    def labels(self, start: int) -> LabelBatch:
        """The labels of the images at positions `start`, ..., without the images."""
        return self._targets.batch(self._order.indices(start, self._config.optim.batch), self._device)

    def latents(self, stream: Stream, position: int) -> Tensor:
        """Latents (batch, latent) from the normal distribution."""
        return latents(self._config.optim.batch, self._config.generator.latent, self.random(stream, position))

    def augmented(self, images: Tensor, stream: Stream, position: int, side: int) -> Tensor:
        """The images augmented as the config says; `side` keeps real (0) and generated (1) ones apart."""
        config = self._config.augment
        return augment(images, config.policy, config.strength, self.random(stream, 2 * position + side))

    def random(self, stream: Stream, position: int) -> torch.Generator:
        """A generator on the device, standing at its beginning."""
        return generator_of(self._seed, stream, position, self._device)
