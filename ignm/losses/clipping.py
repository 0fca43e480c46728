"""Weight clipping, the constraint of the first Wasserstein GAN; it is done to the weights, so it is no loss term."""

from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_weights(parameters: Iterable[Tensor], clip: float) -> None:
    """Hold every parameter within +-clip, in place (Arjovsky et al. 2017, algorithm 1); ValueError unless clip > 0."""
    if not clip > 0:
        raise ValueError(f"weights are clipped to +-clip, which must be above 0: {clip}")
    for parameter in parameters:
        parameter.clamp_(-clip, clip)
