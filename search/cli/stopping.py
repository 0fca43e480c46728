"""`ignm stop`: from anywhere that can write a study's folder."""

from typing import TYPE_CHECKING

import typer

from search.cli.console import console
from search.cli.places import FOLDER, STORAGE, open_folder, place_of

if TYPE_CHECKING:
    from search.study.folder import StudyFolder, Trial
    from search.study.standing import Standing


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(stop)


def stop(
    folder: str = FOLDER,
    trials: list[str] = typer.Argument(None, help="Trials, or the beginnings of their names; all, when left out."),
    storage: str = STORAGE,
) -> None:
    """Stop a study, or some of its trials, at the next measurement.

    A trial that is stopped by hand ends, as one that is stopped early does. A study that is stopped goes on when it is
    run again.
    """
    from ignm.errors import IgnmError
    from search.storage.studies import write_requests
    from search.study.standing import read_standing

    opened = open_folder(folder, storage)
    standing = read_standing(opened)
    try:
        lines = _stop_trials(opened, trials, standing) if trials else _stop_study(standing)
        write_requests(place_of(folder, storage))
        for line in lines:
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    except OSError as error:
        raise IgnmError(f"{opened.path}: cannot be written: {error.strerror} ({error.filename})") from None


def _stop_study(standing: "Standing") -> list[str]:
    from search.study.requests import request_stop

    if not standing.alive:
        return [f"{standing.folder.name} is not being run; go on with it by: {standing.go_on}"]
    request_stop(standing.folder.path)
    running = standing.stage.running
    return [
        f"asked its driver ({standing.driver}) to stop",
        f"{len(running)} unfinished trial{'' if len(running) == 1 else 's'} stop at their next measurement and stay "
        f"unfinished; go on with: {standing.go_on}",
    ]


def _stop_trials(opened: "StudyFolder", names: list[str], standing: "Standing") -> list[str]:
    # All names first: a mistaken one stops nothing.
    return [_stop_trial(trial, standing) for trial in [_find(opened, name) for name in names]]


def _stop_trial(trial: "Trial", standing: "Standing") -> str:
    from search.study.folder import Status
    from search.study.requests import BY_HAND, request_stop

    if trial.status() is not Status.RUNNING:
        return f"{trial.name} has ended already: {trial.status()}"
    if standing.alive:
        request_stop(trial.path)
        return f"{trial.name} was asked to stop; it ends at its next measurement"
    trial.end(Status.PRUNED, BY_HAND, patience=0.0)
    return f"{trial.name} has ended, unfinished as it was: the study is not being run"


def _find(opened: "StudyFolder", name: str) -> "Trial":
    """The trial of this name, or the only one whose name begins so."""
    from ignm.config import nearest
    from ignm.errors import IgnmError

    names = [trial.name for trial in opened.all_trials()]
    found = [name] if name in names else [each for each in names if each.startswith(name)]
    if len(found) == 1:
        return opened.trial(found[0])
    if found:
        raise IgnmError(f"trial {name}: {len(found)} trials begin so: {', '.join(found[:5])}; say more of the name")
    raise IgnmError(
        f"trial {name}: {opened.name} has no such trial{nearest(name, names)}; see `ignm status {opened.path}`"
    )
