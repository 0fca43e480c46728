"""Optuna's study on disk, written beside the one in memory: what optuna-dashboard shows, and a restart reads.

It may lag behind the trials' folders, or be lost: it is brought up to them when the study is opened again. What could
not be written is made up for from memory as soon as it can be.
"""

import copy
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
import sqlalchemy
from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError

from ignm.errors import IgnmError
from ignm.words import first_line
from search.searcher.outcome import CONSTRAINT, Outcome, directions_of
from search.study.folder import StudyFolder
from search.study.question import Question

_log = logging.getLogger(__name__)

RELATIVE = ":relative_params:"
"""In the names of the system attributes by which samplers of several processes tell each other what they suggest."""
CATCH_UP_SECONDS = 10.0
"""Between two tries to write what could not be written."""
LOCKED_SECONDS = 60.0
"""How long to wait for another program that reads the file."""
# What tells that a file cannot be read, other than that it cannot be read just now.
_DAMAGED = (DatabaseError, ValueError, LookupError, RuntimeError, AssertionError, TypeError)
_FAILED = (StorageInternalError, SQLAlchemyError, OSError)


class Ledger:
    """Writes each trial down as it begins, is measured and ends; a write that fails is no reason to stop the search."""

    def __init__(self, folder: StudyFolder, question: Question) -> None:
        """Open, or begin, the file; a damaged one is set aside. Raises IgnmError where another program holds it."""
        self.path = path_of(folder, question)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._question = question
        self.trials: list[FrozenTrial] = []
        """As they were when it was opened."""
        try:
            self._open()
        except OperationalError as error:
            raise IgnmError(f"{self.path}: cannot be opened: {error.orig}; does another program hold it?") from None
        except _DAMAGED as error:
            aside = _set_aside(self.path)
            _log.warning(
                "%s: damaged (%s); set aside as %s, and made again from the trials' folders",
                self.path, first_line(error), aside.name,
            )  # fmt: skip
            self._open()
        self.memory: Callable[[], Sequence[FrozenTrial]] = list
        """Every trial as it is known in memory, by which the file is made up for what could not be written."""
        self._failed_at: float | None = None

    def add(self, trial: FrozenTrial) -> None:
        """Write a whole trial down; its number follows the last one's."""
        self._write(lambda: self._add(trial))

    def report(self, number: int, step: int, value: float) -> None:
        """Write a measurement down."""
        self._write(lambda: self._storage.set_trial_intermediate_value(self._ids[number], step, value))

    def mark(self, number: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial."""
        self._write(lambda: self._storage.set_trial_user_attr(self._ids[number], key, value))

    def end(self, number: int, outcome: Outcome, known: Sequence[int] = ()) -> None:
        """Write an end down, with the measurements but those at `known` steps."""

        def write() -> None:
            measured = {step: value for step, value in outcome.intermediate.items() if step not in known}
            limits = {CONSTRAINT + key: limit for key, limit in outcome.constraints.items()}
            self._end(number, measured, limits, {"status": str(outcome.status)}, outcome.state, outcome.values)

        self._write(write)

    def drop(self, number: int) -> None:
        """Write down that a trial never began."""

        def write() -> None:
            self._storage.set_trial_state_values(self._ids[number], TrialState.FAIL)

        self._write(write)

    def catch_up(self) -> None:
        """Write what could not be written, where it can be now."""
        if self._failed_at is not None:
            self._try(self._make_up, (*_FAILED, *_DAMAGED))

    def _make_up(self) -> None:
        # Where the storage is away there is no file to open, and none is begun.
        self.path.stat()
        self._open()
        there = {trial.number: trial for trial in self.trials}
        for trial in self.memory():
            known = there.get(trial.number)
            if known is None:
                self._add(trial)
            elif not known.state.is_finished():
                self._bring_up(trial, known)
        self._failed_at = None

    def _bring_up(self, trial: FrozenTrial, known: FrozenTrial) -> None:
        measured = {k: v for k, v in trial.intermediate_values.items() if k not in known.intermediate_values}
        limits = {k: v for k, v in trial.system_attrs.items() if k.startswith(CONSTRAINT)}
        self._end(trial.number, measured, limits, trial.user_attrs, trial.state, trial.values)

    def _add(self, trial: FrozenTrial) -> None:
        if trial.number not in self._ids:
            # What samplers tell each other while a trial runs is of no use to a later driver.
            kept = copy.copy(trial)
            kept.system_attrs = {k: v for k, v in trial.system_attrs.items() if RELATIVE not in k}
            self._ids[trial.number] = self._storage.create_new_trial(self._study_id, template_trial=kept)

    def _end(
        self,
        number: int,
        measured: Mapping[int, float],
        limits: Mapping[str, Any],
        attributes: Mapping[str, Any],
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        trial_id = self._ids[number]
        for step, value in measured.items():
            self._storage.set_trial_intermediate_value(trial_id, step, value)
        for key, limit in limits.items():
            self._storage.set_trial_system_attr(trial_id, key, limit)
        for key, value in attributes.items():
            self._storage.set_trial_user_attr(trial_id, key, value)
        if state.is_finished():
            self._storage.set_trial_state_values(trial_id, state, values)

    def _open(self) -> None:
        name, storage = self._question.name, self._question.suggesting.storage
        if storage == "journal":
            _cut_torn_line(self.path)
        self._storage = _STORAGES[storage](self.path)
        optuna.create_study(
            storage=self._storage,
            study_name=name,
            load_if_exists=True,
            directions=directions_of(self._question.suggesting),
        )
        self._study_id = self._storage.get_study_id_from_name(name)
        self.trials = self._storage.get_all_trials(self._study_id, deepcopy=False)
        self._ids = {trial.number: trial._trial_id for trial in self.trials}

    def _write(self, action: Callable[[], None]) -> None:
        if self._failed_at is not None and time.monotonic() - self._failed_at >= CATCH_UP_SECONDS:
            self.catch_up()
        # Out of order, later trials would get wrong numbers.
        if self._failed_at is None:
            self._try(action, _FAILED)

    def _try(self, action: Callable[[], None], passing: tuple[type[Exception], ...]) -> None:
        try:
            action()
        except passing as error:
            if self._failed_at is None:
                _log.warning(
                    "%s: cannot be written (%s); the search goes on without it, and brings it up to date later",
                    self.path, first_line(error),
                )  # fmt: skip
            self._failed_at = time.monotonic()


def path_of(folder: StudyFolder, question: Question) -> Path:
    """Where Optuna's study lies."""
    return folder.path / "optuna" / _FILES[question.suggesting.storage]


def _sqlite(path: Path) -> BaseStorage:
    storage = RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": LOCKED_SECONDS}})
    storage.engine.dispose()
    # A trial's rows are written together, not one by one.
    storage.scoped_session.remove()
    storage.scoped_session.configure(autoflush=False)
    # Not waiting for the disk is safe against a killed process; what a power cut may tear is made again.
    sqlalchemy.event.listen(storage.engine, "connect", lambda made, _: made.execute("pragma synchronous=off"))
    return storage


def _journal(path: Path) -> BaseStorage:
    # Optuna's own locks outlive a killed process; this one goes with it.
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))  # type: ignore[arg-type]


def _cut_torn_line(path: Path) -> None:
    """Drop the half of a line that a killed writer left; the next one would be glued to it."""
    if not path.exists():
        return
    whole = path.read_bytes().rfind(b"\n") + 1
    if whole < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(whole)


_STORAGES: dict[str, Callable[[Path], BaseStorage]] = {"sqlite": _sqlite, "journal": _journal}
_FILES = {"sqlite": "study.db", "journal": "journal.log"}


def _set_aside(path: Path) -> Path:
    """Move a damaged file out of the way, with sqlite's own journal of it."""
    taken = len(list(path.parent.glob(f"{path.name}.damaged-*")))
    aside = path.with_name(f"{path.name}.damaged-{taken + 1}")
    path.replace(aside)
    for rest in path.parent.glob(f"{path.name}-*"):
        rest.unlink()
    return aside
