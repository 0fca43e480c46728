"""How often something happens, such as divergence: Wilson intervals, and the difference of two rates."""

from dataclasses import dataclass
from typing import ClassVar

from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from analysis.statistics.estimates import CONFIDENCE, NotEstimable, check_confidence
from ignm.errors import IgnmError


@dataclass(frozen=True)
class Rate:
    """`count` of `n` runs, with the Wilson interval (1927) of the rate."""

    value: float
    low: float
    high: float
    confidence: float
    count: int
    n: int
    estimable: ClassVar[bool] = True


@dataclass(frozen=True)
class RateDifference:
    """Rate of one minus rate of other, with Newcombe's interval (1998, method 10) and Fisher's exact p, two-sided."""

    value: float
    low: float
    high: float
    confidence: float
    p: float
    n_one: int
    n_other: int
    estimable: ClassVar[bool] = True


def rate(count: int, n: int, confidence: float = CONFIDENCE) -> Rate | NotEstimable:
    """Return the rate of `count` in `n` runs; not estimable without runs. Raises IgnmError unless 0 <= count <= n."""
    check_confidence(confidence)
    _check(count, n)
    if n == 0:
        return NotEstimable("no run has ended: there is no rate")
    low, high = proportion_confint(count, n, alpha=1 - confidence, method="wilson")
    # At a count of 0 or n rounding leaves a limit 1e-17 off the rate itself.
    return Rate(count / n, min(float(low), count / n), max(float(high), count / n), confidence, count, n)


def rate_difference(
    one: tuple[int, int], other: tuple[int, int], confidence: float = CONFIDENCE
) -> RateDifference | NotEstimable:
    """Return the first rate minus the second; each is (count, n), so baseline first gives improvement above 0."""
    check_confidence(confidence)
    for count, n in (one, other):
        _check(count, n)
    if 0 in (one[1], other[1]):
        return NotEstimable(f"no difference of rates: {one[1]} against {other[1]} runs have ended")
    low, high = confint_proportions_2indep(*one, *other, method="newcomb", compare="diff", alpha=1 - confidence)
    table = [[count, n - count] for count, n in (one, other)]
    p = float(stats.fisher_exact(table).pvalue)
    value = one[0] / one[1] - other[0] / other[1]
    return RateDifference(value, float(low), float(high), confidence, p, one[1], other[1])


def _check(count: int, n: int) -> None:
    if not 0 <= count <= n:
        raise IgnmError(f"a rate of {count} in {n} runs is none: the count must lie between 0 and the number of runs")
