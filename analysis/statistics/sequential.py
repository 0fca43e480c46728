"""Adding seeds until a claim is decided, with intervals that stay honest although one looks again and again."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from analysis.statistics.estimates import Estimate, NotEstimable
from analysis.statistics.verdict import Verdict, judge
from ignm.errors import IgnmError

STUDIES, DRAW_SEED = 200_000, 20_240_301
"""Simulated studies that the level of a look is found with: it is known within about 1 in 100."""


@dataclass(frozen=True)
class SeedPlan:
    """Look at `first` seeds, and after each further one up to `limit`; stop at a decision.

    alpha: of all looks and of all `comparisons` that are followed this way together (Bonferroni).
    Raises IgnmError unless 2 <= first <= limit <= 100, comparisons >= 1 and 0 < alpha < 1.
    """

    first: int = 3
    limit: int = 10
    alpha: float = 0.05
    comparisons: int = 1

    def __post_init__(self) -> None:
        if not 2 <= self.first <= self.limit <= 100 or self.comparisons < 1 or not 0 < self.alpha < 1:
            raise IgnmError(
                f"{self}: a plan begins with 2 seeds or more, its limit is not below that and at most 100, for 1 "
                "comparison or more and an alpha between 0 and 1"
            )

    @property
    def level(self) -> float:
        """What each look is tested at, two-sided, in place of alpha."""
        return look_level(self.first, self.limit, self.alpha / self.comparisons)


@dataclass(frozen=True)
class Step:
    """What to do after a look: `add` more seeds to every arm, 0 where it is finished; `reason` says why."""

    add: int
    finished: bool
    reason: str
    verdict: Verdict


def next_step(estimate: Estimate | NotEstimable, smallest_effect: float, plan: SeedPlan) -> Step:
    """Decide on the next seeds from the paired difference of those that have ended.

    The verdict's interval is a repeated confidence interval (Jennison and Turnbull 1989): over all looks together it
    misses the true value in at most alpha of the studies, whenever one stops. Adding several seeds at once, as fits the
    machines, means fewer looks and keeps that. Seeds that were lost count towards the limit.
    """
    verdict = judge(estimate, smallest_effect, plan.level)
    used = estimate.n + estimate.lost
    if used < plan.first:
        return Step(plan.first - used, False, f"the first look is at {plan.first} seeds", verdict)
    if estimate.n >= plan.first and verdict.verdict != "inconclusive":
        return Step(0, True, f"{verdict.verdict} after {estimate.n} seeds: {verdict.reason}", verdict)
    if used >= plan.limit:
        return Step(0, True, f"the limit of {plan.limit} seeds is reached without a decision", verdict)
    return Step(1, False, f"undecided after {used} seeds; the limit is {plan.limit}", verdict)


@lru_cache(maxsize=64)
def look_level(first: int, limit: int, alpha: float) -> float:
    """Return the level such that |t| exceeds its critical value at any n from first to limit with probability alpha.

    One level for all looks, as Pocock (1977) has it; without an effect the t statistics of growing samples have one
    distribution whatever the spread, so it is found by simulation (fixed seed), on the safe side of its error.
    """
    if first == limit:
        return alpha
    rng = np.random.default_rng(DRAW_SEED)
    total, squares, smallest = np.zeros(STUDIES), np.zeros(STUDIES), np.ones(STUDIES)
    for n in range(1, limit + 1):
        drawn = rng.standard_normal(STUDIES)
        total += drawn
        squares += drawn**2
        if n >= first:
            variance = (squares - total**2 / n) / (n - 1)
            p = 2 * stats.t.sf(np.abs(total) / np.sqrt(n * variance), n - 1)
            smallest = np.minimum(smallest, p)
    safe = alpha - 2 * np.sqrt(alpha * (1 - alpha) / STUDIES)
    # No level below Bonferroni's is ever needed.
    return float(max(np.quantile(smallest, max(safe, 0.0)), alpha / (limit - first + 1)))
