"""How probable a decision is, and how many seeds it takes: noncentral t."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence

from scipy import special

from analysis.statistics.estimates import Estimate
from ignm.errors import IgnmError

POWER = 0.8
"""The probability of a decision that a number of seeds is given for."""

SEED_LIMIT = 1_000
"""More seeds than this are nobody's plan."""


def power(effect: float, sd: float, n: int, alpha: float = 0.05, df: float | None = None) -> float:
    """Return the probability that the two-sided 1 - alpha interval of n seeds lies above 0, if `effect` is true.

    sd: of the differences (of what one seed gives); df: n - 1 unless told, e.g. more for a mixed model.
    Raises IgnmError unless sd > 0 and n >= 2.
    """
    if not sd > 0 or n < 2:
        raise IgnmError(f"power needs a spread above 0 and two seeds or more; got sd {sd} and {n} seeds")
    return _chance(effect / sd, n, n - 1 if df is None else df, alpha)


def seeds_for_power(effect: float, sd: float, alpha: float = 0.05, wanted: float = POWER) -> int | None:
    """Return the fewest pairs of runs that support an effect with the wanted probability; None above 1,000."""
    if not sd > 0:
        raise IgnmError(f"power needs a spread above 0; got sd {sd}")
    return _first(2, lambda n: _chance(effect / sd, n, n - 1, alpha), wanted)


def more_seeds(estimate: Estimate, smallest_effect: float, alphas: Sequence[float]) -> int | None:
    """Return how many more seeds would decide with probability .8, were value and spread what they came out as.

    alphas: the two-sided levels at which the value must lie above 0, or below `smallest_effect`; the likelier of the
    two decides. None where 1,000 seeds would not do. With few seeds the spread itself is a guess, and so is this.
    """
    sd = estimate.error * estimate.n**0.5
    margins = (estimate.value, smallest_effect - estimate.value)

    def chance(n: int) -> float:
        df = estimate.df * (n - 1) / (estimate.n - 1)
        return max(_chance(margin / sd, n, df, alpha) for margin, alpha in zip(margins, alphas, strict=True))

    total = _first(estimate.n + 1, chance, POWER)
    return None if total is None else total - estimate.n


def _chance(standardised: float, n: int, df: float, alpha: float) -> float:
    critical = -special.stdtrit(df, alpha / 2)
    found = float(1 - special.nctdtr(df, standardised * math.sqrt(n), critical))
    # Far out in its tail the noncentral t underflows to no number, where the answer is 0 or 1.
    return found if math.isfinite(found) else float(standardised > 0)


def _first(fewest: int, chance: Callable[[int], float], wanted: float) -> int | None:
    """Return the first number of seeds whose chance, which grows with them once it matters, is the wanted one."""
    numbers = range(fewest, SEED_LIMIT + 1)
    position = bisect_left(numbers, True, key=lambda n: chance(n) >= wanted)
    return numbers[position] if position < len(numbers) else None
