"""`ignm stop`: from anywhere that can write a study's folder."""

import typer

from search.cli import completing
from search.cli.console import STUDY_PANEL, say
from search.cli.places import FOLDER, STORAGE


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel=STUDY_PANEL)(stop)


def stop(
    folder: str = FOLDER,
    trials: list[str] = typer.Argument(
        None, help="Trials, or the beginnings of their names; all, when left out.", autocompletion=completing.trials
    ),
    storage: str = STORAGE,
) -> None:
    """Stop a study, or some of its trials, at the next measurement.

    A trial that is stopped by hand ends, as one that is stopped early does. A study that is stopped goes on when it is
    run again.
    """
    from search.stopping import stop_study

    for line in stop_study(folder, trials or (), storage):
        say(line, markup=False)
