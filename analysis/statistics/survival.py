"""Faster: the time to a threshold, where some runs never reach it (Kaplan-Meier, log-rank, restricted mean)."""

import math
import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight

from analysis.statistics.estimates import CONFIDENCE, Estimate, NotEstimable, check_confidence, t_parts
from analysis.statistics.paired import difference
from ignm.errors import IgnmError

EXACT_ORDERS = 20_000
"""Up to this many ways to deal the runs out to the two arms, all of them are counted."""

DRAW_SEED = 20_240_321


@dataclass(frozen=True)
class Times:
    """For each seed of an arm: when it reached the threshold, or how long it was watched without that.

    times: 0 or more, in kimg or seconds; reached: False where the run ended before. All three have one length.
    """

    seeds: tuple[object, ...]
    times: tuple[float, ...]
    reached: tuple[bool, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.seeds), len(self.times), len(self.reached)}
        if len(lengths) > 1 or any(not 0 <= time < math.inf for time in self.times):
            raise IgnmError(
                "times to a threshold need a seed, a finite time of 0 or more and reached or not for each run"
            )

    def restricted(self, horizon: float) -> "pd.Series[float]":
        """Return min(time, horizon) by seed; NaN where a run was watched for less and had not reached it."""
        times, reached = np.array(self.times, dtype=float), np.array(self.reached, dtype=bool)
        known = reached | (times >= horizon)
        return pd.Series(np.where(known, np.minimum(times, horizon), np.nan), index=list(self.seeds), dtype=float)


@dataclass(frozen=True)
class Survival:
    """One arm's times. median, low, high: Kaplan-Meier's, None where too few runs reached it to say ("longer")."""

    median: float | None
    low: float | None
    high: float | None
    confidence: float
    reached: int
    n: int
    estimable: ClassVar[bool] = True


@dataclass(frozen=True)
class Speedup:
    """How much sooner `improved` reaches the threshold than `baseline`.

    permutation_p: of the log-rank statistic over all ways to deal out the runs (fixed-seed sample above 20,000), as its
    normal approximation errs with few seeds; saved: restricted mean of the baseline minus the
    improved arm's, within `horizon`; ratio, ratio_low, ratio_high: of geometric means, above 1 where improved is
    faster; None where a run never reached it, and then `no_ratio` says so.
    """

    permutation_p: float
    saved: Estimate | NotEstimable
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    no_ratio: str
    horizon: float
    n_baseline: int
    n_improved: int
    estimable: ClassVar[bool] = True


def survival(arm: Times, confidence: float = CONFIDENCE) -> Survival | NotEstimable:
    """Return the Kaplan-Meier median, its interval by log-log (Brookmeyer and Crowley 1982)."""
    check_confidence(confidence)
    if not arm.seeds:
        return NotEstimable("no run was watched")
    if not any(arm.reached):
        median = low = high = math.inf
    else:
        curve = SurvfuncRight(np.array(arm.times), np.array(arm.reached, dtype=int))
        median = float(curve.quantile(0.5))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            low, high = (float(end) for end in curve.quantile_ci(0.5, alpha=1 - confidence, method="cloglog"))
    return Survival(_known(median), _known(low), _known(high), confidence, sum(arm.reached), len(arm.seeds))


def speedup(
    baseline: Times, improved: Times, horizon: float | None = None, confidence: float = CONFIDENCE
) -> Speedup | NotEstimable:
    """Compare two arms' times to one threshold.

    horizon: of the restricted mean; unless told, the time up to which every run that did not reach it was watched.
    """
    check_confidence(confidence)
    sizes = (len(baseline.seeds), len(improved.seeds))
    if min(sizes) < 2:
        why = f"{sizes[0]} against {sizes[1]} runs were watched, two a side are needed"
        return NotEstimable(f"no speed-up can be estimated: {why}", min(sizes))
    if not any(baseline.reached) and not any(improved.reached):
        return NotEstimable(f"none of {sizes[0]} + {sizes[1]} runs reached the threshold", min(sizes))
    limit = float(_common_horizon(baseline, improved) if horizon is None else horizon)
    ratio, why = _ratio(baseline, improved, confidence)
    return Speedup(
        _permutation_p(baseline, improved),
        _saved(baseline, improved, limit, confidence),
        *ratio,
        why,
        limit,
        *sizes,
    )


def restricted_mean(arm: Times, horizon: float) -> tuple[float, float]:
    """Return the mean time below the threshold within `horizon`, and its standard error.

    That is the area under the Kaplan-Meier curve, held level beyond the last run (Greenwood's error).
    """
    times, reached = np.array(arm.times), np.array(arm.reached, dtype=bool)
    events = np.unique(times[reached & (times <= horizon)])
    at_risk = np.array([(times >= event).sum() for event in events], dtype=float)
    deaths = np.array([(reached & (times == event)).sum() for event in events], dtype=float)
    curve = np.concatenate([[1.0], np.cumprod(1 - deaths / at_risk)])
    steps = np.diff(np.concatenate([[0.0], events, [horizon]])) * curve
    after = steps[::-1].cumsum()[::-1][1:]
    # After the last run has reached it the area left is 0, and so is what it adds.
    left = at_risk * (at_risk - deaths)
    terms = np.divide(after**2 * deaths, left, out=np.zeros_like(left), where=left > 0)
    n = len(times)
    return float(steps.sum()), math.sqrt(terms.sum() * n / (n - 1)) if n > 1 else 0.0


def _known(time: float) -> float | None:
    return time if math.isfinite(time) else None


def _common_horizon(baseline: Times, improved: Times) -> float:
    runs = [
        (time, reached) for arm in (baseline, improved) for time, reached in zip(arm.times, arm.reached, strict=True)
    ]
    watched = [time for time, reached in runs if not reached]
    return min(watched) if watched else max(time for time, _ in runs)


def _saved(baseline: Times, improved: Times, horizon: float, confidence: float) -> Estimate | NotEstimable:
    sides = [arm.restricted(horizon) for arm in (baseline, improved)]
    if not any(side.isna().any() for side in sides):
        # Everything up to the horizon is known: no curve is needed, and seeds can be paired.
        return difference(sides[0], sides[1], confidence)
    (one, one_error), (other, other_error) = (restricted_mean(arm, horizon) for arm in (baseline, improved))
    n = min(len(baseline.seeds), len(improved.seeds))
    if n < 2 or one_error + other_error == 0:
        return NotEstimable("too few runs reached the threshold for an interval of the time saved", n, 0, one - other)
    df = len(baseline.seeds) + len(improved.seeds) - 2
    parts = t_parts(one - other, math.hypot(one_error, other_error), df, confidence)
    return Estimate(**parts, n=n, lost=0, method="areas under the Kaplan-Meier curves")


def _ratio(
    baseline: Times, improved: Times, confidence: float
) -> tuple[tuple[float | None, float | None, float | None], str]:
    never = sum(not reached for arm in (baseline, improved) for reached in arm.reached)
    if never:
        return (None, None, None), f"runs that never reached the threshold: {never}; so there is no mean of times"
    if min(baseline.times + improved.times) == 0:
        return (None, None, None), "a run was there at time 0, and nothing is a multiple of that"
    sides = [pd.Series(np.log(arm.times), index=list(arm.seeds)) for arm in (baseline, improved)]
    found = difference(sides[0], sides[1], confidence)
    if isinstance(found, NotEstimable):
        return (None if found.value is None else math.exp(found.value), None, None), found.reason
    return (math.exp(found.value), math.exp(found.low), math.exp(found.high)), ""


def _permutation_p(baseline: Times, improved: Times) -> float:
    scores = _log_rank_scores(
        np.array(baseline.times + improved.times), np.array(baseline.reached + improved.reached, dtype=float)
    )
    sides = scores[: len(baseline.seeds)], scores[len(baseline.seeds) :]

    def total(side: Any, _: Any, axis: int) -> Any:
        return side.sum(axis=axis)

    orders = math.comb(len(scores), len(sides[0]))
    found = stats.permutation_test(
        tuple(np.sort(side) for side in sides),
        total,
        vectorized=True,
        n_resamples=EXACT_ORDERS if orders > EXACT_ORDERS else np.inf,
        batch=2_000,
        rng=np.random.default_rng(DRAW_SEED),
    )
    return float(found.pvalue)


def _log_rank_scores(times: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """Return what each run adds to observed minus expected of its arm: reached minus Nelson-Aalen's hazard."""
    events = np.unique(times[reached > 0])
    hazards = np.array([reached[times == event].sum() / (times >= event).sum() for event in events])
    return reached - np.array([hazards[events <= time].sum() for time in times])
