"""Which images are kept, and whose labels they are shown with; both nested: more is the same and more."""

from enum import IntEnum

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


class _Purpose(IntEnum):
    KEEP = 1
    LABELS = 2


def kept_rows(count: int, keep: float, seed: int) -> Rows:
    """Return which of `count` images are kept (M,), sorted: M = round(keep * count), the first of a seeded ranking."""
    kept = round(keep * count)
    return np.arange(count) if kept == count else np.sort(_ranking(count, seed, _Purpose.KEEP)[:kept])


def shown_labels(rows: Rows, count: int, share: float, seed: int) -> Rows:
    """Return whose labels each of the kept images `rows` (M,) of `count` is shown with (M,).

    round(share * M) images, the first of a seeded ranking, hand their labels round in a ring, so each of them gets
    another one's and every label is seen as often as before; one alone keeps its own. That other image may well have
    the same label: of K balanced classes, a share of 1 makes (K - 1) / K of the labels wrong.
    """
    labels = rows.copy()
    swapped = round(share * len(rows))
    if swapped > 1:
        ranking = _ranking(count, seed, _Purpose.LABELS)
        ring = ranking[np.isin(ranking, rows)][:swapped]
        labels[np.searchsorted(rows, ring)] = np.roll(ring, -1)
    return labels


def _ranking(count: int, seed: int, purpose: _Purpose) -> Rows:
    return np.random.default_rng((seed, int(purpose))).permutation(count)
