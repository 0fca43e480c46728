"""Asking a study, or some of its trials, to stop: from anywhere that can write the study's folder."""

from collections.abc import Sequence
from pathlib import Path

from ignm.config import nearest
from ignm.errors import IgnmError
from ignm.words import count
from search import STUDIES
from search.storage.finding import find_study, place_of
from search.storage.studies import write_requests
from search.study.folder import Status, StudyFolder, Trial
from search.study.requests import BY_HAND, request_stop
from search.study.standing import Standing, read_standing


def stop_study(study: str | Path, trials: Sequence[str] = (), storage: str | Path = STUDIES) -> list[str]:
    """Ask for a stop at the next measurement; returns, in sentences, what was asked.

    study: its folder, its URI, or its name under `storage`; trials: their names, or the beginnings of them, which end
    as stopped early; the whole study, when left out, which goes on when it is run again. Raises IgnmError, and stops
    nothing, where a name is none.
    """
    folder = find_study(study, storage)
    standing = read_standing(folder)
    try:
        said = _stop_trials(folder, trials, standing) if trials else _stop_study(standing)
        write_requests(place_of(study, storage))
    except OSError as error:
        raise IgnmError(f"{folder.path}: cannot be written: {error.strerror} ({error.filename})") from None
    return said


def _stop_study(standing: Standing) -> list[str]:
    if not standing.alive:
        return [f"{standing.folder.name} is not being run; go on with it by: {standing.go_on}"]
    request_stop(standing.folder.path)
    running = standing.stage.running
    return [
        f"asked its driver ({standing.driver}) to stop",
        f"{count(len(running), 'unfinished trial')} stop at their next measurement and stay "
        f"unfinished; go on with: {standing.go_on}",
    ]


def _stop_trials(folder: StudyFolder, names: Sequence[str], standing: Standing) -> list[str]:
    # All names first: a mistaken one stops nothing.
    return [_stop_trial(trial, standing) for trial in [_find(folder, name) for name in names]]


def _stop_trial(trial: Trial, standing: Standing) -> str:
    if trial.status() is not Status.RUNNING:
        return f"{trial.name} has ended already: {trial.status()}"
    if standing.alive:
        request_stop(trial.path)
        return f"{trial.name} was asked to stop; it ends at its next measurement"
    trial.end(Status.PRUNED, BY_HAND, patience=0.0)
    return f"{trial.name} has ended, unfinished as it was: the study is not being run"


def _find(folder: StudyFolder, name: str) -> Trial:
    """The trial of this name, or the only one whose name begins so."""
    names = [trial.name for trial in folder.all_trials()]
    found = [name] if name in names else [each for each in names if each.startswith(name)]
    if len(found) == 1:
        return folder.trial(found[0])
    if found:
        raise IgnmError(f"trial {name}: {len(found)} trials begin so: {', '.join(found[:5])}; say more of the name")
    raise IgnmError(
        f"trial {name}: {folder.name} has no such trial{nearest(name, names)}; see `ignm status {folder.path}`"
    )
