"""What the search and the confirm stage will take: runs, kimg, slots' time, wall clock; as expected, and at most."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from search.confirming import TRAINING_SHARE
from search.fixed_costs import AT_MOST, PROCESS, SLOWER, STAGE, TRIAL, WINNER
from search.study.question import Question
from search.study.sections import Budget
from search.timing import Speed


@dataclass(frozen=True)
class Span:
    """Wall clock, in seconds."""

    expected: float = 0.0
    most: float = 0.0

    def __add__(self, other: "Span") -> "Span":
        return Span(self.expected + other.expected, self.most + other.most)


@dataclass(frozen=True)
class StagePlan:
    """A stage that is to be run."""

    runs: int
    ended: int
    """Of them, already; they cost nothing more."""
    kimg_each: float
    kimg_most: float
    """All its runs together."""
    kimg_expected: float
    """With early stopping, and without the trials that have ended already."""
    held: Span
    """Slots' time, all together."""
    wall: Span
    """On the slots there are, starting included; limits of the budget are not looked at."""
    interval: float = 0.0
    """At most, from one measurement of a trial to the next."""

    def ending(self, limit: float) -> "Span":
        """Wall clock where a limit is used up after so many seconds: trials go on to their next measurement."""
        late = limit + self.interval + STAGE * AT_MOST
        return Span(min(self.wall.expected, limit + STAGE), min(self.wall.most, late))


def fixed(seconds: float) -> Span:
    """What takes so long, whatever is trained."""
    return Span(seconds, seconds * AT_MOST)


def waves(runs: int, slots: int, each: Span, rounds: int = 1) -> Span:
    """Wall clock of a stage of runs that take `each`, begun in so many rounds with processes of their own."""
    count = math.ceil(runs / slots)
    starting = Span(STAGE + PROCESS, (STAGE + rounds * PROCESS) * AT_MOST)
    return Span(count * each.expected, count * each.most) + fixed(count * TRIAL) + starting


def expected_kimg(budget: Budget, stops_early: bool) -> float:
    """Mean kimg of a trial when each rung lets 1 in `reduction` pass."""
    if not stops_early:
        return budget.kimg
    ends = [*budget.rungs(), budget.kimg]
    starts = [0.0, *budget.rungs()]
    return sum(
        (end - start) / budget.reduction**rung for rung, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


def expected_measurements(budget: Budget, stops_early: bool) -> float:
    """Mean number of a trial's measurements when each rung lets 1 in `reduction` pass."""
    points = budget.measure_at(budget.kimg)
    if not stops_early:
        return len(points)
    rungs = [round(rung, 6) for rung in budget.rungs()]
    return sum(budget.reduction ** -float(sum(rung < point for rung in rungs)) for point in points)


def plan_search(question: Question, ended: int, speed: Speed, slots: int) -> StagePlan:
    """Foresee the search, of whose trials some have ended."""
    budget = question.budget
    missing = max(0, budget.trials - ended)
    stops_early = question.suggesting.stops_early
    points = (0.0, *budget.measure_at(budget.kimg))
    finals = min(budget.finalists, missing) if stops_early else 0
    kimg = min(missing * budget.kimg, missing * expected_kimg(budget, stops_early) + finals * budget.kimg)
    measurements = missing * expected_measurements(budget, stops_early) + finals * (len(points) - 1)
    one, slowest = speed.trial(budget.kimg, len(points) - 1), speed.slow_trial(budget.kimg, len(points) - 1) * SLOWER
    held = Span(speed.trial(kimg, measurements), missing * slowest)
    at_once = min(slots, missing) or 1
    # However many slots: one trial goes to the end.
    each = Span(max(held.expected / at_once, one) / math.ceil(missing / at_once), slowest) if missing else Span()
    widest = max(after - before for before, after in pairwise(points))
    return StagePlan(
        runs=budget.trials,
        ended=ended,
        kimg_each=budget.kimg,
        kimg_most=missing * budget.kimg,
        kimg_expected=kimg,
        held=held,
        wall=waves(missing, at_once, each) if missing else Span(),
        interval=speed.slow_trial(widest, 1) * SLOWER,
    )


def plan_confirm(
    question: Question, known: Mapping[str, Any] | None, ended: int, speed: Speed, slots: int
) -> StagePlan:
    """Foresee the confirm stage, of whose runs some have ended: by the plan that is `known`, else as asked for."""
    plan = question.confirm
    runs = (plan.top + plan.baseline) * plan.seeds
    kimg = plan.kimg or question.budget.kimg
    if known is not None:
        runs, kimg = len(known["candidates"]) * len(known["seeds"]), float(known["kimg"])
    missing = max(0, runs - ended)
    if known is None and plan.minutes is not None:
        # As `confirming` lowers it, once the search has measured its speeds.
        fits = plan.minutes * 60 * TRAINING_SHARE / math.ceil(runs / slots) / speed.seconds_per_kimg
        kimg = min(kimg, max(math.floor(fits), question.budget.grace))
    measurements = len(question.budget.measure_at(kimg))
    each = Span(speed.trial(kimg, measurements), speed.slow_trial(kimg, measurements) * SLOWER)
    wall = fixed(STAGE) if not missing else waves(missing, slots, each)
    return StagePlan(
        runs=runs,
        ended=ended,
        kimg_each=kimg,
        kimg_most=missing * kimg,
        kimg_expected=missing * kimg,
        held=Span(missing * each.expected, missing * each.most),
        wall=wall + fixed(WINNER),
    )
