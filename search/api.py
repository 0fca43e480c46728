"""A study run from Python, as `ignm run` does it; what a notebook calls (docs/python.md)."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ignm.config import nearest
from ignm.errors import IgnmError
from search.stages import opened
from search.study.folder import StudyFolder
from search.study.question import STAGES, Question, load_question


def run_study(
    study: str | Path | Question,
    storage: str | Path = "studies",
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
    question = study if isinstance(study, Question) else load_question(str(study), dict(changes or {}))
    if isinstance(study, Question) and changes:
        raise IgnmError("changes: the study was loaded already; give its file, or load it with the changes")
    wanted = question.stages if stages is None else stages
    for stage in wanted:
        if stage not in STAGES:
            raise IgnmError(f"stages: no stage '{stage}'{nearest(stage, STAGES)}; stages: {', '.join(STAGES)}")
    with opened(question, storage, console or Console(quiet=True), address, command) as running:
        for stage in wanted:
            on_stage(stage, getattr(running, stage)())
        return running.folder
