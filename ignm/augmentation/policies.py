"""Policies by the names that the config uses, and the one way to apply them."""

from collections.abc import Callable

import torch
from torch import Tensor

from ignm.augmentation.ada import ada
from ignm.augmentation.diffaugment import brightness, contrast, cutout, saturation, translation
from ignm.augmentation.draws import Strength

Augmentation = Callable[[Tensor, Strength, torch.Generator], Tensor]

POLICIES: dict[str, tuple[Augmentation, ...]] = {
    "diffaugment": (brightness, saturation, contrast, translation, cutout),
    "ada": (ada,),
}


def augment(images: Tensor, policy: str | None, strength: Strength, generator: torch.Generator) -> Tensor:
    """Apply every transformation of a policy to images (N, C, R, R) in [-1, 1], on the device of `generator`.

    Policy None or strength 0 gives the images themselves; a strength that is a tensor () on the device gives their
    values, and nothing waits for the device.
    """
    if policy is None or (not isinstance(strength, Tensor) and strength == 0):
        return images
    changed = images
    for transform in POLICIES[policy]:
        changed = transform(changed, strength, generator)
    return torch.where(strength > 0, changed, images) if isinstance(strength, Tensor) else changed
