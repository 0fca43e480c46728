"""The training step: images in, updated networks out, and the running statistics of the updates."""

import time
from collections.abc import Callable
from enum import Enum
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ignm.augmentation.adaptive import AdaptiveStrength
from ignm.augmentation.draws import Strength
from ignm.config import Config
from ignm.diagnostics.finite import first_not_finite
from ignm.errors import IgnmError
from ignm.initialisation.groups import freeze
from ignm.initialisation.reconstruction import LatentTable, laplacian_pyramid_l1
from ignm.initialisation.transfer import Copied, load_initial, transfer
from ignm.losses.adversarial import ADVERSARIAL
from ignm.losses.clipping import clip_weights
from ignm.losses.lecam import moved
from ignm.losses.penalties import PENALTIES
from ignm.models.generator import LABEL_SAMPLES
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape
from ignm.models.together import judge_together
from ignm.training import ema, objectives
from ignm.training.batches import Batches
from ignm.training.device import autocast, resolve_precision
from ignm.training.optimisers import build_optimisers, is_lazy
from ignm.training.randomness import Stream, generator_of, seed_of
from ignm.training.running import Judged, Made, RunningStatistics, judged
from ignm.training.schedule import rate
from ignm.training.training_set import TrainingSet

# How often the host asks the device whether the losses are still finite; each question waits for the device.
STEPS_BETWEEN_CHECKS = 50
STEPS_BETWEEN_PROGRESS = 10
LATENT_LR = 30.0
"""Step of the reconstruction step's learnt latents, on the gradient for an image: the best of 0, 1, 10, 30 and 100 on
10,000 grey faces at 32x32 (60 kimg, one seed)."""


class Phase(Enum):
    """What a step trains."""

    RECONSTRUCTION = "the generator alone, by reconstruction"
    DISCRIMINATOR = "the discriminator alone"
    JOINT = "both, against each other"


class DivergedError(Exception):
    """The training is lost: something in it is no longer finite, or all generated images are alike."""


class Trainer:
    """One config in training on one device; every schedule is a function of `images_seen`."""

    def __init__(self, config: Config, shown: TrainingSet, seed: int, device: torch.device) -> None:
        """Build the networks and optimisers; the images are read, never copied, on a CPU.

        Raises IgnmError where a file that `init` names is not what it should be.
        """
        self.config, self.seed, self.device = config, seed, device
        # Resuming is bit-exact, which cuDNN's fastest kernels are not.
        torch.backends.cudnn.deterministic = True
        self.precision = resolve_precision(config.optim.precision, device)
        targets = shown.targets
        self.shape = DataShape(shown.images.shape[3], targets.counts, targets.continuous.shape[1])
        self.batches = Batches(config, shown, seed, device)
        self.generator = build_generator(config, self.shape, seed_of(seed, Stream.GENERATOR_WEIGHTS)).to(device)
        self.discriminator = build_discriminator(config, self.shape, seed_of(seed, Stream.DISCRIMINATOR_WEIGHTS)).to(
            device
        )
        if self.generator.conditional:
            rows = np.random.default_rng(seed_of(0, Stream.LABELS)).integers(len(targets), size=LABEL_SAMPLES)
            self.generator.label_samples.copy_(targets.batch(rows, device).vectors)
        self.average = ema.frozen_copy(self.generator)
        init, loss, augment = config.init, config.loss, config.augment
        self._adversarial = ADVERSARIAL[loss.adversarial]
        # The generator's step freezes the discriminator, and gives back only what learns.
        self._learning = freeze(self.discriminator.ordered(), init.freeze)
        self._lazy = is_lazy(loss)
        self.optimisers = build_optimisers(config, self.generator.ordered(), self.discriminator.ordered())
        self._latents: LatentTable | None = None
        if init.reconstruction > 0:
            source = generator_of(seed, Stream.LEARNT_LATENTS, 0, torch.device("cpu"))
            self._latents = LatentTable(len(shown), config.generator.latent, source, device)
        self.images_seen = 0
        self.steps = 0
        self.seconds = 0.0
        self._logit_means: tuple[Tensor, Tensor] | None = None
        self._adaptive: AdaptiveStrength | None = None
        if augment.target is not None:
            self._adaptive = AdaptiveStrength(augment.target, augment.adapt_kimg, config.optim.batch, device)
        self._statistics = RunningStatistics(device)

    @property
    def kimg(self) -> float:
        """Thousands of real images used so far."""
        return self.images_seen / 1000

    @property
    def phase(self) -> Phase:
        """What the next step trains: two-step training ends in the game of both."""
        if self.kimg < self.config.init.reconstruction:
            return Phase.RECONSTRUCTION
        if self.kimg < self.config.init.reconstruction + self.config.init.discriminator:
            return Phase.DISCRIMINATOR
        return Phase.JOINT

    @property
    def generator_updates(self) -> int:
        """Steps of the generator against the discriminator so far; those of its reconstruction do not count."""
        alone = (self.config.init.reconstruction + self.config.init.discriminator) * 1000
        return int(max(0.0, self.images_seen - alone) // (self.config.optim.batch * self.config.optim.n_critic))

    @property
    def augment_strength(self) -> Strength:
        """Strength of augmentation in the next step; a tensor () on the device where it adapts, 0 without a policy."""
        if self._adaptive is not None:
            return self._adaptive.strength
        return self.config.augment.strength if self.config.augment.policy is not None else 0.0

    def initialise(self) -> dict[str, Copied]:
        """Take what fits from the checkpoint that the config names, if any; returns what was copied, by network.

        Raises IgnmError where there is no checkpoint, or nothing of it fits.
        """
        init = self.config.init
        if init.checkpoint is None:
            return {}
        copied = {
            name: transfer(self.networks()[name], weights)
            for name, weights in load_initial(init.checkpoint, init.networks).items()
        }
        for name, each in copied.items():
            if each.copied == 0:
                raise IgnmError(
                    f"init.checkpoint: {init.checkpoint}: nothing of its {name} fits this one; see ignm describe"
                )
        self.average.load_state_dict(self.generator.state_dict())
        return copied

    def advance(self, kimg: float, on_progress: Callable[[float], None] = lambda kimg: None) -> None:
        """Train until `kimg`; raise DivergedError when losses, gradients or weights are no longer finite."""
        self.generator.train()
        self.discriminator.train()
        started = time.perf_counter()
        while self.images_seen < kimg * 1000:
            self._step()
            if self.steps % STEPS_BETWEEN_CHECKS == 0:
                self._check_losses()
            if self.steps % STEPS_BETWEEN_PROGRESS == 0:
                on_progress(self.kimg)
        self._check_losses()
        self.seconds += time.perf_counter() - started
        check_finite(self)

    def take_statistics(self) -> dict[str, Any]:
        """Return the means since the last call and begin anew, by the names that a Measurement has.

        With them is what stands now: the strength of augmentation.
        """
        return {**self._statistics.take(), "augment_strength": float(self.augment_strength)}

    def state(self) -> dict[str, Any]:
        """Everything but the networks that the next step depends on."""
        return {
            "images_seen": self.images_seen,
            "steps": self.steps,
            "seconds": self.seconds,
            "precision": self.precision,
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "logit_means": None if self._logit_means is None else list(self._logit_means),
            "augment": None if self._adaptive is None else self._adaptive.state(),
            # Once the first step of two-step training is over they are not used again.
            "latents": self._latents.state() if self._latents and self.phase is Phase.RECONSTRUCTION else None,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the networks are loaded beside it."""
        self.images_seen, self.steps, self.seconds = state["images_seen"], state["steps"], state["seconds"]
        self.precision = state["precision"]
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        means = state["logit_means"]
        self._logit_means = None if means is None else (means[0].to(self.device), means[1].to(self.device))
        if self._adaptive is not None:
            self._adaptive.load_state(state["augment"])
        if self._latents is not None and state["latents"] is not None:
            self._latents.load_state(state["latents"])

    def networks(self) -> dict[str, nn.Module]:
        """The networks by the names they have in a checkpoint."""
        return {"generator": self.generator, "discriminator": self.discriminator, "generator_ema": self.average}

    def _step(self) -> None:
        phase, before = self.phase, self.images_seen
        of_judging: Judged | None = None
        of_making: Made | None = None
        if phase is Phase.RECONSTRUCTION:
            of_making = self._reconstruction_step()
        else:
            for _ in range(self.config.optim.n_critic):
                of_judging = self._discriminator_step()
            if phase is Phase.JOINT:
                of_making = self._generator_step()
        keep = ema.decay(self.config.ema, self.images_seen - before, before)
        ema.update(self.average, self.generator, keep)
        self.steps += 1
        self._statistics.add(of_judging, of_making)

    def _discriminator_step(self) -> Judged:
        loss_config, at = self.config.loss, self.images_seen
        batch = self.batches.real(at)
        real = self._shown(batch.images, Stream.DISCRIMINATOR_AUGMENT, at, 0)
        # Images are generated for the real batch's labels, so that pairs and mixtures of images share theirs.
        labels = batch.labels.vectors
        with autocast(self.precision, self.device):
            with torch.no_grad():
                fake = self.generator(self.batches.latents(Stream.DISCRIMINATOR_LATENTS, at), labels)
            fake = self._shown(fake, Stream.DISCRIMINATOR_AUGMENT, at, 1)
            real_says, fake_says = judge_together(self.discriminator, [real, fake], labels)
            loss = self._adversarial.discriminator(real_says.logits, fake_says.logits)
            total = loss + objectives.supervision(loss_config, real_says, batch.labels)
            if self.generator.conditional:
                total = total + objectives.supervision(loss_config, fake_says, batch.labels)
            total = total + objectives.regularisation(loss_config, real_says, fake_says, self._logit_means)
            if loss_config.attention > 0:
                for images, says in ((real, real_says), (fake, fake_says)):
                    mirrored = self.discriminator(images.flip(3), labels)
                    total = total + loss_config.attention / 2 * objectives.attention_agreement(says, mirrored)
            if self.config.augment.consistency > 0:
                for side, (images, says) in enumerate(((real, real_says), (fake, fake_says))):
                    changed = self._augmented(images, Stream.DISCRIMINATOR_AUGMENT, at, side)
                    augmented_says = self.discriminator(changed, labels)
                    total = total + objectives.same_of_augmented(self.config.augment, says, augmented_says)
        gradient = self._penalise_and_update(total, real, fake, labels)
        if loss_config.lecam > 0:
            self._logit_means = _moved(self._logit_means, real_says.logits, fake_says.logits)
        centred = self._adversarial.centred(real_says.logits, fake_says.logits)
        if self._adaptive is not None:
            self._adaptive.observe(centred)
        self.images_seen += self.config.optim.batch
        return judged(loss, real_says.logits, fake_says.logits, centred, gradient)

    def _augmented(self, images: Tensor, stream: Stream, at: int, side: int) -> Tensor:
        return self.batches.augmented(images, self.augment_strength, stream, at, side)

    def _shown(self, images: Tensor, stream: Stream, at: int, side: int) -> Tensor:
        """What the adversarial loss judges: augmented images, or with consistency regularisation images as they are."""
        return images if self.config.augment.consistency > 0 else self._augmented(images, stream, at, side)

    def _penalise_and_update(self, loss: Tensor, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        """Update the discriminator by its loss and, when it is due, by the penalty: if lazy, in a step of its own.

        Returns the norm of the gradient of the loss, with the penalty where it is no step of its own.
        """
        config, due = self.config.loss, False
        if config.penalty in PENALTIES:
            due = (self.images_seen // self.config.optim.batch) % config.interval == 0
        if self._lazy or not due:
            gradient = self._update("discriminator", loss)
            if due:
                self._update("discriminator", self._penalty(real, fake, labels))
        else:
            gradient = self._update("discriminator", loss + self._penalty(real, fake, labels))
        if config.penalty == "clipping":
            clip_weights(self._learning, config.clip)
        return gradient

    def _penalty(self, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        config, random = self.config.loss, self.batches.random(Stream.PENALTY, self.images_seen)
        with autocast(self.precision, self.device):
            penalty = PENALTIES[str(config.penalty)](
                lambda images: self.discriminator(images, labels).logits, real, fake, random
            )
        return config.gamma * config.interval * penalty

    def _generator_step(self) -> Made:
        # The positions of the discriminator's last batch; streams keep apart what is drawn there.
        at = self.images_seen - self.config.optim.batch
        self._let_discriminator_learn(False)
        wanted = self.batches.labels(at)
        labels = wanted.vectors
        with autocast(self.precision, self.device):
            fake = self.generator(self.batches.latents(Stream.GENERATOR_LATENTS, at), labels)
            fake = self._shown(fake, Stream.GENERATOR_AUGMENT, at, 1)
            fake_says = real_says = self.discriminator(fake, labels)
            if self._adversarial.generator_sees_real:
                with torch.no_grad():
                    real = self._shown(self.batches.real(at).images, Stream.GENERATOR_AUGMENT, at, 0)
                    real_says = self.discriminator(real, labels)
            loss = self._adversarial.generator(real_says.logits, fake_says.logits)
            total = loss
            if self.generator.conditional:
                total = total + objectives.supervision(self.config.loss, fake_says, wanted)
        gradient = self._update("generator", total)
        self._let_discriminator_learn(True)
        return Made(loss.detach(), gradient)

    def _reconstruction_step(self) -> Made:
        """Move the generator and the latents of a batch's images towards making these images."""
        if self._latents is None:
            raise ValueError("the config has no reconstruction step")
        # A latent is learnt for an image, not for its mirror image too.
        batch = self.batches.real(self.images_seen, mirror=False)
        latents = self._latents.rows(batch.indices)
        with autocast(self.precision, self.device):
            made = self.generator(latents, batch.labels.vectors)
        loss = laplacian_pyramid_l1(made.float(), batch.images)
        gradient = self._update("reconstruction", loss)
        if latents.grad is not None:
            self._latents.move(batch.indices, latents.grad * len(latents), LATENT_LR)
        self.images_seen += self.config.optim.batch
        return Made(loss.detach(), gradient)

    def _update(self, name: str, loss: Tensor) -> Tensor:
        """One step of an optimiser, at the learning rate that the schedule has now; returns the gradient's norm."""
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        factor = rate(self.config.optim, self.images_seen)
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * factor
        optimiser.step()
        parameters = (parameter for group in optimiser.param_groups for parameter in group["params"])
        return nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])

    def _let_discriminator_learn(self, learns: bool) -> None:
        for parameter in self._learning:
            parameter.requires_grad_(learns)

    def _check_losses(self) -> None:
        if not self._statistics.finite:
            raise DivergedError(f"losses or gradients are not finite after {self.kimg:g} kimg")


def check_finite(trainer: Trainer) -> None:
    """Raise DivergedError unless everything that the next step depends on is finite, the average included."""
    weights = {name: network.state_dict() for name, network in trainer.networks().items()}
    name = first_not_finite({**weights, "state": trainer.state()})
    if name is not None:
        raise DivergedError(f"{name} is not finite after {trainer.kimg:g} kimg")


def _moved(means: tuple[Tensor, Tensor] | None, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """The running means of real and fake logits; the first batch begins them."""
    if means is None:
        return moved(real.mean().detach(), real, decay=0.0), moved(fake.mean().detach(), fake, decay=0.0)
    return moved(means[0], real), moved(means[1], fake)
