"""The difference of two arms: over pairs of one seed where they share their seeds, else Welch's."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.statistics.estimates import (
    CONFIDENCE,
    Estimate,
    NotEstimable,
    check_confidence,
    t_parts,
    too_few,
    without_spread,
)
from ignm.errors import IgnmError


@dataclass(frozen=True)
class Difference(Estimate):
    """A difference of means; the t interval is the headline, what stands beside it is None where it does not apply.

    sd: such that error = sd / sqrt(n), of the differences if paired; correlation: of the two arms over the seeds, as it
    came out. `resampling.py` tests the same differences without a normal distribution.
    """

    sd: float
    paired: bool
    correlation: float | None = None


def improvement(
    baseline: Any, improved: Any, confidence: float = CONFIDENCE, lower_is_better: bool = True
) -> Difference | NotEstimable:
    """Return by how much `improved` is better than `baseline`, above 0 where it is; see `difference`.

    lower_is_better: as for quality (a distance); False for a measure that is to be high.
    """
    one, other = (baseline, improved) if lower_is_better else (improved, baseline)
    return difference(one, other, confidence)


def difference(one: Any, other: Any, confidence: float = CONFIDENCE) -> Difference | NotEstimable:
    """Return mean(one) - mean(other), over pairs where more than half of the seeds that either names are in both.

    one, other: a Series indexed by seed, or plain values whose position is their seed. Runs of one seed share data
    order and latents, which is what pairing uses. Where seeds repeat or do not match, it is Welch's (1947).
    """
    left, right = _series(one), _series(other)
    if _identified(left) and _identified(right):
        table = _side_by_side(left, right)
        if 2 * int(np.isfinite(table).all(axis=1).sum()) > len(table):
            return _of_pairs(table, confidence)
    return welch_difference(left, right, confidence)


def paired_difference(one: Any, other: Any, confidence: float = CONFIDENCE) -> Difference | NotEstimable:
    """Return the mean of one - other over the seeds that both have; the others are dropped and counted as lost.

    Raises IgnmError where an arm has two runs of one seed, or runs without one.
    """
    left, right = _series(one), _series(other)
    if not (_identified(left) and _identified(right)):
        raise IgnmError("runs can be paired only where each has a seed, and no arm two runs of one seed")
    return _of_pairs(_side_by_side(left, right), confidence)


def _of_pairs(table: np.ndarray, confidence: float) -> Difference | NotEstimable:
    """Return the mean difference of the two columns of (seeds, 2), NaN where a run left nothing."""
    check_confidence(confidence)
    pairs = table[np.isfinite(table).all(axis=1)]
    lost = len(table) - len(pairs)
    differences = pairs[:, 0] - pairs[:, 1]
    refused = too_few(differences, "pair of runs", lost) or without_spread(differences, pairs, lost)
    if refused is not None:
        return refused
    n, sd = len(differences), float(differences.std(ddof=1))
    return Difference(
        **t_parts(float(differences.mean()), sd / math.sqrt(n), n - 1, confidence),
        n=n,
        lost=lost,
        method=f"paired t, the same {n} seeds on both sides",
        sd=sd,
        paired=True,
        correlation=_correlation(pairs),
    )


def welch_difference(one: Any, other: Any, confidence: float = CONFIDENCE) -> Difference | NotEstimable:
    """Return mean(one) - mean(other) of independent runs (Welch 1947); n is the smaller side's number of runs."""
    check_confidence(confidence)
    sides = [_series(values) for values in (one, other)]
    kept = [_finite(side).to_numpy() for side in sides]
    lost = sum(len(side) - len(values) for side, values in zip(sides, kept, strict=True))
    n = min(len(values) for values in kept)
    value = float(kept[0].mean() - kept[1].mean()) if n else None
    if n < 2:
        sizes = f"{len(kept[0])} against {len(kept[1])} runs"
        return NotEstimable(
            f"too few seeds that do not pair ({sizes}, {lost} lost): two a side are needed", n, lost, value
        )
    variances = [float(values.var(ddof=1)) / len(values) for values in kept]
    error = math.sqrt(sum(variances))
    if all(without_spread(values, values, lost) for values in kept):
        return NotEstimable("neither side varies: there is no seed noise to measure with", n, lost, value)
    df = sum(variances) ** 2 / sum(v**2 / (len(values) - 1) for v, values in zip(variances, kept, strict=True))
    return Difference(
        **t_parts(float(kept[0].mean() - kept[1].mean()), error, df, confidence),
        n=n,
        lost=lost,
        method=f"Welch, {len(kept[0])} seeds against {len(kept[1])}",
        sd=error * math.sqrt(n),
        paired=False,
    )


def _series(values: Any) -> "pd.Series[float]":
    return values.astype(float) if isinstance(values, pd.Series) else pd.Series(np.asarray(values, dtype=float))


def _finite(values: "pd.Series[float]") -> "pd.Series[float]":
    return values[np.isfinite(values)]


def _identified(values: "pd.Series[float]") -> bool:
    return bool(values.index.is_unique and not values.index.hasnans)


def _side_by_side(left: "pd.Series[float]", right: "pd.Series[float]") -> np.ndarray:
    if left.index.equals(right.index):
        return np.column_stack([left.to_numpy(), right.to_numpy()])
    return pd.concat([left, right], axis=1).to_numpy(dtype=float)


def _correlation(pairs: np.ndarray) -> float | None:
    spread = pairs.std(axis=0)
    if len(pairs) < 3 or (spread == 0).any():
        return None
    return float(np.corrcoef(pairs.T)[0, 1])
