"""The best of the stopped trials, which go on at the search's end until enough have come to the full budget."""

import math
from collections.abc import Iterator

from optuna.trial import FrozenTrial, TrialState

from search.searcher.records import Records
from search.searcher.view import is_feasible, last_value
from search.study.folder import Status, StudyFolder
from search.study.requests import BY_HAND

BEATEN = "not among the best at its rung"


def count_completed(records: Records) -> int:
    """How many of the search's trials have come to the full budget."""
    return sum(records.of(name).state is TrialState.COMPLETE for name in records.named)


def candidates(records: Records, folder: StudyFolder) -> Iterator[str]:
    """Go through the names of stopped trials that may go on, by the highest point they came to, then by quality."""
    stopped = {name: records.of(name) for name in records.named}
    able = {name: trial for name, trial in stopped.items() if _able(trial)}
    ordered = sorted(able, key=lambda name: _rank(able[name]))
    yield from (name for name in ordered if _may_go_on(folder, name))


def _able(trial: FrozenTrial) -> bool:
    return trial.state is TrialState.PRUNED and is_feasible(trial) and not math.isinf(last_value(trial)[1])


def _rank(trial: FrozenTrial) -> tuple[int, float]:
    step, value = last_value(trial)
    return -step, value


def _may_go_on(folder: StudyFolder, name: str) -> bool:
    trial = folder.trial(name)
    return trial.status() is Status.PRUNED and trial.reason() != BY_HAND
