"""Whose a trial's folder is: one process trains there, and one that has lost it writes nothing more.

Within a node, or on storage with locks that hold across nodes, a file lock keeps a second process out. A process that
was given up for dead, its node being out of reach, may live on and hold the lock, or write where locks mean nothing.
So whoever trains writes `owner.json` with a token of its own, and looks before each write whether it is still there.
"""

import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from ignm.errors import IgnmError
from ignm.files import write_text
from ignm.training.patience import patiently

LOCK_SECONDS = 60.0
"""How long a process that trains in the folder may take to let go of it."""
TAKE_OVER_SECONDS = 20.0
"""The same where it is being taken over: it has been told, and its next write would be its last."""
OWNER = "owner.json"
_log = logging.getLogger(__name__)

T = TypeVar("T")


class LostOwnershipError(IgnmError):
    """Another process has taken the trial over; what this one still has to say of it does not count."""


class Ownership:
    """This process's claim to a trial's folder."""

    def __init__(self, directory: Path, patience: float) -> None:
        """Claim nothing yet; `patience`: seconds that storage is waited for."""
        self._directory, self._patience = directory, patience
        self._token = uuid.uuid4().hex

    def claim(self) -> None:
        """Take the folder, from whoever has it."""
        own = {"node": os.uname().nodename, "pid": os.getpid(), "token": self._token}
        path = self._directory / OWNER
        since = datetime.now(UTC).isoformat(timespec="seconds")
        patiently(
            lambda: write_text(path, json.dumps(own | {"since": since}) + "\n", make_folder=False),
            str(self._directory),
            self._patience,
        )

    def check(self) -> None:
        """Raise LostOwnershipError if another process has taken the folder, OSError while it is out of reach."""
        text = (self._directory / OWNER).read_text(encoding="utf-8")
        if self._token not in text:
            raise LostOwnershipError(f"{self._directory}: another process has taken it over ({text.strip()})")

    def write(self, action: Callable[[], T], what: str) -> T:
        """Write into the folder: only as its owner, and waiting for storage that is full or away."""

        def owned() -> T:
            self.check()
            return action()

        return patiently(owned, f"{self._directory}: {what}", self._patience)

    def read(self, action: Callable[[], T], what: str) -> T:
        """Read from the folder, waiting for it: files that are not there because it is away are not missed."""

        def owned() -> T:
            self.check()
            found = action()
            self.check()
            return found

        return patiently(owned, f"{self._directory}: {what}", self._patience)


@contextmanager
def owned(directory: Path, take_over: bool, patience: float) -> Iterator[Ownership]:
    """Own a trial's folder, made if need be.

    IgnmError where another process trains there and does not let go in LOCK_SECONDS; with `take_over` it is told to
    stop instead, and not waited for longer than TAKE_OVER_SECONDS; then there must be a folder, or it is away.
    """
    if not take_over:
        patiently(lambda: directory.mkdir(parents=True, exist_ok=True), str(directory), patience)
    ownership, lock = Ownership(directory, patience), FileLock(directory / ".lock")
    if take_over:
        ownership.claim()
    limit = TAKE_OVER_SECONDS if take_over else LOCK_SECONDS
    try:
        patiently(lambda: lock.acquire(timeout=limit), str(directory), patience)
    except Timeout:
        if not take_over:
            raise IgnmError(f"{directory}: another process is training there; use another directory") from None
        _log.warning("%s: the process that trained there does not answer; going on without it", directory)
    try:
        if not take_over:
            ownership.claim()
        yield ownership
    finally:
        lock.release()
