"""`ignm cluster`: a cluster's file before it costs money, its nodes before they search."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from search import STUDIES
from search.cli import completing
from search.cli.console import BESIDE_PANEL, console, say

if TYPE_CHECKING:
    from ignm.data.cache import Dataset

cluster = typer.Typer(
    no_args_is_help=True, help="Check a cluster's file before it costs money, and its nodes before they search."
)


def register(app: typer.Typer) -> None:
    """Add the group to the application."""
    app.add_typer(cluster, name="cluster", rich_help_panel=BESIDE_PANEL)


@cluster.command()
def check(
    file: Path = typer.Argument(help="A cluster file, as `ray up` takes it.", show_default=False),
    connect: bool = typer.Option(False, "--connect", help="Log in to each machine by ssh, too (provider local)."),
) -> None:
    """Say what is wrong with a cluster file; ends with 1 where something must be mended."""
    from search.clusters.checking import check_cluster
    from search.clusters.finding import Level

    colours = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.UNCHECKED: "dim"}
    found = check_cluster(file, connect)
    for level, colour in colours.items():
        for finding in (each for each in found if each.level is level):
            place = f" {finding.place}" if finding.place else ""
            console.print(f"[{colour}]{level}[/]", end="")
            say(
                f"{place}: {finding.problem}\n    {finding.remedy}",
                markup=False,
            )
    counts = {level: sum(each.level is level for each in found) for level in Level}
    said = f"{counts[Level.ERROR]} to mend, {counts[Level.WARNING]} warnings, {counts[Level.UNCHECKED]} not checked"
    say(f"{file}: {said if found else 'nothing is wrong with it'}")
    if not connect:
        console.print("the machines were not looked at; --connect does (provider local)", style="dim")
    if counts[Level.ERROR]:
        raise typer.Exit(1)


@cluster.command()
def preflight(
    address: str = typer.Option("auto", help="A Ray cluster; `auto` for the one that this machine is part of."),
    storage: str = typer.Option(STUDIES, help="Folder or URI that is to hold the studies."),
    data: str = typer.Option(
        None,
        metavar="NAME@RESOLUTION",
        help="A dataset that every node must have.",
        autocompletion=completing.datasets_at,
    ),
) -> None:
    """Let every node of a running cluster show that a trial could run on it; ends with 2 where one could not."""
    from rich.table import Table

    from search.clusters.preflight import preflight as run_preflight
    from search.running.ray_cluster import connected

    dataset = _dataset(data) if data else None
    with connected(address):
        reports = run_preflight(storage, dataset)
    table = Table("node", "CPUs", "GPUs", "answered in", box=None, padding=(0, 2, 0, 0))
    for report in reports:
        table.add_row(report.name, f"{report.cpus:g}", f"{report.gpus:g}", f"{report.seconds:.1f} s")
    console.print(table)
    console.print(f"{len(reports)} nodes are good", highlight=False)


def _dataset(data: str) -> "Dataset":
    from ignm.config.data import parse_dataset
    from ignm.data.store import open_dataset
    from ignm.errors import IgnmError

    try:
        name, resolution = parse_dataset(data)
    except IgnmError as error:
        raise IgnmError(f"--data: {error}") from None
    return open_dataset(name, resolution)
