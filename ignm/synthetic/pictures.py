"""Originals beside what was made from them."""

import numpy as np
import numpy.typing as npt

from ignm.data.cache import Dataset
from ignm.synthetic.pool import Pool
from ignm.training.samples import grid

_COLUMNS = 8
_GAP = 2


def pair_grid(dataset: Dataset, pool: Pool, count: int) -> npt.NDArray[np.uint8]:
    """Return (H, W, 3): `count` images of the pool, evenly spread over it, each to the right of its original.

    An image that was made from none stands alone.
    """
    chosen = np.unique(np.linspace(0, len(pool) - 1, max(1, min(count, len(pool)))).astype(np.int64))
    sources = pool.sources[chosen]
    made = pool.images[chosen]
    paired = bool((sources >= 0).all())
    if paired:
        made = np.stack([dataset.images[sources], made], axis=1).reshape(-1, *made.shape[1:])
    columns = min(len(made), _COLUMNS * (2 if paired else 1))
    return np.asarray(grid(made, columns, _GAP).convert("RGB"))
