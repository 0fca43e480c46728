"""`driver.json`: who drives a study, written every few seconds, so that anyone who reads the folder can tell.

A lock holds off a second driver on one machine; over a shared file system it may not, so the heartbeat does.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ignm.errors import IgnmError
from ignm.files import read_json, write_json

BEAT_SECONDS = 3.0
SILENT_SECONDS = 30.0
"""Without a beat for so long, a driver is taken for dead."""
RUNNING = "running"
"""`outcome` of a driver that has not said its last word."""
_FILE = "driver.json"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Driver:
    """A study's driver as its folder tells of it, dead or alive."""

    host: str
    pid: int
    started: float
    beat: float
    """Both by the driver's clock, in seconds since 1970."""
    outcome: str = RUNNING
    """`running`, or how it ended: `finished`, `stopped`, `failed`."""
    command: str = "run"
    address: str | None = None
    pids: str = ""
    """Where its process's number means something: this boot of this machine, this container."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What it last said of the stage: `stage`, `nodes`, `slots`, `spent`, `limits`, `left`."""

    def silent(self, now: float | None = None) -> float:
        """Seconds since the last beat, by the reader's clock."""
        return max(0.0, (time.time() if now is None else now) - self.beat)

    def alive(self, now: float | None = None) -> bool:
        """Whether it is running, as far as can be told."""
        return self.outcome == RUNNING and self.silent(now) < SILENT_SECONDS and not self.gone

    @property
    def gone(self) -> bool:
        """Whether its process is known to be no more, as it was here and ended without a word."""
        if self.outcome != RUNNING or not self.pids or self.pids != _pids():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
        return False

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started))
        return f"process {self.pid} on {self.host}, since {since}"


def _pids() -> str:
    """Name this boot and this space of process numbers; nothing where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def read_driver(folder: Path) -> Driver | None:
    """Who drives, or last drove, the study in `folder`; None where nobody did, or the file is damaged."""
    try:
        return Driver(**read_json(folder / _FILE, "host", "pid", "started", "beat"))
    except (IgnmError, TypeError):
        return None


def refuse_other_driver(folder: Path, sleep: Callable[[float], object] = time.sleep) -> None:
    """Raise IgnmError where another machine drives the study; one on this machine is for the lock to hold off.

    A driver that seems silent may have another clock than ours, so one that ended without a word is watched for two
    beats; that takes a few seconds, once, after a machine was lost.
    """
    before = read_driver(folder)
    if before is None or before.outcome != RUNNING or before.host == socket.gethostname():
        return
    if not before.alive():
        sleep(2 * BEAT_SECONDS)
        after = read_driver(folder)
        if after is None or after.outcome != RUNNING or after.beat == before.beat:
            return
    raise IgnmError(
        f"{folder}: this study is being run already, by {before}; watch it with `ignm status {folder}`, "
        f"stop it with `ignm stop {folder}`"
    )


class Heartbeat:
    """Writes `driver.json` while a study is driven; what is noted goes along with the next beat."""

    def __init__(self, folder: Path, command: str, address: str | None) -> None:
        """Drive the study in `folder`, in the course of `ignm COMMAND`."""
        self._path = folder / _FILE
        self._command, self._address = command, address
        self._started = time.time()
        self._facts: dict[str, Any] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_beating, daemon=True, name="heartbeat")

    def start(self) -> None:
        """Write the first beat and begin; OSError where the folder cannot be written."""
        self._beat(RUNNING)
        self._thread.start()

    def note(self, **facts: Any) -> None:
        """Say more of what is being driven; values are plain JSON."""
        # A new mapping: the thread may be writing the old one.
        self._facts = {**self._facts, **facts}

    def close(self, outcome: str) -> None:
        """Write how it ended, if that can be written."""
        self._over.set()
        self._thread.join()
        self._try_to_beat(outcome)

    def _keep_beating(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            self._try_to_beat(RUNNING)

    def _try_to_beat(self, outcome: str) -> None:
        try:
            self._beat(outcome)
        except OSError as error:
            _log.warning("%s: cannot be written: %s", self._path, error)

    def _beat(self, outcome: str) -> None:
        beat = {
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": self._started,
            "beat": time.time(),
            "outcome": outcome,
            "command": self._command,
            "address": self._address,
            "pids": _pids(),
        }
        try:
            write_json(self._path, beat | {"facts": self._facts}, make_folder=False)
        except (TypeError, ValueError) as error:
            # A NaN, say. That the driver lives, or how it ended, matters more than what it said of the stage.
            _log.warning("%s: written without what was noted: %s", self._path, error)
            write_json(self._path, beat | {"facts": {}}, make_folder=False)
