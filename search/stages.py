"""The stages of a study, each of which can be run again: what is done is kept, what is missing is run."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from ray import tune
from rich.console import Console

from analysis.report import build_report
from ignm.data.cache import Dataset, data_root
from ignm.errors import IgnmError
from ignm.files import sweep
from ignm.metrics.evaluator import Evaluator, resolve_extractor
from ignm.training.device import default_device
from ignm.training.trial import check_config, check_new
from search.confirming import begin_runs, make_plan
from search.displaying.loading import load_dataset
from search.displaying.stage import StageDisplay
from search.running.ray_cluster import connected, run_trials, slots, tune_config_of
from search.searcher.early_stopping import PruneByStudy
from search.searcher.study_search import StudySearch
from search.study.clock import StageClock
from search.study.folder import Status, StudyFolder
from search.study.progress import ProgressReader
from search.study.question import Question
from search.study.record import read_question, record_question
from search.study.results import write_results
from search.winner import keep_winner


@dataclass
class Study:
    """A study that is being run: its question, its folder, its data."""

    question: Question
    folder: StudyFolder
    dataset: Dataset
    metric: str
    console: Console
    address: str | None

    def search(self) -> None:
        """Search the space; ends when the asked number of trials has ended or the time is over."""
        question = self.question
        clock = StageClock(self.folder.path / "clock.json", "search")
        check = partial(check_new, dataset=self.dataset)
        searcher = StudySearch(self.folder, question, question.load_space(), self._tune_config(), check)
        limit = question.budget.minutes
        missing = searcher.missing
        if missing > 0 and limit is not None and clock.seconds >= limit * 60:
            searcher.close()
            searcher.end_unfinished()
            self.console.print(
                f"search: its {limit:g} minutes are used up with {missing} trials not run; "
                "raise budget.minutes to search on",
                highlight=False,
                soft_wrap=True,
            )
        elif missing > 0:
            reader = ProgressReader(self.folder, "search", question.budget.trials, stops_early=True)
            scheduler = PruneByStudy(searcher)
            with (
                connected(self.address),
                StageDisplay(self.console, reader, clock, self.metric, limit, searcher.close),
            ):
                run_trials(self.folder, question.resources, missing, {}, search_alg=searcher, scheduler=scheduler)
            self._require_ended("search")
        write_results(self.folder)

    def confirm(self) -> dict[str, Any]:
        """Run the best again on fresh seeds and keep the winner; returns the evidence."""
        clock = StageClock(self.folder.path / "clock.json", "confirm")
        with connected(self.address):
            plan = make_plan(self.folder, self.question, slots(self.question.resources))
            runs = begin_runs(self.folder, self.question, plan)
            waiting = [run for run in runs if run.status() is Status.RUNNING]
            if waiting:
                reader = ProgressReader(self.folder, "confirm", len(runs), stops_early=False)
                with StageDisplay(self.console, reader, clock, self.metric):
                    names = tune.grid_search([run.name for run in waiting])
                    run_trials(self.folder, self.question.resources, 1, self._tune_config() | {"trial": names})
                self._require_ended("confirm")
        write_results(self.folder)
        return keep_winner(self.folder, self.dataset, self.question.base().config_id, self.question.evaluation)

    def report(self) -> Path:
        """Write the report from whatever there is."""
        write_results(self.folder)
        return build_report(self.folder.path)

    def _require_ended(self, stage: str) -> None:
        """Raise IgnmError while a trial of the stage has neither come to an end nor been given up."""
        left = [trial.name for trial in self.folder.all_trials(stage) if trial.status() is Status.RUNNING]
        if left:
            raise IgnmError(f"{self.folder.path}: could not be run: {', '.join(left)}; run the same command again")

    def _tune_config(self) -> dict[str, Any]:
        return tune_config_of(self.folder, self.question.resources, data_root())


@contextmanager
def opened(question: Question, storage: Path, console: Console, address: str | None = None) -> Iterator[Study]:
    """Open a study for running: its dataset, its reference, its folder, locked against a second driver."""
    folder = StudyFolder(storage / question.name)
    question = _with_extractor(question, folder)
    dataset = load_dataset(console, question.data.name, question.data.resolution)
    check_config(question.base(), dataset)
    with console.status("computing the reference statistics"):
        evaluator = Evaluator(question.evaluation, dataset, default_device())
    data = {
        "name": dataset.name,
        "resolution": dataset.resolution,
        "channels": dataset.channels,
        "images": len(dataset.images),
        "fingerprint": dataset.fingerprint,
    }
    metric = {
        "name": evaluator.metric,
        "reference_id": evaluator.reference.id,
        "images": question.evaluation.images,
    }
    with _held(folder):
        record_question(folder, question, metric, data)
        yield Study(question, folder, dataset, evaluator.metric, console, address)


@contextmanager
def _held(folder: StudyFolder) -> Iterator[None]:
    """Hold a study's folder, made if need be, against a second driver."""
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
        sweep(folder.path)
        yield
    finally:
        lock.release()


def _with_extractor(question: Question, folder: StudyFolder) -> Question:
    """Settle `auto` once for the whole study: machines that hold different weights would choose different metrics."""
    if question.evaluation.extractor != "auto":
        return question
    known = read_question(folder).evaluation.extractor if folder.question.exists() else resolve_extractor("auto")
    return question.model_copy(update={"evaluation": question.evaluation.model_copy(update={"extractor": known})})
