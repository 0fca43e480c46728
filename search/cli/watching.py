"""`ignm status` and `ignm best`: how a study stands, from anywhere that reads its folder."""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.live import Live
from rich.table import Table

from search.cli.console import console
from search.cli.places import FOLDER, STORAGE, open_folder, place_of
from search.cli.sentences import cost_sentence, judged_sentences, reported_sentence, winner_sentence

if TYPE_CHECKING:
    from search.study.folder import StudyFolder
    from search.study.standing import Standing

REDRAW_SECONDS = 3.0


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (status, best):
        app.command()(command)


def status(
    folder: str = FOLDER,
    storage: str = STORAGE,
    as_json: bool = typer.Option(False, "--json", help="All of it as JSON, for programs."),
    watch: bool = typer.Option(False, "--watch", help="Draw it anew every few seconds, until its driver has ended."),
) -> None:
    """Tell how a study stands: driver, nodes, trials, rungs, best so far, cost, time left. Works while it runs."""
    from search.displaying.standing import picture
    from search.study.standing import read_standing

    opened = _open_begun(folder, storage)
    standing = read_standing(opened)
    if as_json:
        typer.echo(json.dumps(standing.as_json(), indent=2))
    elif watch and standing.alive:
        _watch(folder, storage, standing)
    else:
        console.print(picture(standing), highlight=False, soft_wrap=True)


def best(
    folder: str = FOLDER,
    storage: str = STORAGE,
    as_json: bool = typer.Option(False, "--json", help="The evidence as JSON, for programs."),
) -> None:
    """Tell the winner: its configuration, its numbers, and where it lies."""
    from ignm.errors import IgnmError
    from ignm.files import read_json
    from search.designs.reporting import read_reported
    from search.judging_best import cost_of, judge_best

    opened = open_folder(folder, storage)
    path = opened.best / "evidence.json"
    if not path.exists():
        raise IgnmError(f"{opened.path}: no winner yet; `ignm run` its study to the end of the confirm stage")
    evidence = read_json(path, "parameters", "seeds", "mean", "sd", "metric", "kimg", "baseline", "name", "config_id")
    reported = read_reported(opened, evidence["config_id"])
    judged, cost = judge_best(evidence, reported), cost_of(opened, evidence)
    places = {each: opened.best / file for each, file in _FILES.items()}
    places["its run"] = opened.trials / str(evidence.get("trial"))
    files = {each: str(place) for each, place in places.items() if place.exists()}
    if as_json:
        told = {"reported": [asdict(each) for each in reported], "judged": [asdict(each) for each in judged]}
        typer.echo(json.dumps(evidence | told | {"cost": cost, "files": files}, indent=2))
        return
    console.print(winner_sentence(evidence), highlight=False, soft_wrap=True)
    for each in reported:
        console.print(reported_sentence(each, evidence["metric"]), highlight=False, soft_wrap=True)
    for line in (line for each in judged for line in judged_sentences(each)):
        console.print(line, highlight=False, soft_wrap=True)
    if cost is not None:
        console.print(cost_sentence(cost), highlight=False, soft_wrap=True)
    table = Table("axis", "value", box=None, padding=(0, 2, 0, 0))
    for axis, value in evidence["parameters"].items():
        table.add_row(axis, "null" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value))
    console.print(table)
    for name, place in files.items():
        console.print(f"{name}: {place}", highlight=False, soft_wrap=True)


_FILES = {"config": "config.yaml", "generator": "generator.safetensors", "samples": "samples.png"}


def _open_begun(folder: str, storage: str) -> "StudyFolder":
    from ignm.errors import IgnmError
    from search.storage.location import Role
    from search.study.heartbeat import read_driver

    try:
        return open_folder(folder, storage)
    except IgnmError:
        place = place_of(folder, storage)
        driver = read_driver(place.folder(Role.READER))
        if driver is None or not driver.alive():
            raise
        raise IgnmError(f"{place}: this study is only being begun, by {driver}; look again in a few seconds") from None


def _watch(folder: str, storage: str, standing: "Standing") -> None:
    from search.displaying.standing import picture
    from search.study.standing import read_standing

    try:
        with Live(picture(standing), console=console, auto_refresh=False, transient=True) as live:
            while standing.alive:
                live.update(picture(standing), refresh=True)
                time.sleep(REDRAW_SECONDS)
                standing = read_standing(open_folder(folder, storage))
    except KeyboardInterrupt:
        pass
    console.print(picture(standing), highlight=False, soft_wrap=True)
