"""`attempts.jsonl`: each time that a process took a trial up, where it went on, and what it had to train again."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from ignm.errors import IgnmError
from ignm.files import read_json, write_text
from ignm.training.measurement import read_measurements

ATTEMPTS = "attempts.jsonl"


@dataclass(frozen=True)
class Attempt:
    """A process that took a trial up."""

    time: float
    """Seconds since 1970, by its clock."""
    node: str
    pid: int
    kimg: float
    """Where it went on from: its checkpoint's, or 0."""
    reached: float
    """kimg that the trial was last known to have come to; half a second of training may be missing."""
    threads: int

    @property
    def repeated(self) -> float:
        """kimg that were trained before and are trained again."""
        return max(0.0, self.reached - self.kimg)


def note_attempt(trial: Path, kimg: float) -> None:
    """Write down that this process goes on from `kimg`, before it writes anything else of its own."""
    reached = max(kimg, _live(trial), _measured(trial))
    attempt = Attempt(time.time(), os.uname().nodename, os.getpid(), kimg, reached, torch.get_num_threads())
    path = trial / ATTEMPTS
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    write_text(path, before + json.dumps(asdict(attempt)) + "\n", make_folder=False)


def read_attempts(trial: Path) -> list[Attempt]:
    """Read who took a trial up, in order; none where nobody has. Raises IgnmError where the file is damaged."""
    path = trial / ATTEMPTS
    if not path.exists():
        return []
    try:
        return [Attempt(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, TypeError, ValueError) as error:
        raise IgnmError(f"{path}: cannot be read: {error}") from None


# Both files are made anew by whoever goes on, so damage to them is no reason not to.


def _live(trial: Path) -> float:
    try:
        return float(read_json(trial / "progress.json", "kimg")["kimg"])
    except (IgnmError, TypeError, ValueError):
        return 0.0


def _measured(trial: Path) -> float:
    try:
        return max((float(each["kimg"]) for each in read_measurements(trial / "measurements.jsonl")), default=0.0)
    except (IgnmError, KeyError, TypeError, ValueError):
        return 0.0
