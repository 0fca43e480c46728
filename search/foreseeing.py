"""What a study would do and cost, before anything is begun: the dry run."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from ignm.data.cache import Dataset
from ignm.data.store import EMBEDDED, list_datasets, open_dataset
from ignm.errors import IgnmError
from ignm.models.shape import shape_of
from ignm.training.trial import check_config, check_new
from search.confirming import planned
from search.designs.beforehand import check_ablation, load_datasets
from search.designs.cost import AblationCost, cost_of_ablation
from search.displaying.loading import load_dataset
from search.fixed_costs import BEGINNING, CROWDED, REPORT, SLOWER
from search.relative_cost import relative_cost
from search.running.capacity import cluster_totals, gpus_per_trial, local_totals, slots
from search.running.ray_cluster import connected
from search.stage_plans import Span, StagePlan, fixed, plan_confirm, plan_search, waves
from search.storage.location import Location, Role, locate
from search.storage.studies import read_study
from search.study.folder import StudyFolder
from search.study.progress import confirm_reader, search_reader
from search.study.question import Question
from search.study.record import check_same, with_extractor
from search.study.spending import Held, Limit, Spent, check_limits, limits_of, read_spent
from search.timing import Speed, known_speed, tried_speed
from search.tracking.registry import check_trackers
from spaces.size import Size, size_of


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
    limited: float | None
    """Seconds after which the first of the limits is used up, with all slots at work; None without any."""
    price: float | None
    reports: bool
    """Whether the report is written at the end."""

    @property
    def unit(self) -> str:
        """What hours are counted of."""
        return "GPU" if self.gpus > 0 else "CPU"

    def hours(self, seconds: float) -> float:
        """GPU-hours, or CPU-hours, of so many seconds of a slot."""
        return seconds / 3600 * (self.gpus or self.cpus)

    @property
    def held(self) -> Span:
        """Slots' time of all the stages."""
        ablation = Span(self.ablate.seconds, self.ablate.seconds_most) if self.ablate else Span()
        return sum((each.held for each in (self.search, self.confirm) if each), ablation)

    @property
    def search_wall(self) -> Span:
        """Wall clock of the search, which a limit of the budget may end."""
        if self.search is None:
            return Span()
        return self.search.wall if self.limited is None else self.search.ending(self.limited)

    @property
    def ablate_wall(self) -> Span:
        """Wall clock of the ablation."""
        plan = self.ablate
        if plan is None or not plan.runs_most:
            return Span()
        rounds = 1 + plan.most_seeds - plan.seeds
        least = waves(plan.runs, self.slots, Span(plan.seconds / max(1, plan.runs)))
        # Each round of further seeds may leave slots without work at its end.
        runs_most = plan.runs_most + (rounds - 1) * (self.slots - 1)
        most = waves(runs_most, self.slots, Span(0.0, plan.seconds_most / plan.runs_most * SLOWER), rounds)
        return Span(least.expected, max(least.expected, most.most))

    @property
    def wall(self) -> Span:
        """Wall clock from the command to its end."""
        confirm = self.confirm.wall if self.confirm else Span()
        return fixed(BEGINNING + self.reports * REPORT) + self.search_wall + confirm + self.ablate_wall


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
        speed = _speed(question, folder, dataset, count, console) if timed else None
        ablation = _ablation(question, folder, dataset, console) if "ablate" in stages else None
    gpus = gpus_per_trial(question.resources, totals)
    spent = read_spent(folder, question.resources.price) if folder.path.exists() else Spent(0.0, Held())
    begun = folder.path.exists()
    ended = search_reader(folder, question).read().count_ended if begun else 0
    confirmed = confirm_reader(folder).read().count_ended if begun else 0
    search = plan_search(question, ended, speed, count) if speed and "search" in stages else None
    rate = _Rate(count, question.resources.cpus, gpus, question.resources.price)
    limits = limits_of(question, spent)
    return Foreseen(
        size=size_of(space, base),
        axes=len(space.possible(base).axes),
        rungs=tuple(question.budget.rungs()),
        search=search,
        confirm=plan_confirm(question, known, confirmed, speed, count) if speed and "confirm" in stages else None,
        ablate=ablation,
        slots=count,
        cpus=question.resources.cpus,
        gpus=gpus,
        speed=speed,
        limits=tuple(limits),
        stopped_by=rate.first_over(question, spent, search.wall.expected) if search else None,
        limited=rate.seconds_until(limits),
        price=question.resources.price,
        reports="report" in stages,
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

    def seconds_until(self, limits: Sequence[Limit]) -> float | None:
        """Seconds of all slots at work until the first of the limits is used up; None without any."""
        hour = self.slots * (self.gpus or self.cpus) / 3600
        rates = {"budget.minutes": 1 / 60, "budget.gpu_hours": hour, "budget.money": hour * (self.price or 0.0)}
        return min((each.left / rates[each.field] for each in limits if rates[each.field] > 0), default=None)


def _speed(question: Question, folder: StudyFolder, dataset: Dataset, slots: int, console: Console) -> Speed:
    with console.status("timing the base config"):
        known = known_speed(question, folder)
        return known or _typical(question, dataset, slots)


def _typical(question: Question, dataset: Dataset, slots: int) -> Speed:
    """The speed of the space's configs, by a try of the base and by what they compute beside it."""
    base = question.base()
    tried = tried_speed(base, question, dataset)
    space = relative_cost(question.load_space(), base, shape_of(base, dataset))
    one = tried.seconds_per_kimg * (CROWDED if slots > 1 else 1.0)
    measuring = tried.measuring * (CROWDED if slots > 1 else 1.0)
    return replace(tried, seconds_per_kimg=one * space.mean, slowest=one * space.most, measuring=measuring)


def _ablation(question: Question, folder: StudyFolder, dataset: Dataset, console: Console) -> AblationCost:
    datasets = load_datasets(question, console, dataset)
    check_ablation(question, folder, datasets)
    return cost_of_ablation(question, folder, datasets, console)


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
