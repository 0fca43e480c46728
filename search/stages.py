"""The stages of a study, each of which can be run again: what is done is kept, what is missing is run."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from ray import tune
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from analysis.report import build_report
from ignm.config import Config
from ignm.data.cache import Dataset, data_root
from ignm.errors import IgnmError
from ignm.files import sweep
from ignm.metrics.evaluator import Evaluator
from ignm.models.shape import shape_of
from ignm.training.device import default_device
from ignm.training.trial import check_config, check_new
from search.card import write_card
from search.clusters.preflight import preflight
from search.clusters.version import code_version
from search.confirming import begin_runs, make_plan
from search.designs.beforehand import check_ablation, load_datasets
from search.designs.design import Arm
from search.designs.plan import begin_runs as begin_arms
from search.designs.plan import make_plan as make_ablation
from search.displaying.going_on import tell_exhausted, tell_going_on
from search.displaying.loading import load_dataset
from search.displaying.stage import StageDisplay
from search.running.callbacks import HoldSlots, ShowResults, WriteEnds
from search.running.capacity import cluster_totals, gpus_per_trial, slots
from search.running.keeping import Keeper
from search.running.memory import estimate_gib
from search.running.ray_cluster import ClusterView, connected, run_trials, tune_config_of
from search.running.watch import StageWatch
from search.searcher.early_stopping import PruneByStudy
from search.searcher.study_search import StudySearch
from search.storage.location import Location, Role, locate
from search.storage.studies import Keeping, driven
from search.study.folder import Status, StudyFolder, Trial
from search.study.heartbeat import Heartbeat, refuse_other_driver
from search.study.progress import ProgressReader, ablate_reader, confirm_reader, search_reader
from search.study.question import Question
from search.study.record import facts_of, record_question, with_extractor
from search.study.requests import StoppedByHand, clear_stop
from search.study.results import write_results
from search.study.spending import check_limits
from search.tracking.registry import check_trackers, open_trackers
from search.tracking.showing import Showing
from search.tracking.tracker import Tracker
from search.winner import keep_winner


@dataclass
class Study:
    """A study that is being run: its question, its folder, its data."""

    question: Question
    location: Location
    folder: StudyFolder
    """Where the driver works: the study itself, or its copy of what is in an object store."""
    kept: Keeping
    dataset: Dataset
    metric: str
    console: Console
    address: str | None
    heartbeat: Heartbeat
    trackers: Mapping[str, Tracker]

    def search(self) -> None:
        """Search the space; ends when the asked number of trials has ended or a limit of the budget is used up."""
        question = self.question
        check = partial(check_new, dataset=self.dataset)
        searcher = StudySearch(
            self.folder, question, question.load_space(), self._tune_config(), check, self._memory_of(), self.kept
        )
        watch = StageWatch(self.folder, question, search_reader(self.folder, question), self.heartbeat, searcher.close)
        over = next((limit for limit in watch.limits() if limit.over), None)
        missing = searcher.missing
        if missing > 0 and over is not None:
            searcher.close(over.reason)
            searcher.end_unfinished()
            self.console.print(
                f"search: {over.field} is used up ({over}) with {missing} trials not run; "
                f"raise {over.field} to search on",
                highlight=False,
                soft_wrap=not self.console.is_terminal,
            )
        elif missing > 0:
            with self._connected():
                try:
                    # The searcher ends by itself: a finalist that diverges makes room for another.
                    self._run(watch, -1, {}, searcher, PruneByStudy(searcher))
                finally:
                    searcher.catch_up()
            if not searcher.closed:
                tell_exhausted(self.console, self.folder, question)
        write_results(self.folder)

    def confirm(self) -> dict[str, Any]:
        """Run the best again on fresh seeds and keep the winner; returns the evidence."""
        with self._connected():
            plan = make_plan(self.folder, self.question, slots(self.question.resources, cluster_totals(self.address)))
            runs = begin_runs(self.folder, self.question, plan)
            waiting = _waiting(runs)
            if waiting:
                self._run_all(waiting, confirm_reader(self.folder))
        for run in runs:
            if run.status() is Status.COMPLETED:
                self.kept.bring_checkpoint(run.name)
        write_results(self.folder)
        evidence = keep_winner(self.folder, self.dataset, self.question.base().config_id, self.question.evaluation)
        write_card(self.folder)
        return evidence

    def ablate(self) -> dict[str, Any]:
        """Run the ablation's designs, and more seeds where they leave a comparison open; returns the plan."""
        datasets = load_datasets(self.question, self.console, self.dataset)
        facts = {name: self._measured_with(dataset) for name, dataset in datasets.items()}

        def check(arm: Arm) -> None:
            try:
                check_new(arm.config, datasets[arm.dataset])
            except IgnmError as error:
                raise IgnmError(f"ablate: {arm.name} cannot be trained on {arm.dataset}: {error}") from None

        def planned() -> tuple[dict[str, Any], list[Trial]]:
            plan = make_ablation(self.folder, self.question, facts, check)
            return plan, _waiting(begin_arms(self.folder, self.question, plan))

        plan, waiting = planned()
        if waiting:
            with self._connected(*datasets.values()):
                while waiting:
                    self._run_all(waiting, ablate_reader(self.folder))
                    plan, waiting = planned()
        write_results(self.folder)
        if self.folder.best.exists():
            write_card(self.folder)
        return plan

    def report(self) -> Path:
        """Write the report from whatever there is."""
        write_results(self.folder)
        return build_report(self.folder.path)

    @contextmanager
    def _connected(self, *datasets: Dataset) -> Iterator[None]:
        """Connect to Ray; a cluster's nodes must show first that trials can run there, on its own dataset or these."""
        with connected(self.address):
            if self.address is not None:
                with self.console.status("asking every node of the cluster"):
                    for dataset in datasets or (self.dataset,):
                        preflight(str(self.location), dataset)
            yield

    def _run_all(self, runs: Sequence[Trial], reader: ProgressReader) -> None:
        """Run trials that were begun to their ends, in this order."""
        for run in runs:
            self.kept.begin(run.name)
        watch = StageWatch(self.folder, self.question, reader, self.heartbeat)
        self._run(watch, 1, self._tune_config() | {"trial": tune.grid_search([run.name for run in runs])})

    def _measured_with(self, dataset: Dataset) -> dict[str, Any]:
        """What must stay as it is for runs on a dataset to be compared; its reference is computed where need be."""
        with self.console.status(f"computing the reference statistics of {dataset.name}"):
            evaluator = Evaluator(self.question.evaluation, dataset, default_device())
        return {
            "fingerprint": dataset.fingerprint,
            "metric": evaluator.metric,
            "reference_id": evaluator.reference.id,
        }

    def _run(
        self,
        watch: StageWatch,
        count: int,
        param_space: dict[str, Any],
        search_alg: StudySearch | None = None,
        scheduler: TrialScheduler | None = None,
    ) -> None:
        """Run a stage's trials, watched and shown; raise StoppedByHand where somebody asked for that."""
        resources = self.question.resources
        with (
            ClusterView(resources, self.address) as watch.cluster,
            watch,
            Keeper(self.kept, watch.orders),
            Showing(self.folder, self.trackers) as showing,
            StageDisplay(self.console, watch, self.metric, self.question.stages),
        ):
            totals = cluster_totals(self.address)
            callbacks = [
                WriteEnds(self.folder, self.kept, resources.max_failures),
                HoldSlots(watch.meter, resources.cpus, gpus_per_trial(resources, totals)),
                ShowResults(showing),
            ]
            run_trials(
                self.folder, resources, totals, count, param_space, watch.orders, callbacks, search_alg, scheduler
            )
        if watch.orders.winding_up:
            write_results(self.folder)
            raise StoppedByHand
        self._require_ended(watch.stage)

    def _memory_of(self) -> Callable[[Config], float]:
        return partial(estimate_gib, shape=shape_of(self.question.base(), self.dataset))

    def _require_ended(self, stage: str) -> None:
        """Raise IgnmError while a trial of the stage has neither come to an end nor been given up."""
        left = [trial.name for trial in self.folder.all_trials(stage) if trial.status() is Status.RUNNING]
        if left:
            raise IgnmError(f"{self.folder.path}: could not be run: {', '.join(left)}; run the same command again")

    def _tune_config(self) -> dict[str, Any]:
        version = code_version() if self.address is not None else None
        return tune_config_of(self.location, self.question.resources, data_root(), version)


def _waiting(runs: Sequence[Trial]) -> list[Trial]:
    return [run for run in runs if run.status() is Status.RUNNING]


@contextmanager
def opened(
    question: Question, storage: str | Path, console: Console, address: str | None = None, command: str = "run"
) -> Iterator[Study]:
    """Open a study for running: its dataset, its reference, its folder, held against a second driver.

    `storage` is a folder or the URI of an object store; `command` is the stage that is run, or `run` for all: readers
    are told how to go on by it.
    """
    check_limits(question)
    check_trackers(question.tracking)
    location = locate(storage).join(question.name)
    folder = StudyFolder(location.folder(Role.DRIVER))
    dataset = load_dataset(console, question.data.name, question.data.resolution)
    check_config(question.base(), dataset)
    if question.ablate is not None:
        # Before a search that may take days.
        check_ablation(question, folder, load_datasets(question, console, dataset))
    with driven(location) as kept:
        question = with_extractor(question, folder)
        with console.status("computing the reference statistics"):
            evaluator = Evaluator(question.evaluation, dataset, default_device())
        metric = {
            "name": evaluator.metric,
            "reference_id": evaluator.reference.id,
            "images": question.evaluation.images,
        }
        with _held(folder, command, address) as heartbeat:
            changed = record_question(folder, question, metric, facts_of(dataset))
            tell_going_on(console, folder, question, changed)
            heartbeat.note(place=str(location))
            kept.forget_stop()
            kept.keep()
            trackers = open_trackers(question.tracking, folder)
            yield Study(
                question, location, folder, kept, dataset, evaluator.metric, console, address, heartbeat, trackers
            )


@contextmanager
def _held(folder: StudyFolder, command: str, address: str | None) -> Iterator[Heartbeat]:
    """Hold a study's folder, made if need be, against a second driver, and let everybody know."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IgnmError(f"--storage: {folder.path} cannot be made: {error.strerror} ({error.filename})") from None
    lock = FileLock(folder.path / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise IgnmError(
            f"{folder.path}: this study is being run already; watch it with `ignm status {folder.path}`"
        ) from None
    try:
        refuse_other_driver(folder.path)
        sweep(folder.path)
        # What was asked of an earlier driver is not for this one.
        clear_stop(folder.path)
        with _beating(folder, command, address) as heartbeat:
            yield heartbeat
    finally:
        lock.release()


@contextmanager
def _beating(folder: StudyFolder, command: str, address: str | None) -> Iterator[Heartbeat]:
    """Keep `driver.json` alive, and leave in it how the driver ended."""
    heartbeat = Heartbeat(folder.path, command, address)
    outcome = "failed"
    try:
        heartbeat.start()
        yield heartbeat
        outcome = "finished"
    except (KeyboardInterrupt, StoppedByHand):
        outcome = "stopped"
        raise
    finally:
        heartbeat.close(outcome)
        clear_stop(folder.path)
