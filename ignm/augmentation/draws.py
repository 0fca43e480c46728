"""What augmentations draw: values for each image, which are 0 (no change) unless the image's coin says otherwise."""

import torch
from torch import Tensor

Strength = float | Tensor
"""Within 0 and 1; a tensor () stays on its device, so that nobody waits for it."""


def uniform(values: int, count: int, probability: Strength, generator: torch.Generator) -> Tensor:
    """Values from -1 to 1, as (values, count) in float32; all of an image's values are 0 with 1 - `probability`."""
    drawn = torch.rand(values, count, generator=generator, device=generator.device)
    return _or_0(drawn * 2 - 1, probability, generator)


def normal(values: int, count: int, probability: Strength, generator: torch.Generator) -> Tensor:
    """Values from the normal distribution, as (values, count) in float32; else as `uniform`."""
    return _or_0(torch.randn(values, count, generator=generator, device=generator.device), probability, generator)


def _or_0(drawn: Tensor, probability: Strength, generator: torch.Generator) -> Tensor:
    # Coins do not depend on the probability: what is changed at 0.2 is changed at 0.6 too, and by the same.
    coins = torch.rand(drawn.shape[1], generator=generator, device=generator.device)
    return torch.where(coins < probability, drawn, 0.0)
