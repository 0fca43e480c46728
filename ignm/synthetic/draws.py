"""Random numbers of the pool: image i's are a pure function of (seed, purpose, i)."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_POOL = 0x5EED
_PER_STEP = 4  # doubles that one step of Philox's counter yields


class Purpose(IntEnum):
    """What random numbers are for; numbers of one purpose do not depend on what else is drawn."""

    ORDER = 0
    LIGHT = 1
    POSE = 2
    BACKGROUND = 3
    SCENE = 4
    TEMPERATURE = 5
    FACES = 6
    LATENTS = 7


def seed_for(seed: int, purpose: Purpose, position: int = 0) -> int:
    """Return a 63-bit seed, well mixed, and never that of a trial or of the embedded dataset."""
    return int(np.random.SeedSequence((_POOL, seed, int(purpose), position)).generate_state(1, np.uint64)[0] >> 1)


def uniforms(seed: int, purpose: Purpose, start: int, count: int, columns: int) -> npt.NDArray[np.float64]:
    """Return (count, columns) numbers of 0 to 1: the rows of images start to start + count - 1."""
    steps = -(-columns // _PER_STEP)
    bits = np.random.Philox(seed_for(seed, purpose))
    bits.advance(start * steps)
    return np.random.Generator(bits).random((count, steps * _PER_STEP))[:, :columns]


def between(column: npt.NDArray[np.float64], low: float, high: float) -> Tensor:
    """Turn numbers of 0 to 1 into float32 (n, 1, 1, 1) of low to high."""
    return torch.from_numpy((low + (high - low) * column).astype(np.float32)).reshape(-1, 1, 1, 1)


def coordinates(size: int) -> tuple[Tensor, Tensor]:
    """Return x (1, 1, 1, size) and y (1, 1, size, 1) of the pixels' centres, -1 to 1, rightwards and downwards."""
    axis = (torch.arange(size, dtype=torch.float32) * 2 + 1) / size - 1
    return axis.reshape(1, 1, 1, -1), axis.reshape(1, 1, -1, 1)
