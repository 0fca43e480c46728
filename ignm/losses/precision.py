"""Losses are summed in full precision whatever the networks computed in."""

import torch
from torch import Tensor

HALVES = (torch.bfloat16, torch.float16)


def at_least_float32(values: Tensor) -> Tensor:
    """Half-precision values as float32; float32 and float64 as they are."""
    return values.float() if values.dtype in HALVES else values
