"""Several datasets in one number: interquartile mean and probability of improvement, stratified by dataset."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import special, stats
from scipy.optimize import brentq

from analysis.statistics.estimates import CONFIDENCE, NotEstimable, check_confidence
from ignm.errors import IgnmError

RESAMPLES, DRAW_SEED = 10_000, 20_240_311


@dataclass(frozen=True)
class Across:
    """A number over several datasets with its interval; n: runs in all, of the smaller side where there are two."""

    value: float
    low: float
    high: float
    confidence: float
    datasets: int
    n: int
    lost: int
    method: str
    estimable: ClassVar[bool] = True


def log_improvement(baseline: "pd.Series[float]", improved: "pd.Series[float]") -> "pd.Series[float]":
    """Return ln(baseline / improved) per seed of two distances above 0, so that datasets can be put together.

    0.1 is about 10% better. Seeds that either lacks are NaN. Raises IgnmError for a distance of 0 or less.
    """
    pairs = pd.concat([baseline, improved], axis=1).astype(float)
    if (pairs <= 0).to_numpy().any():
        raise IgnmError("a ratio of distances needs both above 0; compare differences instead")
    return np.log(pairs.iloc[:, 0]) - np.log(pairs.iloc[:, 1])


def interquartile_mean(scores: Mapping[str, Any], confidence: float = CONFIDENCE) -> Across | NotEstimable:
    """Return the mean of the middle half of all scores (Agarwal et al. 2021), e.g. of `log_improvement`.

    scores: dataset -> one score a seed, in a unit that all datasets share. The interval is a bootstrap stratified by
    dataset, its percentiles widened for few seeds (Hesterberg 2015): the plain one is too narrow there.
    """
    check_confidence(confidence)
    kept, lost = _finite(scores)
    sizes = {name: len(values) for name, values in kept.items()}
    refused = _too_few("two seeds on each of them", sizes, lost)
    if refused is not None:
        return refused
    value = float(stats.trim_mean(np.concatenate(list(kept.values())), 0.25))
    rng = np.random.default_rng(DRAW_SEED)
    drawn = [
        np.sort(values)[rng.integers(0, len(values), (RESAMPLES, len(values)))] for _, values in sorted(kept.items())
    ]
    means = stats.trim_mean(np.concatenate(drawn, axis=1), 0.25, axis=1)
    tail = _widened(list(sizes.values()), confidence)
    low, high = np.quantile(means, [tail, 1 - tail])
    method = "bootstrap stratified by dataset, widened for few seeds"
    return Across(value, float(low), float(high), confidence, len(kept), sum(sizes.values()), lost, method)


def probability_of_improvement(
    baseline: Mapping[str, Any],
    improved: Mapping[str, Any],
    confidence: float = CONFIDENCE,
    lower_is_better: bool = True,
) -> Across | NotEstimable:
    """Return the probability that a run of `improved` beats one of `baseline`, ties half, averaged over the datasets.

    baseline, improved: dataset -> one value a seed. The mean of the datasets' Mann-Whitney statistics (Agarwal et al.
    2021), with a score interval after Newcombe (2006, method 5), t for z: unlike a bootstrap's it is not empty where
    all runs win. Raises IgnmError where the datasets are not the same.
    """
    check_confidence(confidence)
    if set(baseline) != set(improved):
        raise IgnmError(f"the datasets differ: {', '.join(baseline)} against {', '.join(improved)}")
    sides = [_finite(side) for side in (baseline, improved)]
    lost = sum(side[1] for side in sides)
    pairs = {name: (sides[0][0][name], sides[1][0][name]) for name in sorted(baseline)}
    sizes = {name: min(len(values) for values in pair) for name, pair in pairs.items()}
    refused = _too_few("two runs of both on each of them", sizes, lost)
    if refused is not None:
        return refused
    ordered = [pair if lower_is_better else pair[::-1] for pair in pairs.values()]
    wins = [float(stats.mannwhitneyu(one, other).statistic) / (len(one) * len(other)) for one, other in ordered]
    value = float(np.mean(wins))
    low, high = _score_limits(value, [(len(one), len(other)) for one, other in ordered], confidence)
    method = "Mann-Whitney, Newcombe's score interval"
    return Across(value, low, high, confidence, len(wins), sum(sizes.values()), lost, method)


def _score_limits(found: float, sizes: list[tuple[int, int]], confidence: float) -> tuple[float, float]:
    """Return where the average found is t times the error away that each average theta would have.

    Newcombe's variance at theta, the same on all datasets, is never less than where they differ: it is concave.
    """
    df = sum(m + n - 2 for m, n in sizes)
    t = -float(special.stdtrit(df, (1 - confidence) / 2))

    def excess(theta: float) -> float:
        return (found - theta) ** 2 - t**2 * sum(_variance(theta, m, n) for m, n in sizes) / len(sizes) ** 2

    return _root(excess, 0.0, found), _root(excess, 1.0, found)


def _variance(theta: float, m: int, n: int) -> float:
    """Variance of the Mann-Whitney probability of m and n runs (Newcombe 2006, method 5)."""
    shape = (1 - theta) / (2 - theta) + theta / (1 + theta)
    return theta * (1 - theta) * (1 + ((m + n) / 2 - 1) * shape) / (m * n)


def _root(excess: Callable[[float], float], end: float, found: float) -> float:
    """Return where between the end and the value found the excess is 0; the end itself where that was found."""
    if found == end:
        return end
    # Where all runs win, the value found is a root itself, and not the one that is meant.
    return float(brentq(excess, end, found + 1e-9 * (end - found), xtol=1e-12))


def _widened(sizes: list[int], confidence: float) -> float:
    """Return the tail to cut off: the bootstrap's spread is short by (n - 1) / n, and its tails are the normal's."""
    df = sum(size - 1 for size in sizes)
    mean_size = len(sizes) / sum(1 / size for size in sizes)
    reach = -float(special.stdtrit(df, (1 - confidence) / 2)) * math.sqrt(mean_size / (mean_size - 1))
    return float(stats.norm.sf(reach))


def _finite(groups: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], int]:
    every = {name: np.asarray(values, dtype=float) for name, values in groups.items()}
    kept = {name: values[np.isfinite(values)] for name, values in every.items()}
    return kept, sum(len(every[name]) - len(kept[name]) for name in kept)


def _too_few(needed: str, sizes: Mapping[str, int], lost: int) -> NotEstimable | None:
    short = [name for name, size in sizes.items() if size < 2]
    if sizes and not short:
        return None
    where = f"too few on {', '.join(short)}" if sizes else "there are none"
    tail = f" ({lost} lost)" if lost else ""
    return NotEstimable(f"a number over datasets needs {needed}: {where}{tail}", sum(sizes.values()), lost)
