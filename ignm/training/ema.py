"""The running average of the generator's weights."""

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

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


class Averaging:
    """Moves an average towards its network, batch statistics included; other buffers are copied.

    The tensors are looked up once: both modules must keep theirs.
    """

    def __init__(self, average: nn.Module, network: nn.Module) -> None:
        self._averaged: list[Tensor] = [*average.parameters()]
        self._towards: list[Tensor] = [*network.parameters()]
        self._copied: list[Tensor] = []
        self._copies: list[Tensor] = []
        for (name, old), new in zip(average.named_buffers(), network.buffers(), strict=True):
            moves = name.endswith(("running_mean", "running_var"))
            (self._averaged if moves else self._copied).append(old)
            (self._towards if moves else self._copies).append(new)

    @torch.no_grad()
    def update(self, keep: float) -> None:
        """Move by 1 - `keep` of the way."""
        torch._foreach_lerp_(self._averaged, self._towards, 1 - keep)
        if self._copied:
            torch._foreach_copy_(self._copied, self._copies)
