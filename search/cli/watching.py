"""`ignm status` and `ignm best`: how a study stands, from anywhere that reads its folder."""

import json
import time
from typing import TYPE_CHECKING

import typer
from rich.live import Live
from rich.table import Table

from search.cli.console import STUDY_PANEL, console, say
from search.cli.places import FOLDER, STORAGE
from search.cli.sentences import cost_sentence, judged_sentences, reported_sentence, winner_sentence

if TYPE_CHECKING:
    from search.study.folder import StudyFolder
    from search.study.standing import Standing

REDRAW_SECONDS = 3.0


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (status, best):
        app.command(rich_help_panel=STUDY_PANEL)(command)


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
        say(picture(standing))


def best(
    folder: str = FOLDER,
    storage: str = STORAGE,
    as_json: bool = typer.Option(False, "--json", help="The evidence as JSON, for programs."),
) -> None:
    """Tell the winner: its configuration, its numbers, and where it lies."""
    from search.best import read_best
    from search.storage.finding import find_study
    from spaces.axis import value_text

    found = read_best(find_study(folder, storage))
    if as_json:
        typer.echo(json.dumps(found.as_json(), indent=2))
        return
    lines = [
        winner_sentence(found.evidence),
        *(reported_sentence(each, found.evidence["metric"]) for each in found.reported),
        *(line for each in found.judged for line in judged_sentences(each)),
    ]
    if found.cost is not None:
        lines.append(cost_sentence(found.cost))
    for line in lines:
        say(line)
    table = Table("axis", "value", box=None, padding=(0, 2, 0, 0))
    for axis, value in found.evidence["parameters"].items():
        table.add_row(axis, value_text(value, digits=4))
    console.print(table)
    for name, place in found.files.items():
        say(f"{name}: {place}")


def _open_begun(folder: str, storage: str) -> "StudyFolder":
    from ignm.errors import IgnmError
    from search.storage.finding import find_study, place_of
    from search.storage.location import Role
    from search.study.heartbeat import read_driver

    try:
        return find_study(folder, storage)
    except IgnmError:
        place = place_of(folder, storage)
        driver = read_driver(place.folder(Role.READER))
        if driver is None or not driver.alive():
            raise
        raise IgnmError(f"{place}: this study is only being begun, by {driver}; look again in a few seconds") from None


def _watch(folder: str, storage: str, standing: "Standing") -> None:
    from search.displaying.standing import picture
    from search.storage.finding import find_study
    from search.study.standing import read_standing

    try:
        with Live(picture(standing), console=console, auto_refresh=False, transient=True) as live:
            while standing.alive:
                live.update(picture(standing), refresh=True)
                time.sleep(REDRAW_SECONDS)
                standing = read_standing(find_study(folder, storage))
    except KeyboardInterrupt:
        pass
    say(picture(standing))
