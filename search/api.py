"""Studies from Python: what the command line does with them, for notebooks and programs (docs/python.md)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ignm.config import nearest
from ignm.errors import IgnmError
from search import STUDIES
from search.best import Best, read_best
from search.foreseeing import Foreseen, foresee
from search.report import report_study
from search.stages import opened
from search.stopping import stop_study
from search.storage.finding import find_study
from search.study.folder import StudyFolder
from search.study.question import STAGES, Question, load_question
from search.study.standing import Standing, read_standing

__all__ = ["find_study", "foresee_study", "report_study", "run_study", "stop_study", "study_best", "study_standing"]


def run_study(
    study: str | Path | Question,
    storage: str | Path = STUDIES,
    *,
    changes: Mapping[str, Any] | None = None,
    stages: Sequence[str] | None = None,
    address: str | None = None,
    console: Console | None = None,
    command: str = "run",
    on_stage: Callable[[str, Any], None] = lambda stage, outcome: None,
) -> StudyFolder:
    """Run a study's stages, or go on with what there is, and return its folder.

    study: a YAML file, a bundled name, or a question that was loaded; changes: values by dotted path, as `--set`;
    stages: some of search, confirm, ablate, report, all that the study asks for when left out; address: of a Ray
    cluster; console: where progress goes, nowhere when left out; command: what readers of the study are told that runs;
    on_stage: gets each stage's name and what it returned. Raises IgnmError for whatever a user can mend;
    KeyboardInterrupt or StoppedByHand where it was stopped: the same call goes on.
    """
    question = _loaded(study, changes)
    wanted = _stages(question, stages)
    with opened(question, storage, console or Console(quiet=True), address, command) as running:
        for stage in wanted:
            on_stage(stage, getattr(running, stage)())
        return running.folder


def foresee_study(
    study: str | Path | Question,
    storage: str | Path = STUDIES,
    *,
    changes: Mapping[str, Any] | None = None,
    stages: Sequence[str] | None = None,
    address: str | None = None,
    console: Console | None = None,
) -> Foreseen:
    """Return what a study would run, for how long and at what cost, as `--dry-run` says it; writes nothing.

    Arguments as of `run_study`. The base config is timed for some seconds where its speed is not known. Raises
    IgnmError for whatever would keep the study from being run.
    """
    question = _loaded(study, changes)
    return foresee(question, str(storage), console or Console(quiet=True), address, _stages(question, stages))


def study_standing(study: str | Path, storage: str | Path = STUDIES) -> Standing:
    """Return how a study stands, as `ignm status` shows it; works while it runs.

    study: its folder, its URI, or its name under `storage`. Raises IgnmError where there is none.
    """
    return read_standing(find_study(study, storage))


def study_best(study: str | Path, storage: str | Path = STUDIES) -> Best:
    """Return the winner, as `ignm best` tells it; arguments as of `study_standing`. Raises IgnmError where none is."""
    return read_best(find_study(study, storage))


def _loaded(study: str | Path | Question, changes: Mapping[str, Any] | None) -> Question:
    if not isinstance(study, Question):
        return load_question(str(study), dict(changes or {}))
    if changes:
        raise IgnmError("changes: the study was loaded already; give its file, or load it with the changes")
    return study


def _stages(question: Question, stages: Sequence[str] | None) -> Sequence[str]:
    wanted = question.stages if stages is None else stages
    for stage in wanted:
        if stage not in STAGES:
            raise IgnmError(f"stages: no stage '{stage}'{nearest(stage, STAGES)}; stages: {', '.join(STAGES)}")
    return wanted
