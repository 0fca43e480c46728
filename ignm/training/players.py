"""The two networks in training: how they begin, how they are updated, what is averaged."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ignm.config import Config
from ignm.data.targets import Targets
from ignm.errors import IgnmError
from ignm.initialisation.groups import freeze
from ignm.initialisation.transfer import Copied, load_initial, transfer
from ignm.models.generator import LABEL_SAMPLES
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape
from ignm.training import ema
from ignm.training.device import autocast, resolve_precision
from ignm.training.optimisers import build_optimisers
from ignm.training.randomness import Stream, seed_of
from ignm.training.schedule import rate


class Players:
    """Generator, discriminator, the generator's running average, and an optimiser for each network."""

    def __init__(self, config: Config, shape: DataShape, targets: Targets, seed: int, device: torch.device) -> None:
        """Build them; raises IgnmError where a file that `init` names is not what it should be."""
        self.config, self.device = config, device
        self.precision = resolve_precision(config.optim.precision, device)
        self.generator = build_generator(config, shape, seed_of(seed, Stream.GENERATOR_WEIGHTS)).to(device)
        self.discriminator = build_discriminator(config, shape, seed_of(seed, Stream.DISCRIMINATOR_WEIGHTS)).to(device)
        if self.generator.conditional:
            rows = np.random.default_rng(seed_of(0, Stream.LABELS)).integers(len(targets), size=LABEL_SAMPLES)
            self.generator.label_samples.copy_(targets.batch(rows, device).vectors)
        self.average = ema.frozen_copy(self.generator)
        self._averaging = ema.Averaging(self.average, self.generator)
        self.learning = freeze(self.discriminator.ordered(), config.init.freeze)
        """Parameters of the discriminator that are not frozen."""
        self.optimisers = build_optimisers(config, self.generator.ordered(), self.discriminator.ordered())

    def networks(self) -> dict[str, nn.Module]:
        """The networks by the names they have in a checkpoint."""
        return {"generator": self.generator, "discriminator": self.discriminator, "generator_ema": self.average}

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

    def computing(self) -> AbstractContextManager[object]:
        """The autocast context that networks and losses are computed in."""
        return autocast(self.precision, self.device)

    @contextmanager
    def discriminator_at_rest(self) -> Iterator[None]:
        """The discriminator's weights take no gradient, and after it only what learns does."""
        for parameter in self.learning:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in self.learning:
                parameter.requires_grad_(True)

    def clear(self, name: str) -> None:
        """Forget the gradients of an optimiser's parameters."""
        self.optimisers[name].zero_grad(set_to_none=True)

    def update(self, name: str, images_seen: int) -> None:
        """One step of an optimiser, at the learning rate that the schedule has now."""
        optimiser = self.optimisers[name]
        factor = rate(self.config.optim, images_seen)
        for group in optimiser.param_groups:
            group["lr"] = group["base_lr"] * factor
        optimiser.step()

    def gradient(self, name: str) -> Tensor:
        """Norm (), over all that an optimiser updates, of the gradient that its last step took."""
        parameters = (parameter for group in self.optimisers[name].param_groups for parameter in group["params"])
        return nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])

    def follow(self, images: int, images_seen: int) -> None:
        """Move the average towards the generator, after a step that showed `images` beyond `images_seen`."""
        self._averaging.update(ema.decay(self.config.ema, images, images_seen))

    def state(self) -> dict[str, Any]:
        """Everything but the networks that the next update depends on."""
        optimisers = {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()}
        return {"precision": self.precision, "optimisers": optimisers}

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from `state`; the networks are loaded beside it."""
        self.precision = state["precision"]
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
