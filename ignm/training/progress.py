"""Where a training stands, for whoever watches, and when it is worth a checkpoint."""

import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ignm.files import write_json

SECONDS_BETWEEN_PROGRESS = 0.5

OnProgress = Callable[[float], None]


@dataclass
class ProgressFile:
    """Keeps `progress.json` of a trial current without writing more often than people can read."""

    path: Path
    check: Callable[[], None] = lambda: None
    """Asked before each write; what it raises ends the training, unless it is an OSError."""
    written: float = 0.0

    def __call__(self, kimg: float) -> None:
        """Note that training stands at `kimg`; storage that is full or away does not stop it."""
        now = time.time()
        if now - self.written >= SECONDS_BETWEEN_PROGRESS:
            self.written = now
            with suppress(OSError):
                self.check()
                write_json(self.path, {"kimg": kimg, "time": now}, make_folder=False)


@dataclass(frozen=True)
class CheckpointEvery:
    """How much training a killed process may lose between two measurements, each of which is a checkpoint too."""

    kimg: float | None = None
    """At every multiple of it; None: not by kimg."""
    minutes: float | None = 10.0
    """After so much training since the last checkpoint, evaluations left out; None: not by the clock."""

    def next_kimg(self, kimg: float) -> float:
        """The first multiple beyond `kimg`."""
        return math.inf if self.kimg is None else (math.floor(kimg / self.kimg + 1e-9) + 1) * self.kimg

    def seconds_left(self, since: float) -> float:
        """Seconds of training until the next one, `since` seconds of it after the last."""
        return math.inf if self.minutes is None else max(0.0, self.minutes * 60 - since)
