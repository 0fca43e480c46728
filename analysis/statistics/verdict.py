"""From an interval to a verdict on a claim: supported, refuted or inconclusive, with its reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.formatting import number
from analysis.statistics.estimates import Estimate, NotEstimable
from analysis.statistics.multiplicity import holm_levels
from analysis.statistics.power import more_seeds
from ignm.errors import IgnmError

Word = Literal["supported", "refuted", "inconclusive"]
Detail = Literal[
    "worse", "negligible", "equivalent", "too small", "large enough", "improvement", "undecided", "not estimable"
]

FIRST_SEEDS = 3
"""Fewer seeds are never judged by anybody; what lacks them is told to run these first."""


@dataclass(frozen=True)
class Verdict:
    """What became of the claim that an effect is above 0 and not smaller than what matters.

    detail: which kind of it (docs/statistics.md lists them); low, high: the limits that decided, each at the level that
    it was tested on, None where nothing could be estimated; confidence: of the lower one; p: one-sided, of the effect
    being at most 0; more_seeds: how many more would decide an inconclusive one with probability .8, None where no
    number up to 1,000 would, or where nothing is left to decide.
    """

    verdict: Word
    detail: Detail
    reason: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    p: float | None
    smallest_effect: float
    more_seeds: int | None
    n: int
    lost: int


@dataclass(frozen=True)
class _Rule:
    """A verdict that holds where `applies(low, high, smallest)`; the first that does is taken."""

    applies: Callable[[float, float, float], bool]
    verdict: Word
    detail: Detail
    sentence: str


_RULES = (
    _Rule(lambda low, high, smallest: high < 0, "refuted", "worse", "it lies below 0"),
    _Rule(
        lambda low, high, smallest: high < smallest and low > 0,
        "refuted", "negligible", "there is an improvement, but one smaller than {smallest}, the least that matters",
    ),
    _Rule(
        lambda low, high, smallest: high < smallest and low > -smallest,
        "refuted", "equivalent", "any difference is smaller than {smallest}, the least that matters",
    ),
    _Rule(
        lambda low, high, smallest: high < smallest,
        "refuted", "too small", "it excludes an improvement of {smallest}, the least that matters",
    ),
    _Rule(
        lambda low, high, smallest: low > 0 and low >= smallest,
        "supported", "large enough", "it lies above {smallest}, the least that matters",
    ),
    _Rule(
        lambda low, high, smallest: low > 0,
        "supported", "improvement", "it lies above 0; whether the effect is at least {smallest} is not settled",
    ),
    _Rule(lambda low, high, smallest: True, "inconclusive", "undecided", "it holds both 0 and {smallest}"),
)  # fmt: skip


def judge(estimate: Estimate | NotEstimable, smallest_effect: float, alpha: float = 0.05) -> Verdict:
    """Judge a single claim "the effect is positive, and not smaller than `smallest_effect`" by the 1 - alpha interval.

    Supported: the interval lies above 0 and reaches the smallest effect of interest. Refuted: it lies wholly below the
    smallest effect, whatever it says about 0. Else inconclusive. A true effect of 0 or less is called supported in at
    most alpha / 2 of the studies, one of the smallest effect or more refuted in at most alpha / 2.
    Raises IgnmError unless smallest_effect >= 0 and 0 < alpha < 1.
    """
    return _judge(estimate, smallest_effect, alpha, alpha)


def judge_all(
    estimates: Mapping[str, Estimate | NotEstimable],
    smallest_effects: float | Mapping[str, float],
    alpha: float = 0.05,
) -> dict[str, Verdict]:
    """Judge a family of stated claims together, as `judge` with Holm's levels.

    The probability of any false "supported" is at most alpha / 2, and so is that of any false "refuted": the two are
    stepped through apart. What cannot be estimated stays in the family, as a p of 1.
    """
    smallest = (
        dict(smallest_effects) if isinstance(smallest_effects, Mapping) else dict.fromkeys(estimates, smallest_effects)
    )
    missing = [name for name in estimates if name not in smallest]
    if missing:
        raise IgnmError(f"no smallest effect of interest is stated for {', '.join(missing)}")
    known = {name: found for name, found in estimates.items() if isinstance(found, Estimate)}
    # One-sided p against alpha / 2, so that each agrees with an interval of two sides at its level.
    above = {name: 2 * found.p_above(0) for name, found in known.items()}
    below = {name: 2 * found.p_below(smallest[name]) for name, found in known.items()}
    levels = [
        holm_levels([min(1.0, p[name]) if name in p else None for name in estimates], alpha) for p in (above, below)
    ]
    return {
        name: _judge(found, smallest[name], *level)
        for (name, found), *level in zip(estimates.items(), *levels, strict=True)
    }


def _judge(estimate: Estimate | NotEstimable, smallest: float, support: float, refute: float) -> Verdict:
    if not smallest >= 0 or not (0 < support < 1 and 0 < refute < 1):
        raise IgnmError(
            "a claim needs a smallest effect of interest of 0 or more, in the unit of the estimate, and an alpha "
            f"between 0 and 1; got {smallest} and {support}"
        )
    if isinstance(estimate, NotEstimable):
        return _not_estimable(estimate, smallest, support)
    low, high = estimate.limits(1 - support)[0], estimate.limits(1 - refute)[1]
    rule = next(rule for rule in _RULES if rule.applies(low, high, smallest))
    reason = f"the interval ({_levels(support, refute)}) is {number(low)} to {number(high)}: " + rule.sentence.format(
        smallest=number(smallest)
    )
    waiting = more_seeds(estimate, smallest, (support, refute)) if rule.verdict == "inconclusive" else None
    if rule.verdict == "inconclusive":
        reason += f"; {_wanted(waiting)}"
    return Verdict(
        rule.verdict, rule.detail, reason, estimate.value, low, high, 1 - support, estimate.p_above(0), smallest,
        waiting, estimate.n, estimate.lost,
    )  # fmt: skip


def _not_estimable(found: NotEstimable, smallest: float, alpha: float) -> Verdict:
    wanted = max(FIRST_SEEDS - found.n, 0) or None
    return Verdict(
        "inconclusive", "not estimable", found.reason, found.value, None, None, 1 - alpha, None, smallest, wanted,
        found.n, found.lost,
    )  # fmt: skip


def _levels(support: float, refute: float) -> str:
    lower, upper = (f"{100 * (1 - alpha):.3g}%" for alpha in (support, refute))
    return lower if lower == upper else f"its lower limit at {lower}, its upper at {upper}"


def _wanted(seeds: int | None) -> str:
    return (
        "no number of seeds up to 1,000 is likely to decide" if seeds is None else f"{seeds} more would likely decide"
    )
