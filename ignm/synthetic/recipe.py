"""What a source hands over: all that decides its images, and how to make them block by block."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Block: TypeAlias = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]
"""Images (n, R, R, C), and the index of the real image that each was made from, -1 where there is none."""

NO_SOURCE = -1
_PIXELS = 1 << 18


@dataclass(frozen=True)
class Recipe:
    """How one pool is made.

    Images are made in whole blocks of one size, the last one's surplus is thrown away: products of matrices and
    networks round a little differently in batches of another size, so image i would else depend on the pool's count.
    """

    identity: dict[str, Any]
    """All that decides the images, apart from their count, as JSON."""
    block: int
    """Images in a block."""
    make: Callable[[int], Block]
    """Makes a block by its number."""


def block_of(resolution: int) -> int:
    """Return how many images to make at a time: 64 up to 64 x 64, fewer of larger ones, so that they fit a cache."""
    return min(64, max(4, _PIXELS // resolution**2))


def without_source(images: npt.NDArray[np.uint8]) -> Block:
    """Return a block of images that were made from none."""
    return images, np.full(len(images), NO_SOURCE, np.int64)
