"""The running average of the generator's weights."""

import copy
from typing import TypeVar

import torch
from torch import nn

from ignm.config.learning import EmaConfig

N = TypeVar("N", bound=nn.Module)


def frozen_copy(network: N) -> N:
    """Return a copy in eval mode whose parameters take no gradient."""
    return copy.deepcopy(network).eval().requires_grad_(False)


def decay(config: EmaConfig, batch: int, images_seen: int) -> float:
    """The weight kept by the old average at a step: 0.5^(batch / half-life), both in images (Karras et al. 2020)."""
    half_life = config.half_life * 1000
    if config.ramp > 0:
        half_life = min(half_life, images_seen * config.ramp)
    return 0.5 ** (batch / max(half_life, 1e-8))


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, keep: float) -> None:
    """Move the average towards the network, batch statistics included; other buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
    for (name, old), new in zip(average.named_buffers(), network.buffers(), strict=True):
        if name.endswith(("running_mean", "running_var")):
            old.lerp_(new, 1 - keep)
        else:
            old.copy_(new)
