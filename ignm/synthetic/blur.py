"""Gaussian blurs as products with one small matrix, edges repeated."""

from functools import cache

import numpy as np
import torch
from torch import Tensor


def blurred(images: Tensor, sigma: float) -> Tensor:
    """Blur (..., S, S) by a Gaussian with a standard deviation of `sigma` pixels."""
    matrix = _matrix(images.shape[-1], sigma)
    return matrix @ (images @ matrix.T)


@cache
def _matrix(size: int, sigma: float) -> Tensor:
    reach = int(np.ceil(4 * sigma))
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / sigma) ** 2)
    matrix = np.zeros((size, size))
    for row in range(size):
        np.add.at(matrix[row], np.clip(row + offsets, 0, size - 1), weights / weights.sum())
    return torch.from_numpy(matrix.astype(np.float32))
