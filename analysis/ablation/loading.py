"""A study's ablation, loaded: arms, designs, and every run's numbers, with what is lost and what is missing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.ablation.measures import KIMG_TO_QUALITY, Measure, measure_called
from analysis.ablation.naming import arm_names
from analysis.ablation.plan import Arm, Design, Plan, read_plan
from analysis.ablation.runs import ELSEWHERE, LOST_RUN, MEASURED, ablation_rows, summarise_runs, yardsticks
from analysis.results import Study, dig, finite
from analysis.statistics.estimates import ALPHA
from analysis.statistics.sequential import look_level
from ignm.errors import IgnmError

NO_PLAN = "The study has no ablation: no ablation.json. Ask for one (ablate: in the study's file) and run ignm ablate."


@dataclass(frozen=True)
class Standing:
    """How far the runs of an arm, or of several, have come. lost: seeds by status; the rest are seeds."""

    measured: tuple[int, ...]
    lost: Mapping[str, tuple[int, ...]]
    waiting: tuple[int, ...]
    elsewhere: tuple[int, ...]

    @property
    def seeds_lost(self) -> tuple[int, ...]:
        """Every seed that was lost, in order."""
        return tuple(sorted(seed for seeds in self.lost.values() for seed in seeds))


@dataclass(frozen=True)
class Ablation:
    """The ablate stage of a study.

    runs: one row a run that was begun (`analysis.ablation.runs.COLUMNS`); rows: one row a measurement; notes: what was
    unusable. Without a plan everything is empty, and notes say so.
    """

    study: Study
    plan: Plan | None
    runs: pd.DataFrame
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()
    _series: dict[tuple[int, str], "pd.Series[float]"] = field(default_factory=dict, repr=False, compare=False)

    @property
    def designs(self) -> tuple[Design, ...]:
        """All designs, in the plan's order."""
        return self.plan.designs if self.plan else ()

    @cached_property
    def arms(self) -> Mapping[int, Arm]:
        """Arms by number."""
        return {arm.number: arm for arm in self.plan.arms} if self.plan else {}

    @property
    def datasets(self) -> tuple[str, ...]:
        """Datasets that a design compares on."""
        return tuple(dict.fromkeys(design.dataset for design in self.designs))

    @property
    def smallest_effect(self) -> float:
        """The smallest improvement worth having, a fraction of the value without it; said beforehand."""
        return self.plan.smallest_effect if self.plan else 0.05

    @cached_property
    def references(self) -> Mapping[str, tuple[str, str]]:
        """(metric, reference_id) by dataset."""
        return yardsticks(self.rows, self.plan) if self.plan else {}

    @property
    def kimg(self) -> float:
        """Budget of every run; 0 without a plan."""
        return self.plan.kimg if self.plan else 0.0

    def called(self, arm: int) -> str:
        """Return what a reader knows an arm by."""
        return self._names[arm]

    def metric(self, dataset: str) -> str:
        """Name of the metric that quality is on a dataset; "quality" where nothing says."""
        return self.references.get(dataset, ("quality", ""))[0]

    def of(self, *names: str, dataset: str | None = None) -> list[Design]:
        """Return the designs of these names, e.g. "factorial", on one dataset or on all."""
        return [each for each in self.designs if each.design in names and dataset in (None, each.dataset)]

    def standing(self, arms: int | Iterable[int]) -> Standing:
        """Return how far an arm has come; of several arms, their common seeds and whatever one of them lacks."""
        each = [self._standings[arm] for arm in ([arms] if isinstance(arms, int) else arms)]
        lost: dict[str, set[int]] = {}
        for one in each:
            for status, seeds in one.lost.items():
                lost.setdefault(status, set()).update(seeds)
        return Standing(
            tuple(sorted(set.intersection(*(set(one.measured) for one in each)) if each else ())),
            {status: tuple(sorted(seeds)) for status, seeds in sorted(lost.items())},
            tuple(sorted({seed for one in each for seed in one.waiting})),
            tuple(sorted({seed for one in each for seed in one.elsewhere})),
        )

    def values(self, arm: int, measure: str | Measure = "quality") -> "pd.Series[float]":
        """Return a measure of an arm's ended runs, indexed by seed: NaN where one was lost, absent where it waits."""
        name = (measure if isinstance(measure, Measure) else measure_called(measure)).name
        if name == KIMG_TO_QUALITY:
            raise IgnmError(f"measure '{name}': needs a quality to reach; `analysis.ablation.speed` tells it")
        return self.column(arm, name)

    def column(self, arm: int, name: str) -> "pd.Series[float]":
        """As `values`, of any numeric column of the runs, though neither way is better; NaN where there is none."""
        if (arm, name) not in self._series:
            mine = self._ended(arm)
            found = mine[name].to_numpy(dtype=float) if name in mine else np.full(len(mine), np.nan)
            values = pd.Series(found, index=mine["seed"].to_numpy(dtype=int), name=arm)
            self._series[arm, name] = values[np.isfinite(values) | mine["outcome"].eq(LOST_RUN).to_numpy()]
        return self._series[arm, name]

    def rows_of(self, arm: int) -> pd.DataFrame:
        """Return an arm's measurements, one row each, `point` rising within each seed."""
        return self._rows_by_arm.get(arm, self.rows.iloc[:0])

    def by_seed(self, design: Design, measure: str | Measure = "quality") -> pd.DataFrame:
        """Return one row a seed and one column an arm (its number) of a design; NaN where lost, or not run.

        `standing` tells the two apart.
        """
        table = pd.DataFrame({number: self.values(number, measure) for number in design.numbers})
        return table.sort_index().rename_axis(index="seed", columns="arm").astype(float)

    @cached_property
    def looks(self) -> tuple[int, int]:
        """Seeds at the first look and at the last that the study may add seeds up to; equal where it adds none."""
        asked = dig(self.study.asked, "question", "ablate")
        first, last = (finite(dig(asked, name)) for name in ("seeds", "most_seeds"))
        counts = [len(self.plan.wanted_seeds(arm)) for arm in self.plan.arms] if self.plan else []
        fewest, most = min(counts, default=2), max(counts, default=2)
        first = min(fewest, int(first)) if first is not None else fewest
        return max(2, first), max(2, first, int(last) if last is not None else most, most)

    def level(self, comparisons: int = 1) -> float:
        """Return what one of so many comparisons is tested at, two-sided, so that all err 5 times in 100 at most.

        Where seeds are added while looking, it is that of every look.
        """
        first, last = self.looks
        share = ALPHA / comparisons
        return share if first == last else look_level(first, min(last, 100), share)

    @property
    def confidence(self) -> float:
        """Confidence of a single comparison's interval: higher than .95 where seeds are added while looking."""
        return 1 - self.level()

    @cached_property
    def _names(self) -> Mapping[int, str]:
        return arm_names(self.plan) if self.plan else {}

    def _ended(self, arm: int) -> pd.DataFrame:
        mine = self._of_arm(arm)
        return mine[mine["outcome"].isin((MEASURED, LOST_RUN))]

    def _of_arm(self, arm: int) -> pd.DataFrame:
        return self._by_arm.get(arm, self.runs.iloc[:0])

    @cached_property
    def _by_arm(self) -> dict[int, pd.DataFrame]:
        return _by_number(self.runs)

    @cached_property
    def _rows_by_arm(self) -> dict[int, pd.DataFrame]:
        return _by_number(self.rows)

    @cached_property
    def _standings(self) -> dict[int, Standing]:
        return {arm: self._standing(arm) for arm in self.arms}

    def _standing(self, arm: int) -> Standing:
        mine = self._of_arm(arm)
        wanted: Sequence[int] = self.plan.wanted_seeds(self.arms[arm]) if self.plan else ()
        gone = mine[mine["outcome"] == LOST_RUN]
        lost = {str(status): _whole(runs["seed"]) for status, runs in gone.groupby("status")}
        elsewhere = _seeds(mine, ELSEWHERE)
        measured = _seeds(mine, MEASURED)
        ended = {*measured, *elsewhere, *(seed for seeds in lost.values() for seed in seeds)}
        begun = set(_whole(mine["seed"]))
        return Standing(measured, lost, tuple(sorted((begun | set(wanted)) - ended)), elsewhere)


def load_ablation(study: Study) -> Ablation:
    """Read the plan of a study's ablate stage and its runs; raise IgnmError for a plan that cannot be used."""
    plan = read_plan(study.folder)
    if plan is None:
        nothing = study.rows.iloc[:0].assign(arm=0, dataset="", point=0.0)
        return Ablation(study, None, _no_runs(), nothing, (NO_PLAN,))
    rows, notes = ablation_rows(study.rows, plan)
    return Ablation(study, plan, summarise_runs(rows, plan), rows, tuple(notes))


def _no_runs() -> pd.DataFrame:
    return summarise_runs(pd.DataFrame(), Plan(asked_kimg=0, kimg=0, seeds=(), smallest_effect=1, arms=(), designs=()))


def _seeds(runs: pd.DataFrame, outcome: str) -> tuple[int, ...]:
    return _whole(runs.loc[runs["outcome"] == outcome, "seed"])


def _whole(values: "pd.Series[int]") -> tuple[int, ...]:
    return tuple(sorted(values.astype(int).tolist()))


def _by_number(table: pd.DataFrame) -> dict[int, pd.DataFrame]:
    numbers = table["arm"].astype(int)
    return {number: table[numbers == number] for number in numbers.unique().tolist()}
