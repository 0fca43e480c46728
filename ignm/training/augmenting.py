"""What both steps show the discriminator: images augmented as strongly as it is time for."""

from typing import Any

import torch
from torch import Tensor

from ignm.augmentation.adaptive import AdaptiveStrength
from ignm.augmentation.draws import Strength
from ignm.config import Config
from ignm.training.batches import Batches
from ignm.training.parts import Part
from ignm.training.randomness import Stream


class Augmenting:
    """The config's policy, at its strength; both sides of the game see the same kind of images."""

    def __init__(self, config: Config, batches: Batches, device: torch.device) -> None:
        """Begin at strength 0 where it adapts."""
        self._config, self._batches = config.augment, batches
        self._batch = config.optim.batch
        self._adaptive: AdaptiveStrength | None = None
        if config.augment.target is not None:
            self._adaptive = AdaptiveStrength(
                config.augment.target, config.augment.adapt_kimg, config.optim.batch, device
            )

    @property
    def strength(self) -> Strength:
        """Strength in the next step; a tensor () on the device where it adapts, 0 without a policy."""
        if self._adaptive is not None:
            return self._adaptive.strength
        return self._config.strength if self._config.policy is not None else 0.0

    def changed(self, images: Tensor, stream: Stream, at: int, side: int) -> Tensor:
        """Augmented images of a whole batch."""
        return self._batches.augmented(images, self.strength, stream, at, side)

    def shown(self, images: Tensor, stream: Stream, at: int, side: int) -> Tensor:
        """What the adversarial loss judges: augmented images, or with consistency regularisation images as they are."""
        return images if self._config.consistency > 0 else self.changed(images, stream, at, side)

    def shown_part(self, images: Tensor, part: Part, stream: Stream, at: int, side: int) -> Tensor:
        """The same of a part of a batch: what is drawn for these images in the whole one."""
        if part.rows is None or self._config.policy is None:
            return self.shown(images, stream, at, side)
        return part.of(self.shown(part.among(images, self._batch), stream, at, side))

    def observe(self, real_logits: Tensor) -> None:
        """Note one discriminator step's logits (N,) of real images, where the strength follows them."""
        if self._adaptive is not None:
            self._adaptive.observe(real_logits)

    def state(self) -> dict[str, Any] | None:
        """Everything that the next step depends on."""
        return None if self._adaptive is None else self._adaptive.state()

    def load_state(self, state: dict[str, Any] | None) -> None:
        """Continue from `state`."""
        if self._adaptive is not None and state is not None:
            self._adaptive.load_state(state)
