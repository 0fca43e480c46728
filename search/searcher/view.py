"""What a sampler is shown of a study: the trials it learns most from, in a form that it understands."""

import bisect
import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.searcher.outcome import CONSTRAINT

BEST_SHARE, LOST_SHARE = 0.25, 0.25
"""Of the trials shown: the best, and the latest infeasible ones; the rest are the latest."""
LOST_TIMES = 4
"""How often each infeasible trial is shown to a sampler that weighs it like any other that is not among the best.

Where the best lay on the edge of a region that diverges, this cut the share of suggestions inside of it."""
TAUGHT = (TrialState.COMPLETE, TrialState.PRUNED)
"""Ends that teach something; a failed trial says nothing about its point."""


@dataclass(frozen=True)
class WholeSpace:
    """Every axis, existing or not, with what stands in for a value where it does not."""

    distributions: dict[str, BaseDistribution]
    defaults: Mapping[str, Any]

    def filled(self, trial: FrozenTrial) -> dict[str, Any]:
        """The trial's parameters, and the defaults of the axes that it lacks."""
        return {path: trial.params.get(path, self.defaults[path]) for path in self.distributions}


def is_feasible(trial: FrozenTrial) -> bool:
    """Whether no constraint is violated."""
    return all(value <= 0.0 for value in trial.constraints.values())


def last_value(trial: FrozenTrial) -> tuple[int, float]:
    """The last step that was reported, and the value there; worst where there is none, or it is not a number."""
    if not trial.intermediate_values:
        return 0, math.inf
    step = max(trial.intermediate_values)
    value = trial.intermediate_values[step]
    return step, math.inf if math.isnan(value) else value


class Ended:
    """The ended trials that teach something, kept so that choosing among many takes no longer than among few."""

    def __init__(self) -> None:
        """Begin without any."""
        self._trials: dict[int, FrozenTrial] = {}
        self._lost: dict[int, None] = {}
        self._ranked: list[tuple[tuple[int, int, float], int]] = []

    def add(self, trial: FrozenTrial) -> None:
        """Take up a trial that has ended."""
        self._trials[trial.number] = trial
        if is_feasible(trial):
            bisect.insort(self._ranked, (_rank(trial), trial.number))
        else:
            self._lost[trial.number] = None

    def remove(self, number: int) -> None:
        """Leave a trial out from now on, if it is here."""
        trial = self._trials.pop(number, None)
        if trial is not None and number in self._lost:
            del self._lost[number]
        elif trial is not None:
            del self._ranked[bisect.bisect_left(self._ranked, (_rank(trial), number))]

    def chosen(self, limit: int) -> list[FrozenTrial]:
        """Choose at most `limit` trials, in the order of their numbers: of the best, the infeasible, the latest."""
        kept = {number for _, number in self._ranked[: int(limit * BEST_SHARE)]}
        kept.update(islice(reversed(self._lost), int(limit * LOST_SHARE)))
        for number in reversed(self._trials):
            if len(kept) >= limit:
                break
            kept.add(number)
        return [self._trials[number] for number in sorted(kept)]


def in_brief(trial: FrozenTrial) -> FrozenTrial:
    """Return a trial with nothing but what a sampler compares: of its attributes only the constraints it violates."""
    brief = copy.copy(trial)
    brief.user_attrs = {}
    brief.system_attrs = {}
    for key, value in trial.constraints.items():
        if value > 0.0:
            brief.set_constraint(key, value)
    return brief


def with_stress_on_lost(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials with each infeasible one in it `LOST_TIMES` times."""
    return [trial for trial in trials for _ in range(1 if is_feasible(trial) else LOST_TIMES)]


def as_completed(
    trials: Sequence[FrozenTrial], space: WholeSpace, directions: Sequence[StudyDirection]
) -> list[FrozenTrial]:
    """Return ended trials as completed ones that have every axis.

    A pruned one gets the value that it might have come to: its last, plus what completed trials gained from there on
    (the median), but not better than the best of them. An infeasible one gets a value as far behind the worst as
    that is behind the best: it led a Gaussian process away from lost regions more surely than Optuna's constraints.
    """
    gains = _gains(trials)
    values = {trial.number: _expected(trial, gains) for trial in trials if is_feasible(trial)}
    known = [each for each in values.values() if each is not None]
    lost = [_far_behind([each[i] for each in known], direction) for i, direction in enumerate(directions)]
    shown = []
    for trial in trials:
        own = values.get(trial.number) if is_feasible(trial) else lost
        if own is not None:
            shown.append(_completed(trial, own, space))
    return shown


def _completed(trial: FrozenTrial, values: list[float], space: WholeSpace) -> FrozenTrial:
    completed = copy.copy(trial)
    completed.state, completed.values = TrialState.COMPLETE, values
    completed.params, completed.distributions = space.filled(trial), space.distributions
    completed.system_attrs = {k: v for k, v in trial.system_attrs.items() if not k.startswith(CONSTRAINT)}
    return completed


def _rank(trial: FrozenTrial) -> tuple[int, int, float]:
    """Completed ones first, by the first objective; then the others, by how far they came and their value there."""
    if trial.state is TrialState.COMPLETE:
        return 0, 0, trial.values[0] if trial.values else math.inf
    step, value = last_value(trial)
    return 1, -step, value


@dataclass
class _Gains:
    """What completed trials gained from a step to their end, and the best of their ends."""

    at: dict[int, list[float]]
    best: float

    def of(self, step: int) -> float:
        return median(self.at[step]) if step in self.at else 0.0


def _gains(trials: Iterable[FrozenTrial]) -> _Gains:
    gains = _Gains({}, -math.inf)
    ends = [trial for trial in trials if trial.state is TrialState.COMPLETE and is_feasible(trial)]
    for trial in ends:
        for step, value in trial.intermediate_values.items():
            gains.at.setdefault(step, []).append(trial.values[0] - value)
    if ends:
        gains.best = min(trial.values[0] for trial in ends)
    return gains


def _expected(trial: FrozenTrial, gains: _Gains) -> list[float] | None:
    if trial.state is TrialState.COMPLETE:
        return [float(value) for value in trial.values]
    step, value = last_value(trial)
    return None if math.isinf(value) else [max(value + gains.of(step), gains.best)]


def _far_behind(values: Sequence[float], direction: StudyDirection) -> float:
    if not values:
        return 0.0
    low, high = min(values), max(values)
    return 2 * low - high if direction is StudyDirection.MAXIMIZE else 2 * high - low
