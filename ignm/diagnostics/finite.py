"""Whether everything that a training goes on from is finite."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor


def tensors_in(state: Any, name: str) -> Iterator[tuple[str, Tensor]]:
    """Yield every floating-point tensor in nested mappings and lists, under its path from `name` on."""
    if isinstance(state, Tensor):
        if state.is_floating_point() and state.numel():
            yield name, state
    elif isinstance(state, Mapping):
        for key, value in state.items():
            yield from tensors_in(value, f"{name}.{key}")
    elif isinstance(state, list | tuple):
        for index, value in enumerate(state):
            yield from tensors_in(value, f"{name}.{index}")


@torch.no_grad()
def first_not_finite(state: Mapping[str, Any]) -> str | None:
    """Return the path of a tensor in `state` with a number that is not finite, None if there is none.

    Waits for the device once where all is well. Finite numbers of any size count as such.
    """
    found = [pair for name, value in state.items() for pair in tensors_in(value, name)]
    if not found:
        return None
    # The largest magnitude, not the Euclidean norm, which overflows for large finite numbers.
    largest = torch.stack([each.double().to(found[0][1].device) for each in _magnitudes(found)])
    fine = torch.isfinite(largest)
    if bool(fine.all()):
        return None
    return found[int((~fine).nonzero()[0])][0]


def _magnitudes(found: list[tuple[str, Tensor]]) -> list[Tensor]:
    return list(torch._foreach_norm([tensor.detach() for _, tensor in found], float("inf")))
