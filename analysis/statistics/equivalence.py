"""Equivalence: is the difference smaller than what would matter, either way?"""

from dataclasses import dataclass
from typing import ClassVar

from analysis.statistics.estimates import Estimate, NotEstimable
from ignm.errors import IgnmError


@dataclass(frozen=True)
class Equivalence:
    """The two one-sided tests against +-margin; low and high are the interval at 1 - 2 alpha that agrees with them."""

    value: float
    low: float
    high: float
    margin: float
    alpha: float
    p: float
    equivalent: bool
    n: int
    lost: int
    estimable: ClassVar[bool] = True


def equivalence(estimate: Estimate | NotEstimable, margin: float, alpha: float = 0.05) -> Equivalence | NotEstimable:
    """Test that the true value lies within +-margin (Schuirmann 1987); `p` is the larger of the two one-sided ones.

    margin: the smallest effect of interest, above 0, in the unit of the estimate. Raises IgnmError otherwise.
    """
    if not margin > 0:
        raise IgnmError(f"the margin of equivalence is {margin}; give the smallest effect of interest, above 0")
    if isinstance(estimate, NotEstimable):
        return estimate
    p = max(estimate.p_above(-margin), estimate.p_below(margin))
    low, high = estimate.limits(1 - 2 * alpha)
    return Equivalence(estimate.value, low, high, margin, alpha, p, p < alpha, estimate.n, estimate.lost)
