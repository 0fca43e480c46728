"""What a study would do and cost, before anything is begun: the dry run."""

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ignm.data.cache import Dataset
from ignm.data.store import EMBEDDED, list_datasets, open_dataset
from ignm.errors import IgnmError
from ignm.training.trial import check_config, check_new
from search.confirming import planned
from search.designs.beforehand import check_ablation, load_datasets
from search.designs.cost import AblationCost, cost_of_ablation
from search.displaying.loading import load_dataset
from search.running.capacity import cluster_totals, gpus_per_trial, local_totals, slots
from search.running.ray_cluster import connected
from search.storage.location import Location, Role, locate
from search.storage.studies import read_study
from search.study.folder import StudyFolder
from search.study.progress import confirm_reader, search_reader
from search.study.question import Question
from search.study.record import check_same, with_extractor
from search.study.sections import Budget
from search.study.spending import Held, Limit, Spent, check_limits, limits_of, read_spent
from search.timing import Speed, known_speed, tried_speed
from search.tracking.registry import check_trackers
from spaces.size import Size, size_of


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
    seconds_most: float
    seconds: float
    """Wall clock, as expected, on the slots there are."""


@dataclass(frozen=True)
class Foreseen:
    """A study before it is run."""

    size: Size
    axes: int
    rungs: tuple[float, ...]
    search: StagePlan | None
    """None for a stage that was not asked about."""
    confirm: StagePlan | None
    ablate: AblationCost | None
    slots: int
    cpus: int
    """Of a trial; GPUs likewise."""
    gpus: float
    speed: Speed | None
    """Of the search's trials."""
    limits: tuple[Limit, ...]
    """Those of the budget, and what is used of them."""
    stopped_by: Limit | None
    """The limit that will probably end the search before its trials are done."""
    price: float | None

    @property
    def unit(self) -> str:
        """What hours are counted of."""
        return "GPU" if self.gpus > 0 else "CPU"

    def hours(self, seconds: float) -> float:
        """GPU-hours, or CPU-hours, of so many seconds of a slot."""
        return seconds / 3600 * (self.gpus or self.cpus)

    @property
    def seconds(self) -> float:
        """Slots' time of all the stages, as expected."""
        ablation = self.ablate.seconds if self.ablate else 0.0
        return ablation + sum(self._per_kimg * each.kimg_expected for each in (self.search, self.confirm) if each)

    @property
    def seconds_most(self) -> float:
        """Slots' time of all the stages, at most."""
        ablation = self.ablate.seconds_most if self.ablate else 0.0
        return ablation + sum(self._per_kimg * each.kimg_most for each in (self.search, self.confirm) if each)

    @property
    def _per_kimg(self) -> float:
        return self.speed.seconds_per_kimg if self.speed else 0.0


def foresee(question: Question, storage: str, console: Console, address: str | None, stages: Sequence[str]) -> Foreseen:
    """Foresee some stages of a study; writes nothing, and connects to Ray only where an address is given.

    Raises IgnmError for whatever would keep the study from being run.
    """
    check_limits(question)
    check_trackers(question.tracking)
    folder = _begun(locate(storage).join(question.name))
    question = with_extractor(question, folder)
    base, space = question.base(), question.load_space()
    with tempfile.TemporaryDirectory() as scratch:
        dataset = _dataset(question, console, Path(scratch))
        check_config(base, dataset)
        check_new(base, dataset)
        check_same(folder, question, dataset)
        totals = _totals(address)
        count = slots(question.resources, totals)
        # A confirm stage without its search needs one that was run before; that it was is known in no time.
        known = planned(folder, question, count) if "confirm" in stages and "search" not in stages else None
        timed = not {"search", "confirm"}.isdisjoint(stages)
        speed = _speed(question, folder, dataset, console) if timed else None
        ablation = _ablation(question, folder, dataset, console) if "ablate" in stages else None
    gpus = gpus_per_trial(question.resources, totals)
    spent = read_spent(folder, question.resources.price) if folder.path.exists() else Spent(0.0, Held())
    begun = folder.path.exists()
    ended = search_reader(folder, question).read().count_ended if begun else 0
    confirmed = confirm_reader(folder).read().count_ended if begun else 0
    search = _search(question, ended, speed, count) if speed and "search" in stages else None
    rate = _Rate(count, question.resources.cpus, gpus, question.resources.price)
    limits = limits_of(question, spent)
    return Foreseen(
        size=size_of(space, base),
        axes=len(space.possible(base).axes),
        rungs=tuple(question.budget.rungs()),
        search=search,
        confirm=_confirm(question, known, confirmed, speed, count) if speed and "confirm" in stages else None,
        ablate=ablation,
        slots=count,
        cpus=question.resources.cpus,
        gpus=gpus,
        speed=speed,
        limits=tuple(limits),
        stopped_by=rate.first_over(question, spent, search.seconds) if search else None,
        price=question.resources.price,
    )


def expected_kimg(budget: Budget, stops_early: bool) -> float:
    """Mean kimg of a trial when each rung lets 1 in `reduction` pass."""
    if not stops_early:
        return budget.kimg
    ends = [*budget.rungs(), budget.kimg]
    starts = [0.0, *budget.rungs()]
    return sum(
        (end - start) / budget.reduction**rung for rung, (start, end) in enumerate(zip(starts, ends, strict=True))
    )


@dataclass(frozen=True)
class _Rate:
    """How a running search spends."""

    slots: int
    cpus: int
    gpus: float
    price: float | None

    def first_over(self, question: Question, spent: Spent, seconds: float) -> Limit | None:
        """The first of the question's limits that is used up within `seconds`."""
        hours = seconds / 3600 * self.slots
        held = spent.held + Held(hours * 3600, hours * self.cpus, hours * self.gpus)
        then = limits_of(question, Spent(spent.minutes + seconds / 60, held, self.price))
        over = [limit for limit in then if limit.over]
        return max(over, key=lambda limit: limit.used / limit.asked, default=None)


def _speed(question: Question, folder: StudyFolder, dataset: Dataset, console: Console) -> Speed:
    with console.status("timing the base config"):
        known = known_speed(question, folder)
        return known or tried_speed(question.base(), question, dataset, question.budget.kimg)


def _ablation(question: Question, folder: StudyFolder, dataset: Dataset, console: Console) -> AblationCost:
    datasets = load_datasets(question, console, dataset)
    check_ablation(question, folder, datasets)
    return cost_of_ablation(question, folder, datasets, console)


def _search(question: Question, ended: int, speed: Speed, count: int) -> StagePlan:
    budget = question.budget
    missing = max(0, budget.trials - ended)
    stops_early = question.suggesting.stops_early
    finals = min(budget.finalists, missing) * budget.kimg if stops_early else 0.0
    most = missing * budget.kimg
    expected = min(most, missing * expected_kimg(budget, stops_early) + finals)
    at_once = min(count, missing) or 1
    one = budget.kimg * speed.seconds_per_kimg
    return StagePlan(
        runs=budget.trials,
        ended=ended,
        kimg_each=budget.kimg,
        kimg_most=most,
        kimg_expected=expected,
        seconds_most=math.ceil(missing / at_once) * one,
        # However many slots: one trial goes to the end.
        seconds=max(expected * speed.seconds_per_kimg / at_once, one if missing else 0.0),
    )


def _confirm(question: Question, known: Mapping[str, Any] | None, ended: int, speed: Speed, count: int) -> StagePlan:
    """By the plan that is `known`; else by what is asked for, whatever the search will find."""
    plan = question.confirm
    runs = (plan.top + plan.baseline) * plan.seeds
    kimg = plan.kimg or question.budget.kimg
    if known is not None:
        runs, kimg = len(known["candidates"]) * len(known["seeds"]), float(known["kimg"])
    elif plan.minutes is not None:
        kimg = min(kimg, plan.minutes * 60 / math.ceil(runs / count) / speed.seconds_per_kimg)
    missing = max(0, runs - ended)
    seconds = math.ceil(missing / count) * kimg * speed.seconds_per_kimg
    return StagePlan(runs, ended, kimg, missing * kimg, missing * kimg, seconds, seconds)


def _dataset(question: Question, console: Console, scratch: Path) -> Dataset:
    """The study's dataset; embedded faces that were never drawn here are drawn, to be thrown away."""
    name, resolution = question.data.name, question.data.resolution
    if name == EMBEDDED and resolution not in list_datasets().get(EMBEDDED, ()):
        with console.status("drawing the embedded faces"):
            return open_dataset(name, resolution, scratch)
    return load_dataset(console, name, resolution)


def _totals(address: str | None) -> Mapping[str, float]:
    if address is None:
        return local_totals()
    with connected(address):
        return cluster_totals(address)


def _begun(place: Location) -> StudyFolder:
    """The study, or what there is of it: it need not have been begun."""
    try:
        return StudyFolder(read_study(place))
    except IgnmError:
        return StudyFolder(place.folder(Role.READER))
