"""A trial between its process's local folder and the object store: brought before it begins, kept as it goes on.

Whoever brings a trial owns it from then on: the owner's name lies in `.owner/` of its folder there. A process that was
left behind (its node was thought to be dead) finds another owner at its next measurement, and ends.
"""

import os
import re
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

from ignm.errors import IgnmError
from ignm.files import write_text
from ignm.training.ownership import LostOwnershipError
from search.storage.checkpoints import Listing, pull_newest, push_newest
from search.storage.location import Location, Role
from search.storage.mirror import ONCE, TRIES, Mirror, is_small
from search.study.folder import TRACEBACK

OWNER = ".owner"
OWNED = ".owned"
"""In the local folder: the name under which it had the trial."""
PROGRESS, END = "progress.json", "status.json"
SECONDS_BETWEEN_PROGRESS = 30.0


class KeptTrial:
    """A trial that this process owns, and mirrors as it goes on."""

    def __init__(self, mirror: Mirror, owner: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Mirror the trial in the folder `mirror.local`; `bring` makes these."""
        self._mirror, self._owner, self._clock = mirror, owner, clock
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="keeping")
        self._checkpoint: Future[int] | None = None
        self._progress: Future[None] | None = None
        self._sent = _newest(mirror.local)
        self._progress_at = clock()

    def keep(self) -> None:
        """Write what is new to the store: small files before this returns, the checkpoint behind its back.

        At most one checkpoint is on its way: the one before is waited for, and raises here what went wrong with it. A
        trial that has ended is wholly written before this returns.
        Raises LostOwnershipError where another process owns the trial.
        """
        self.wait()
        remote = self._mirror.remote
        listing = remote.listing()
        self._check_owner(listing)
        self._sent = _newest(self._mirror.local)
        checkpoint = self._sender.submit(push_newest, self._mirror.local, remote, listing)
        if (self._mirror.local / END).exists():
            # Whoever reads the end finds the checkpoint that it came to.
            checkpoint.result()
        self._mirror.push("")
        if TRACEBACK in listing and not (self._mirror.local / TRACEBACK).exists():
            remote.remove([TRACEBACK])
        self._checkpoint = checkpoint

    def progress(self, kimg: float) -> None:
        """Write `progress.json`, and a checkpoint made between measurements, now and then: to be called while training.

        Nothing is waited for; what went wrong is raised at the next call of another method.
        """
        now = self._clock()
        if now - self._progress_at >= SECONDS_BETWEEN_PROGRESS and (self._progress is None or self._progress.done()):
            if self._progress is not None and self._progress.exception() is not None:
                return
            self._progress_at = now
            self._progress = self._sender.submit(self._send_progress)

    def wait(self) -> None:
        """Wait until what is on its way has come there; raises what went wrong with it."""
        progress, self._progress = self._progress, None
        checkpoint, self._checkpoint = self._checkpoint, None
        for each in (progress, checkpoint):
            if each is not None:
                each.result()

    def close(self, discard: bool = False) -> None:
        """Wait as `wait`, and let go; `discard` removes the local checkpoints, which are in the store by then."""
        try:
            self.wait()
        finally:
            self._sender.shutdown()
        if discard:
            for checkpoint in self._mirror.local.glob("checkpoint-*"):
                shutil.rmtree(checkpoint, ignore_errors=True)

    def _send_progress(self) -> None:
        self._mirror.push(PROGRESS)
        newest = _newest(self._mirror.local)
        if newest != self._sent:
            listing = self._mirror.remote.listing()
            self._check_owner(listing)
            push_newest(self._mirror.local, self._mirror.remote, listing)
            self._sent = newest

    def _check_owner(self, listing: Listing) -> None:
        owner = _owner(listing)
        if owner != self._owner:
            raise LostOwnershipError(
                f"{self._mirror.remote.uri}: this trial is trained by another process now ({owner})"
            )


def mirror_of(location: Location, name: str) -> Mirror:
    """Return the mirror of a trial of a study in an object store, in a folder of this machine's trial processes."""
    folder = f"trials/{name}"
    return Mirror(location.folder(Role.TRIALS) / folder, location.remote().inside(folder))


def bring(mirror: Mirror) -> KeptTrial:
    """Take a trial over from the store into `mirror.local`, ready to begin or to go on from its newest checkpoint.

    What the local folder holds counts only where this folder had the trial last; then it may be ahead of the store.
    Raises IgnmError where the store does not hold the trial.
    """
    remote = mirror.remote
    if "trial.json" not in remote.listing("trial.json"):
        raise IgnmError(f"{remote.uri}: no trial here (no trial.json)")
    owner = _claim(mirror)
    for _ in range(TRIES):
        try:
            pull_newest(mirror.local, remote, remote.listing())
        except FileNotFoundError:
            continue  # The owner before has replaced it meanwhile.
        mirror.pull(wanted=lambda name: is_small(name) and (name in ONCE or not (mirror.local / name).exists()))
        return KeptTrial(mirror, owner)
    raise IgnmError(f"{remote.uri}: its checkpoints are replaced faster than they can be read; try again")


def _claim(mirror: Mirror) -> str:
    """Become the trial's owner; a local folder that was not the owner before is emptied."""
    note = mirror.local / OWNED
    before = mirror.remote.listing(OWNER)
    last = _owner(before)
    number = int(last.removeprefix(f"{OWNER}/")[:8]) + 1 if last else 1
    host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename)
    owner = f"{OWNER}/{number:08d}-{host}-{os.getpid()}-{uuid4().hex[:8]}"
    mirror.remote.write(owner, b"")
    if not (note.exists() and note.read_text(encoding="utf-8") == last):
        mirror.clear()
    write_text(note, owner)
    mirror.remote.remove(list(before))
    return owner


def _owner(listing: Listing) -> str:
    return max((name for name in listing if name.startswith(f"{OWNER}/")), default="")


def _newest(trial: Path) -> str:
    return max((path.name for path in trial.glob("checkpoint-*")), default="")
