"""The training step: images in, updated networks out, and the running statistics of the updates."""

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ignm.config import Config
from ignm.config.schema import AdamConfig
from ignm.losses.adversarial import ADVERSARIAL
from ignm.losses.penalties import PENALTIES
from ignm.models.networks import build_discriminator, build_generator
from ignm.training import ema
from ignm.training.augment import augment
from ignm.training.device import autocast, fits, resolve_precision
from ignm.training.randomness import ImageOrder, Stream, generator_of, latents, seed_of

# How often the host asks the device whether the losses are still finite; each question waits for the device.
STEPS_BETWEEN_CHECKS = 50
STEPS_BETWEEN_PROGRESS = 10


class DivergedError(Exception):
    """The losses or the gradients are no longer finite."""


def _adam(parameters: Iterable[nn.Parameter], config: AdamConfig, lazy: float) -> torch.optim.Adam:
    # A lazy penalty is a step of its own, one more for each `interval`, so lr and betas are scaled (StyleGAN2:
    # Karras et al. 2020, appendix B).
    return torch.optim.Adam(parameters, lr=config.lr * lazy, betas=(config.beta1**lazy, config.beta2**lazy), fused=True)


class Trainer:
    """One config in training on one device; every schedule is a function of `images_seen`."""

    def __init__(self, config: Config, images: np.ndarray, seed: int, device: torch.device) -> None:
        """Build the networks and optimisers; `images` is uint8 (N, R, R, C) and is read, never copied, on a CPU."""
        self.config, self.seed, self.device = config, seed, device
        # Resuming is bit-exact, which cuDNN's fastest kernels are not.
        torch.backends.cudnn.deterministic = True
        self.precision = resolve_precision(config.optim.precision, device)
        channels = images.shape[3]
        self.generator = build_generator(config, channels, seed_of(seed, Stream.GENERATOR_WEIGHTS)).to(device)
        self.discriminator = build_discriminator(config, channels, seed_of(seed, Stream.DISCRIMINATOR_WEIGHTS)).to(
            device
        )
        self.average = ema.frozen_copy(self.generator)
        interval = config.loss.interval
        lazy = interval / (interval + 1) if config.loss.penalty is not None else 1.0
        self.generator_optimiser = _adam(self.generator.parameters(), config.optim.generator, 1.0)
        self.discriminator_optimiser = _adam(self.discriminator.parameters(), config.optim.discriminator, lazy)
        self.images_seen = 0
        self.steps = 0
        self.seconds = 0.0
        self._order = ImageOrder(len(images), seed)
        self._images = images
        self._resident = torch.from_numpy(np.array(images)).to(device) if fits(images.nbytes, device) else None
        self._statistics = torch.zeros(6, device=device, dtype=torch.float64)

    @property
    def kimg(self) -> float:
        """Thousands of real images shown to the discriminator so far."""
        return self.images_seen / 1000

    def advance(self, kimg: float, on_progress: Callable[[float], None] = lambda kimg: None) -> None:
        """Train until `kimg`; raise DivergedError when losses or gradients are no longer finite."""
        self.generator.train()
        self.discriminator.train()
        started = time.perf_counter()
        while self.images_seen < kimg * 1000:
            self._step()
            if self.steps % STEPS_BETWEEN_CHECKS == 0:
                self._check_finite()
            if self.steps % STEPS_BETWEEN_PROGRESS == 0:
                on_progress(self.kimg)
        self._check_finite()
        self.seconds += time.perf_counter() - started

    def take_statistics(self) -> dict[str, float]:
        """Return the means since the last call and begin anew: losses, sign of D(real), G's gradient norm."""
        count, d_loss, g_loss, sign, norm, norm_squared = self._statistics.tolist()
        self._statistics.zero_()
        count = max(count, 1.0)
        mean = norm / count
        variance = max(norm_squared / count - mean**2, 0.0)
        return {
            "discriminator_loss": d_loss / count,
            "generator_loss": g_loss / count,
            "real_sign": sign / count,
            "generator_gradient": mean,
            "stability": variance**0.5 / mean if mean > 0 else 0.0,
        }

    def state(self) -> dict[str, Any]:
        """Everything but the networks that the next step depends on."""
        return {
            "images_seen": self.images_seen,
            "steps": self.steps,
            "seconds": self.seconds,
            "precision": self.precision,
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the networks are loaded beside it."""
        self.images_seen, self.steps, self.seconds = state["images_seen"], state["steps"], state["seconds"]
        self.precision = state["precision"]
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])

    def networks(self) -> dict[str, nn.Module]:
        """The networks by the names they have in a checkpoint."""
        return {"generator": self.generator, "discriminator": self.discriminator, "generator_ema": self.average}

    def _step(self) -> None:
        for _ in range(self.config.optim.n_critic):
            d_loss, sign = self._discriminator_step()
        g_loss, norm = self._generator_step()
        keep = ema.decay(self.config.ema, self.config.optim.batch * self.config.optim.n_critic, self.images_seen)
        ema.update(self.average, self.generator, keep)
        self.steps += 1
        one = torch.ones((), device=self.device)
        self._statistics += torch.stack([one, d_loss, g_loss, sign, norm, norm.square()]).double()

    def _discriminator_step(self) -> tuple[Tensor, Tensor]:
        loss_config = self.config.loss
        real = self._augment(self._real_batch(self.images_seen), Stream.DISCRIMINATOR_AUGMENT, 0)
        with autocast(self.precision, self.device):
            with torch.no_grad():
                fake = self.generator(self._latents(Stream.DISCRIMINATOR_LATENTS))
            fake = self._augment(fake, Stream.DISCRIMINATOR_AUGMENT, 1)
            real_logits, fake_logits = self.discriminator(real).float(), self.discriminator(fake).float()
        loss = ADVERSARIAL[loss_config.adversarial].discriminator(real_logits, fake_logits)
        self._update_discriminator(loss)
        critic_steps = self.images_seen // self.config.optim.batch
        if loss_config.penalty is not None and critic_steps % loss_config.interval == 0:
            # Squared gradients and their derivatives underflow in bf16, so the penalty is computed in fp32.
            penalty = PENALTIES[loss_config.penalty](self.discriminator, real, fake.float())
            self._update_discriminator(loss_config.gamma * loss_config.interval * penalty)
        self.images_seen += self.config.optim.batch
        return loss.detach(), real_logits.detach().sign().mean()

    def _update_discriminator(self, loss: Tensor) -> None:
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.discriminator_optimiser.step()

    def _generator_step(self) -> tuple[Tensor, Tensor]:
        loss_pair = ADVERSARIAL[self.config.loss.adversarial]
        self.discriminator.requires_grad_(False)
        with autocast(self.precision, self.device):
            fake = self.generator(self._latents(Stream.GENERATOR_LATENTS))
            fake_logits = self.discriminator(self._augment(fake, Stream.GENERATOR_AUGMENT, 1)).float()
            real_logits = fake_logits
            if loss_pair.generator_sees_real:
                with torch.no_grad():
                    real = self._real_batch(self.images_seen - self.config.optim.batch)
                    real_logits = self.discriminator(self._augment(real, Stream.GENERATOR_AUGMENT, 0)).float()
        loss = loss_pair.generator(real_logits, fake_logits)
        self.generator_optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.discriminator.requires_grad_(True)
        norm = nn.utils.get_total_norm(p.grad for p in self.generator.parameters() if p.grad is not None)
        self.generator_optimiser.step()
        return loss.detach(), norm

    def _real_batch(self, start: int) -> Tensor:
        """Images at positions `start`, ... of the order, as (batch, C, R, R) in [-1, 1], channels last in memory."""
        indices = self._order.indices(start, self.config.optim.batch)
        if self._resident is None:
            batch = torch.from_numpy(self._images[indices])
        else:
            batch = self._resident[torch.from_numpy(indices).to(self.device)]
        images = batch.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)
        if self.config.data.mirror:
            coins = torch.rand(len(indices), generator=self._random(Stream.MIRROR, start), device=self.device) < 0.5
            images = torch.where(coins[:, None, None, None], images.flip(3), images)
        return images.contiguous(memory_format=torch.channels_last)

    def _latents(self, stream: Stream) -> Tensor:
        return latents(self.config.optim.batch, self.config.generator.latent, self._random(stream, self.images_seen))

    def _augment(self, images: Tensor, stream: Stream, side: int) -> Tensor:
        config = self.config.augment
        return augment(images, config.policy, config.strength, self._random(stream, 2 * self.images_seen + side))

    def _random(self, stream: Stream, position: int) -> torch.Generator:
        return generator_of(self.seed, stream, position, self.device)

    def _check_finite(self) -> None:
        if not bool(torch.isfinite(self._statistics).all()):
            raise DivergedError(f"losses or gradients are not finite after {self.kimg:g} kimg")
