"""How a trial's end, read from its folder, is told to Optuna."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from optuna.study import StudyDirection
from optuna.trial import TrialState

from ignm.config import Config
from ignm.errors import IgnmError
from search.study.folder import Status, Trial
from search.study.sections import Limits, Objective, Suggesting

REFUSED = "refused"
"""Constraint, and user attribute, of a suggestion that cannot be trained; it never is."""
KEPT, BROKEN, UNKNOWN = -1.0, 1.0, 0.0
"""Values of a constraint that is kept, that is broken, and that was not measured; above 0 is infeasible."""
LOST = (Status.DIVERGED, Status.OUT_OF_MEMORY)
"""Ends that say that the point is no good."""

CONSTRAINT = "constraints:"
"""Before a constraint's name, this makes the system attribute under which Optuna keeps it."""

MemoryOf = Callable[[Config], float]
"""Estimates the peak memory of training a config, in GiB."""
Measured = Mapping[str, Any]


@dataclass(frozen=True)
class Goal:
    """An objective: what of the last measurement it is, and which way is better."""

    field: str
    direction: StudyDirection


GOALS: dict[Objective, Goal] = {
    "quality": Goal("quality", StudyDirection.MINIMIZE),
    "cost": Goal("seconds", StudyDirection.MINIMIZE),
    "diversity": Goal("diversity", StudyDirection.MAXIMIZE),
}


@dataclass(frozen=True)
class Outcome:
    """An end as Optuna takes it."""

    state: TrialState
    values: list[float] | None
    intermediate: dict[int, float]
    constraints: dict[str, float]
    status: Status


def directions_of(suggesting: Suggesting) -> list[StudyDirection]:
    """Which way each objective is better."""
    return [GOALS[name].direction for name in suggesting.objectives]


def images(kimg: float) -> int:
    """Optuna counts in whole steps; ours are images."""
    return round(kimg * 1000)


def number(measured: Measured, field: str) -> float:
    """A measured number; NaN where it is missing."""
    value = measured.get(field)
    return float(value) if isinstance(value, int | float) else math.nan


@dataclass(frozen=True)
class Judge:
    """Turns ends into what Optuna is told, by what the study asks."""

    suggesting: Suggesting
    memory_of: MemoryOf | None = None

    def outcome(self, ended: Trial) -> Outcome:
        """Read how a trial ended: NaN or nothing where a result should be counts as diverged."""
        status, measured = ended.status(), ended.measurements()
        values = [number(measured[-1], GOALS[name].field) if measured else math.nan for name in self._objectives]
        constraints = self.constraints(measured[-1] if measured else {}, self._estimate(ended.spec().config))
        constraints |= {str(kind): BROKEN if status is kind else KEPT for kind in LOST}
        state = TrialState.FAIL
        if status is Status.COMPLETED and not all(map(math.isfinite, values)):
            constraints[str(Status.DIVERGED)] = BROKEN
        if status is not Status.FAILED:
            lost = constraints[str(Status.DIVERGED)] > 0
            state = TrialState.COMPLETE if status is Status.COMPLETED and not lost else TrialState.PRUNED
        return Outcome(
            state=state,
            values=values if state is TrialState.COMPLETE else None,
            intermediate=self.intermediate(measured),
            constraints=constraints,
            status=status,
        )

    def intermediate(self, measured: list[dict[str, Any]]) -> dict[int, float]:
        """Quality at each point of the schedule, so that trials of any batch size meet on the same steps.

        Nothing where trials are not compared early: Optuna has no intermediate values with several objectives.
        """
        if not self.suggesting.stops_early:
            return {}
        return {images(each["point"]): number(each, "quality") for each in measured}

    def constraints(self, measured: Measured, memory_gib: float | None = None) -> dict[str, float]:
        """Every constraint of a trial, so that all trials carry the same; none is broken but a limit."""
        found = {
            "memory_gib": number(measured, "memory_gib") if "memory_gib" in measured else memory_gib,
            "seconds_per_kimg": number(measured, "seconds") / (number(measured, "kimg") or math.nan),
        }
        kept = {REFUSED: KEPT} | {str(kind): KEPT for kind in LOST}
        return kept | {name: self._over(name, found[name]) for name, limit in self._limits if limit is not None}

    def refusal(self, config: Config, check: Callable[[Config], None]) -> str | None:
        """Why a config is not to be trained: its memory, or what `check` raises; None where it may be."""
        estimate, limit = self._estimate(config), self.suggesting.limits.memory_gib
        if estimate is not None and limit is not None and estimate > limit:
            return f"needs about {estimate:.2f} GiB, suggesting.limits.memory_gib is {limit:g}"
        try:
            check(config)
        except IgnmError as error:
            return str(error)
        return None

    def refused(self, config: Config | None = None) -> dict[str, float]:
        """The constraints of a suggestion that is refused, whether it makes a config or not."""
        return self.constraints({}, None if config is None else self._estimate(config)) | {REFUSED: BROKEN}

    @property
    def _objectives(self) -> tuple[Objective, ...]:
        return self.suggesting.objectives

    @property
    def _limits(self) -> list[tuple[str, float | None]]:
        return [(name, getattr(self.suggesting.limits, name)) for name in Limits.model_fields]

    def _over(self, name: str, found: float | None) -> float:
        limit = getattr(self.suggesting.limits, name)
        return UNKNOWN if found is None or math.isnan(found) else found - limit

    def _estimate(self, config: Config) -> float | None:
        if self.memory_of is None or self.suggesting.limits.memory_gib is None:
            return None
        return self.memory_of(config)
