"""Many comparisons in one table: Holm for stated hypotheses, Benjamini-Hochberg for exploration, seeds in advance."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from ignm.errors import IgnmError


def holm(p: Sequence[float | None]) -> list[float]:
    """Return Holm's adjusted p (1979), each to be compared with alpha; None, what could not be tested, counts as 1."""
    values = _numbers(p)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty(len(values))
    # statsmodels has it too, but collects garbage on every call: 0.04 s each.
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return [float(value) for value in np.minimum(adjusted, 1.0)]


def benjamini_hochberg(p: Sequence[float | None]) -> list[float]:
    """Return Benjamini and Hochberg's adjusted p (1995): the share of false finds among those at or below it."""
    values = _numbers(p)
    return [float(value) for value in stats.false_discovery_control(values)] if len(values) else []


def holm_levels(p: Sequence[float | None], alpha: float) -> list[float]:
    """Return the level each hypothesis is tested at by Holm's steps; an interval at 1 - level agrees with the test.

    The r-th smallest p is tested at alpha / (m - r + 1); from the first that fails on, all have that one's level.
    """
    values = _numbers(p)
    order = np.argsort(values, kind="stable")
    steps = alpha / (len(values) - np.arange(len(values)))
    failed = np.flatnonzero(values[order] > steps)
    if len(failed):
        steps[failed[0] :] = steps[failed[0]]
    levels = np.empty(len(values))
    levels[order] = steps
    return [float(level) for level in levels]


def seeds_needed(comparisons: int, alpha: float = 0.05) -> int:
    """Return the fewest seeds with which an exact two-sided sign-flip test can pass Holm's first step.

    Its smallest p is 2 / 2^n, and the first step asks for alpha / comparisons.
    """
    if comparisons < 1 or not 0 < alpha < 1:
        raise IgnmError(f"{comparisons} comparisons at alpha {alpha}: give 1 or more, and an alpha between 0 and 1")
    n = max(1, math.floor(1 + math.log2(comparisons / alpha)) - 1)
    while 2.0 ** (1 - n) > alpha / comparisons:
        n += 1
    return n


def _numbers(p: Sequence[float | None]) -> np.ndarray:
    values = np.array([1.0 if value is None else value for value in p], dtype=float)
    if not ((values >= 0) & (values <= 1)).all():
        raise IgnmError(f"p-values lie between 0 and 1 (None where there is none); got {list(p)}")
    return values
