"""`ignm run` and its stages: search, confirm, ablate, report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from search.cli import completing
from search.cli.console import STUDY_PANEL, console, say, signals_stop, stopped
from search.cli.dry_running import dry_run
from search.cli.places import FOLDER, STORAGE
from search.cli.sentences import ablation_sentence, judged_sentences, winner_sentence

if TYPE_CHECKING:
    from search.study.question import Question

STUDY = typer.Argument(
    help="A study's YAML file, or one that comes with ignm: quick.",
    show_default=False,
    autocompletion=completing.studies,
)
ADDRESS = typer.Option(
    None, help="A Ray cluster; `auto` for the one that this machine is part of. A local Ray, when left out."
)
SET = typer.Option(
    [],
    "--set",
    metavar="PATH=VALUE",
    help="Change the study (budget.trials=20), or a value of the config in every trial (optim.batch=32); may be "
    "repeated.",
    autocompletion=completing.study_assignments,
)
FIX = typer.Option(
    [],
    "--fix",
    metavar="PATH=VALUE",
    help="Give a path of the config this value in every trial, and search it no more; may be repeated.",
    autocompletion=completing.config_assignments,
)
ONLY = typer.Option(
    [],
    "--only",
    metavar="STRATEGY|PATH",
    help="Search only the axes of this strategy (data, structure, init, loss, optim) or this path; may be repeated, or "
    "a list with commas.",
    autocompletion=completing.narrowings,
)
DRY_RUN = typer.Option(
    False, "--dry-run", help="Say what would be run, for how long and at what cost; begin and write nothing."
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (run, search, confirm, ablate, report):
        app.command(rich_help_panel=STUDY_PANEL)(command)


def run(
    study: str = STUDY,
    storage: str = STORAGE,
    address: str = ADDRESS,
    set_: list[str] = SET,
    fix: list[str] = FIX,
    only: list[str] = ONLY,
    dry: bool = DRY_RUN,
) -> None:
    """Run all stages of a study: search, confirm, ablate where asked for, report. Run it again to go on."""
    question = _question(study, set_, fix, only)
    if dry:
        dry_run(question, storage, address, question.stages)
    else:
        _stages("run", question, storage, address, question.stages)


def search(
    study: str = STUDY,
    storage: str = STORAGE,
    address: str = ADDRESS,
    set_: list[str] = SET,
    fix: list[str] = FIX,
    only: list[str] = ONLY,
    dry: bool = DRY_RUN,
) -> None:
    """Search the space only."""
    question = _question(study, set_, fix, only)
    if dry:
        dry_run(question, storage, address, ("search",))
    else:
        _stages("search", question, storage, address, ("search",))


def confirm(
    study: str = STUDY,
    storage: str = STORAGE,
    address: str = ADDRESS,
    set_: list[str] = SET,
    fix: list[str] = FIX,
    only: list[str] = ONLY,
    dry: bool = DRY_RUN,
) -> None:
    """Run the search's best again on fresh seeds, and keep the winner."""
    question = _question(study, set_, fix, only)
    if dry:
        dry_run(question, storage, address, ("confirm",))
    else:
        _stages("confirm", question, storage, address, ("confirm",))


def ablate(
    study: str = STUDY,
    storage: str = STORAGE,
    address: str = ADDRESS,
    set_: list[str] = SET,
    fix: list[str] = FIX,
    only: list[str] = ONLY,
    dry: bool = DRY_RUN,
) -> None:
    """Run the designs that tell which changes mattered, on seeds of their own. Needs no search but for a winner."""
    from search.designs.terms import ablate_of

    question = _question(study, set_, fix, only)
    ablate_of(question)
    if dry:
        dry_run(question, storage, address, ("ablate",))
    else:
        _stages("ablate", question, storage, address, ("ablate",))


def report(
    folder: str = FOLDER,
    storage: str = STORAGE,
    notebooks: bool = typer.Option(True, help="Execute the notebooks too, which takes some seconds."),
) -> None:
    """Write a study's report from whatever it has so far."""
    from search.report import report_study

    with console.status("writing the report"):
        page = report_study(folder, storage, notebooks)
    say(f"report: {page}")


def _question(study: str, assignments: list[str], fixed: list[str], only: list[str]) -> "Question":
    from ignm.config import parse_assignments
    from search.study.question import load_question

    names = [name.strip() for given in only for name in given.split(",") if name.strip()]
    return load_question(study, parse_assignments(assignments), parse_assignments(fixed, "--fix"), names)


def _stages(command: str, question: "Question", storage: str, address: str | None, stages: Sequence[str]) -> None:
    # Ray, Optuna and torch are imported only when the question is known to be a good one.
    from search.api import run_study
    from search.storage.location import locate
    from search.study.requests import StoppedByHand

    place = locate(storage).join(question.name)
    say(f"study [bold]{question.name}[/bold] in {place}")
    with signals_stop() as sigterm:
        try:
            run_study(
                question,
                storage,
                stages=stages,
                address=address,
                console=console,
                command=command,
                on_stage=_finish,
            )
        except (KeyboardInterrupt, StoppedByHand):
            raise stopped(sigterm.came) from None


def _finish(stage: str, outcome: Any) -> None:
    if stage == "confirm":
        from search.judging_best import judge_best

        for line in (
            winner_sentence(outcome),
            *(line for each in judge_best(outcome, []) for line in judged_sentences(each)),
        ):
            say(line)
    elif stage == "ablate":
        say(ablation_sentence(outcome))
    elif stage == "report":
        say(f"report: {outcome}")
