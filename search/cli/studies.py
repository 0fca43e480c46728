"""`ignm run` and its stages, `ignm status`, `ignm best`."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from search.cli.console import console, stopped

if TYPE_CHECKING:
    from search.study.question import Question

STUDY = typer.Argument(help="A study's YAML file, or one that comes with ignm: quick.", show_default=False)
STORAGE = typer.Option(Path("studies"), help="Folder that holds the studies.")
ADDRESS = typer.Option(
    None, help="A Ray cluster; `auto` for the one that this machine is part of. A local Ray, when left out."
)
SET = typer.Option(
    [], "--set", metavar="PATH=VALUE", help="Change the study, for example budget.trials=20; may be repeated."
)
FIX = typer.Option(
    [],
    "--fix",
    metavar="PATH=VALUE",
    help="Give a path of the config this value in every trial, and search it no more; may be repeated.",
)
ONLY = typer.Option(
    [],
    "--only",
    metavar="STRATEGY|PATH",
    help="Search only the axes of this strategy (data, structure, init, loss, optim) or this path; may be repeated, or "
    "a list with commas.",
)
FOLDER = typer.Argument(help="A study's folder, or its name under --storage.", show_default=False)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (run, search, confirm, report, status, best):
        app.command()(command)


def run(
    study: str = STUDY,
    storage: Path = STORAGE,
    address: str = ADDRESS,
    set_: list[str] = SET,
    fix: list[str] = FIX,
    only: list[str] = ONLY,
) -> None:
    """Run all stages of a study: search, confirm, report. Run it again to go on after anything."""
    _stages(_question(study, set_, fix, only), storage, address, ("search", "confirm", "report"))


def search(
    study: str = STUDY,
    storage: Path = STORAGE,
    address: str = ADDRESS,
    set_: list[str] = SET,
    fix: list[str] = FIX,
    only: list[str] = ONLY,
) -> None:
    """Search the space only."""
    _stages(_question(study, set_, fix, only), storage, address, ("search",))


def confirm(
    study: str = STUDY,
    storage: Path = STORAGE,
    address: str = ADDRESS,
    set_: list[str] = SET,
    fix: list[str] = FIX,
    only: list[str] = ONLY,
) -> None:
    """Run the search's best again on fresh seeds, and keep the winner."""
    _stages(_question(study, set_, fix, only), storage, address, ("confirm",))


def report(folder: Path = FOLDER, storage: Path = STORAGE) -> None:
    """Write a study's report from whatever it has so far."""
    from analysis.report import build_report
    from search.study.results import write_results

    opened = _open(folder, storage)
    write_results(opened)
    with console.status("writing the report"):
        page = build_report(opened.path)
    console.print(f"report: {page}", highlight=False, soft_wrap=True)


def status(folder: Path = FOLDER, storage: Path = STORAGE) -> None:
    """Tell how a study stands; works while it runs, from anywhere that reads its folder."""
    from search.confirming import ranked
    from search.study.progress import ProgressReader
    from search.study.record import read_question

    opened = _open(folder, storage)
    question = read_question(opened)
    totals = {"search": question.budget.trials, "confirm": len(opened.all_trials("confirm"))}
    for stage, total in totals.items():
        progress = ProgressReader(opened, stage, total, stops_early=stage == "search").read()
        ended = ", ".join(f"{count} {kind}" for kind, count in progress.ended.items()) or "none ended"
        console.print(f"[bold]{stage}[/bold] {progress.count_ended}/{total}: {ended}", highlight=False)
        for each in progress.running:
            console.print(f"  unfinished: {each.name} at {each.kimg:.1f} of {each.budget:g} kimg", highlight=False)
    table = Table("the search's best so far", "kimg", "quality", box=None, padding=(0, 2, 0, 0))
    for trial in ranked(opened)[:5]:
        last = trial.measurements()[-1]
        table.add_row(trial.name, f"{last['kimg']:.0f}", f"{last['metric']} {last['quality']:.3f}")
    console.print(table)
    winner = opened.best / "evidence.json"
    console.print(
        f"winner: {winner.parent}" if winner.exists() else "winner: not confirmed yet", highlight=False, soft_wrap=True
    )


def best(
    folder: Path = FOLDER,
    storage: Path = STORAGE,
    as_json: bool = typer.Option(False, "--json", help="The evidence as JSON, for programs."),
) -> None:
    """Tell the winner: its configuration, its numbers, and where it lies."""
    from ignm.errors import IgnmError
    from ignm.files import read_json

    opened = _open(folder, storage)
    path = opened.best / "evidence.json"
    if not path.exists():
        raise IgnmError(f"{opened.path}: no winner yet; `ignm run` its study to the end of the confirm stage")
    evidence = read_json(path, "parameters", "seeds", "mean", "sd", "metric", "kimg", "baseline", "name", "config_id")
    if as_json:
        typer.echo(json.dumps(evidence, indent=2))
        return
    console.print(_sentence(evidence), highlight=False, soft_wrap=True)
    table = Table("axis", "value", box=None, padding=(0, 2, 0, 0))
    for axis, value in evidence["parameters"].items():
        table.add_row(axis, "null" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value))
    console.print(table)
    console.print(f"config: {opened.best / 'config.yaml'}", highlight=False, soft_wrap=True)
    console.print(f"samples: {opened.best / 'samples.png'}", highlight=False, soft_wrap=True)


def _question(study: str, assignments: list[str], fixed: list[str], only: list[str]) -> "Question":
    from ignm.config import parse_assignments
    from search.study.question import load_question

    names = [name.strip() for given in only for name in given.split(",") if name.strip()]
    return load_question(study, parse_assignments(assignments), parse_assignments(fixed, "--fix"), names)


def _stages(question: "Question", storage: Path, address: str | None, stages: Iterable[str]) -> None:
    # Ray, Optuna and torch are imported only when the question is known to be a good one.
    from search.stages import opened

    console.print(f"study [bold]{question.name}[/bold] in {storage / question.name}", highlight=False, soft_wrap=True)
    try:
        with opened(question, storage, console, address) as running:
            for stage in stages:
                _finish(stage, getattr(running, stage)())
    except KeyboardInterrupt:
        raise stopped() from None


def _finish(stage: str, outcome: Any) -> None:
    if stage == "confirm":
        console.print(_sentence(outcome), highlight=False, soft_wrap=True)
    elif stage == "report":
        console.print(f"report: {outcome}", highlight=False, soft_wrap=True)


def _sentence(evidence: dict[str, Any]) -> str:
    spread = f" ± {evidence['sd']:.2f}" if evidence["sd"] is not None else ""
    count = len(evidence["seeds"])
    text = (
        f"winner: {evidence['name']}, {evidence['metric']} {evidence['mean']:.2f}{spread} "
        f"({count} fresh seed{'s' if count != 1 else ''}, {evidence['kimg']:g} kimg)"
    )
    baseline = evidence["baseline"]
    if baseline and baseline["config_id"] == evidence["config_id"]:
        text += "; this is the preset itself: nothing searched beat it"
    elif baseline and baseline["qualities"]:
        text += f"; baseline {baseline['name']}: {baseline['mean']:.2f}"
    return text


def _open(folder: Path, storage: Path) -> Any:
    from search.study.folder import open_study

    return open_study(folder if folder.exists() or folder.is_absolute() else storage / folder)
