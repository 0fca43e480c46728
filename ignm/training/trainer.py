"""A training, step by step: images in, updated networks out, and the running statistics of the updates."""

import math
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

import torch
from torch import nn

from ignm.augmentation.draws import Strength
from ignm.config import Config
from ignm.diagnostics.finite import first_not_finite
from ignm.initialisation.transfer import Copied
from ignm.models.shape import DataShape
from ignm.training.augmenting import Augmenting
from ignm.training.batches import Batches
from ignm.training.discriminator_step import DiscriminatorStep
from ignm.training.generator_step import GeneratorStep, ReconstructionStep
from ignm.training.parts import largest_part, parts_of
from ignm.training.players import Players
from ignm.training.running import Judged, Made, RunningStatistics
from ignm.training.training_set import TrainingSet

# How often the host asks the device whether the losses are still finite; each question waits for the device.
STEPS_BETWEEN_CHECKS = 50
STEPS_BETWEEN_PROGRESS = 10


class Phase(Enum):
    """What a step trains."""

    RECONSTRUCTION = "the generator alone, by reconstruction"
    DISCRIMINATOR = "the discriminator alone"
    JOINT = "both, against each other"


class DivergedError(Exception):
    """The training is lost: something in it is no longer finite, or all generated images are alike."""


class Trainer:
    """One config in training on one device; every schedule is a function of `images_seen`."""

    def __init__(
        self, config: Config, shown: TrainingSet, seed: int, device: torch.device, batch_parts: int = 1
    ) -> None:
        """Build the networks and optimisers; the images are read, never copied, on a CPU.

        A batch goes through them in `batch_parts` parts (`ignm.training.parts`). Raises IgnmError where a file that
        `init` names is not what it should be.
        """
        self.config, self.seed, self.device = config, seed, device
        # Resuming is bit-exact, which cuDNN's fastest kernels are not.
        torch.backends.cudnn.deterministic = True
        targets = shown.targets
        self.shape = DataShape.of(shown.images.shape[3], targets)
        self.batches = Batches(config, shown, seed, device)
        self.players = Players(config, self.shape, targets, seed, device)
        self.generator, self.discriminator = self.players.generator, self.players.discriminator
        self.average, self.optimisers = self.players.average, self.players.optimisers
        self._augmenting = Augmenting(config, self.batches, device)
        self._discriminator_step = DiscriminatorStep(self.players, self.batches, self._augmenting)
        self._generator_step = GeneratorStep(self.players, self.batches, self._augmenting)
        self._reconstruction_step: ReconstructionStep | None = None
        if config.init.reconstruction > 0:
            self._reconstruction_step = ReconstructionStep(self.players, self.batches, len(shown), seed)
        self.images_seen = 0
        self.steps = 0
        self.seconds = 0.0
        self._statistics = RunningStatistics(device)
        self._set_parts(batch_parts)

    @property
    def precision(self) -> str:
        """`bf16` or `fp32`."""
        return self.players.precision

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
        return self._augmenting.strength

    @property
    def images_at_once(self) -> int:
        """Images of a batch that one pass holds at most."""
        return largest_part(self.config.optim.batch, self.batch_parts)

    def reached(self, kimg: float) -> bool:
        """Whether training has come to `kimg`."""
        return self.images_seen >= kimg * 1000

    def initialise(self) -> dict[str, Copied]:
        """Take what fits from the checkpoint that the config names, if any; returns what was copied, by network.

        Raises IgnmError where there is no checkpoint, or nothing of it fits.
        """
        return self.players.initialise()

    def advance(
        self,
        kimg: float,
        on_progress: Callable[[float], None] = lambda kimg: None,
        for_seconds: float = math.inf,
    ) -> None:
        """Train until `kimg`, or for some time if that is over before; where it pauses changes nothing.

        Raises DivergedError when losses, gradients or weights are no longer finite.
        """
        self.generator.train()
        self.discriminator.train()
        started = time.perf_counter()
        while not self.reached(kimg):
            self._step()
            if self.steps % STEPS_BETWEEN_CHECKS == 0:
                self._check_losses()
            if self.steps % STEPS_BETWEEN_PROGRESS == 0:
                on_progress(self.kimg)
            # Asking the clock takes 50 ns.
            if time.perf_counter() - started >= for_seconds:
                break
        self._check_losses()
        self.seconds += time.perf_counter() - started
        check_finite(self)

    def take_statistics(self) -> dict[str, Any]:
        """Return the means since the last call and begin anew, by the names that a Measurement has.

        With them is what stands now: the strength of augmentation.
        """
        return {**self._statistics.take(), "augment_strength": float(self.augment_strength)}

    def state(self) -> dict[str, Any]:
        """Everything but the networks that the next step and the next measurement depend on."""
        means, learnt = self._discriminator_step.logit_means, self._reconstruction_step
        return {
            "images_seen": self.images_seen,
            "steps": self.steps,
            "seconds": self.seconds,
            "batch_parts": self.batch_parts,
            **self.players.state(),
            "logit_means": None if means is None else list(means),
            "augment": self._augmenting.state(),
            # Once the first step of two-step training is over they are not used again.
            "latents": learnt.state() if learnt and self.phase is Phase.RECONSTRUCTION else None,
            "statistics": self._statistics.state(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`, in no fewer parts than there; the networks are loaded beside it."""
        self.images_seen, self.steps, self.seconds = state["images_seen"], state["steps"], state["seconds"]
        self._set_parts(max(self.batch_parts, state["batch_parts"]))
        self.players.load_state(state)
        means = state["logit_means"]
        self._discriminator_step.logit_means = (
            None if means is None else (means[0].to(self.device), means[1].to(self.device))
        )
        self._augmenting.load_state(state["augment"])
        if self._reconstruction_step is not None and state["latents"] is not None:
            self._reconstruction_step.load_state(state["latents"])
        self._statistics.load_state(state["statistics"])

    def networks(self) -> dict[str, nn.Module]:
        """The networks by the names they have in a checkpoint."""
        return self.players.networks()

    def _set_parts(self, count: int) -> None:
        self.batch_parts = count
        self._parts = parts_of(self.config.optim.batch, count, self.device)

    def _step(self) -> None:
        phase, before, watched = self.phase, self.images_seen, self._statistics.norms_are_due
        of_judging: Judged | None = None
        of_making: Made | None = None
        if phase is Phase.RECONSTRUCTION:
            of_making = self._reconstruct(watched)
        else:
            for turn in range(1, self.config.optim.n_critic + 1):
                shared = phase is Phase.JOINT and turn == self.config.optim.n_critic
                of_judging, made = self._discriminator_step.take(self.images_seen, self._parts, shared, watched)
                self.images_seen += self.config.optim.batch
            if phase is Phase.JOINT:
                # The positions of the discriminator's last batch.
                at = self.images_seen - self.config.optim.batch
                of_making = self._generator_step.take(at, self.images_seen, self._parts, made, watched)
        self.players.follow(self.images_seen - before, before)
        self.steps += 1
        self._statistics.add(of_judging, of_making)

    def _reconstruct(self, watched: bool) -> Made:
        if self._reconstruction_step is None:
            raise ValueError("the config has no reconstruction step")
        made = self._reconstruction_step.take(self.images_seen, self._parts, watched)
        self.images_seen += self.config.optim.batch
        return made

    def _check_losses(self) -> None:
        if not self._statistics.finite:
            raise DivergedError(f"losses or gradients are not finite after {self.kimg:g} kimg")


def check_finite(trainer: Trainer) -> None:
    """Raise DivergedError unless everything that the next step depends on is finite, the average included."""
    weights = {name: network.state_dict() for name, network in trainer.networks().items()}
    name = first_not_finite({**weights, "state": trainer.state()})
    if name is not None:
        raise DivergedError(f"{name} is not finite after {trainer.kimg:g} kimg")
