"""What the discriminator says at a measurement: of training, held-out and generated images, and how steeply."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ignm.data.cache import Dataset
from ignm.losses.adversarial import ADVERSARIAL
from ignm.losses.penalties import PIXELS
from ignm.training.device import autocast
from ignm.training.randomness import ImageOrder, Stream, generator_of, latents
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

IMAGES = 256
"""Judged of each kind; the standard error of `held_out_gap` is then 0.09."""
FEWEST_HELD_OUT = 32


@dataclass(frozen=True)
class Judging:
    """A discriminator at one moment; `held_out_gap` None where nothing comparable is held out."""

    separation: float
    slope: float
    signal: float
    held_out_gap: float | None

    @property
    def finite(self) -> bool:
        """Whether every number of it is."""
        return bool(np.isfinite([self.separation, self.slope, self.signal]).all())


class Probe:
    """The images that one trial's discriminator is asked about, the same at each measurement."""

    def __init__(self, trainer: Trainer, shown: TrainingSet, dataset: Dataset) -> None:
        """Choose the first real images of the order in which they are shown, and as many held-out ones.

        Nothing is held out to a discriminator that reads labels or learns from degraded pixels: it would judge the
        held-out images by something else than their being new.
        """
        self._trainer = trainer
        batch = trainer.images_at_once
        self._numbers = ImageOrder(shown.real, trainer.seed).indices(0, _whole(min(IMAGES, shown.real), batch))
        self._train = shown.pixels(self._numbers)
        self._labels = shown.targets.batch(self._numbers, trainer.device).vectors
        self._held_out: npt.NDArray[np.uint8] | None = None
        comparable = shown.images is dataset.images and trainer.config.loss.embedding is None
        if comparable and len(dataset.test_images) >= min(FEWEST_HELD_OUT, len(self._numbers)):
            count = _whole(min(len(dataset.test_images), len(self._numbers)), batch)
            chosen = np.random.default_rng(0).permutation(len(dataset.test_images))[:count]
            self._held_out = dataset.test_images[np.sort(chosen)]

    def ask(self) -> Judging:
        """Judge as in training, batch statistics included, without disturbing it."""
        trainer = self._trainer
        size = trainer.images_at_once
        judged: list[Tensor] = []
        slopes: list[Tensor] = []
        signals: list[Tensor] = []
        trainer.generator.train()
        trainer.discriminator.train()
        for at in range(0, len(self._numbers), size):
            real, labels = self._batch(self._train, at), self._labels[at : at + size]
            random = generator_of(trainer.seed, Stream.DIAGNOSTICS, at, trainer.device)
            fake = self._generated(latents(len(real), trainer.config.generator.latent, random), labels)
            shares = torch.rand((len(real), 1, 1, 1), generator=random, device=trainer.device)
            slopes.append(self._slopes(fake + shares * (real - fake), labels))
            real_logits = self._logits(real, labels)
            fake_logits, signal = self._signals(real_logits, fake, labels)
            signals.append(signal)
            judged.append(torch.stack([real_logits, fake_logits]))
        real_logits, fake_logits = torch.cat(judged, dim=1).double()
        numbers = [_separation(real_logits, fake_logits), torch.cat(slopes).mean(), torch.cat(signals).median()]
        separation, slope, typical = torch.stack([each.double() for each in numbers]).tolist()
        return Judging(separation, slope, typical, self._held_out_gap())

    def _held_out_gap(self) -> float | None:
        if self._held_out is None:
            return None
        # As many of both, in batches of the same size: others have other statistics.
        known, new = (self._judged(pixels[: len(self._held_out)]) for pixels in (self._train, self._held_out))
        spread = ((known.var() + new.var()) / 2).sqrt()
        gap = float((known.mean() - new.mean()) / spread)
        return gap if np.isfinite(gap) else None

    def _judged(self, pixels: npt.NDArray[np.uint8]) -> Tensor:
        """Logits (n,) of images; a discriminator that reads labels is not asked."""
        size = self._trainer.images_at_once
        parts = range(0, len(pixels), size)
        return torch.cat([self._logits(self._batch(pixels, at), self._labels[at : at + size]) for at in parts]).double()

    def _batch(self, pixels: npt.NDArray[np.uint8], at: int) -> Tensor:
        part = torch.from_numpy(np.array(pixels[at : at + self._trainer.images_at_once])).to(self._trainer.device)
        images = part.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        return images.contiguous(memory_format=torch.channels_last)

    @torch.no_grad()
    def _generated(self, noise: Tensor, labels: Tensor) -> Tensor:
        images: Tensor = self._call(self._trainer.generator, noise, labels)
        return images.float()

    @torch.no_grad()
    def _logits(self, images: Tensor, labels: Tensor) -> Tensor:
        logits: Tensor = self._call(self._trainer.discriminator, images, labels).logits
        return logits

    def _slopes(self, images: Tensor, labels: Tensor) -> Tensor:
        """Norm of the logit's gradient in the image, (n,)."""
        images = images.detach().requires_grad_(True)
        logits = self._call(self._trainer.discriminator, images, labels).logits
        return _norms(logits.sum(), images)

    def _signals(self, real_logits: Tensor, fake: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (n,) of generated images, and the norm of the generator's loss's gradient in each of them (n,)."""
        fake = fake.detach().requires_grad_(True)
        logits: Tensor = self._call(self._trainer.discriminator, fake, labels).logits
        loss = ADVERSARIAL[self._trainer.config.loss.adversarial].generator(real_logits, logits)
        # The loss is a mean over images.
        return logits.detach(), _norms(loss * len(fake), fake)

    def _call(self, network: nn.Module, *inputs: Tensor) -> Any:
        # Running averages and the vectors of spectral normalisation move at each call; theirs are copies.
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
        with autocast(self._trainer.precision, self._trainer.device):
            return functional_call(network, buffers, inputs)


def _whole(count: int, batch: int) -> int:
    """As many images as fill batches, or all where one batch is not filled: batch statistics depend on its size."""
    return count if count < batch else count - count % batch


def _norms(value: Tensor, images: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(value, images)
    return torch.linalg.vector_norm(gradient.float(), dim=PIXELS)


def _separation(real: Tensor, fake: Tensor) -> Tensor:
    """Share of pairs whose real image has the higher logit; ties count half."""
    differences = real[:, None] - fake[None, :]
    return ((differences > 0).double() + (differences == 0).double() / 2).mean()
