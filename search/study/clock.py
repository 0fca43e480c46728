"""Wall-clock time that a stage has used, kept across restarts."""

import time
from pathlib import Path

from ignm.files import read_json, write_json

CLOCK = "clock.json"
"""In a study's folder."""


def read_clock(path: Path, stage: str) -> float:
    """Return the seconds that a stage had used when they were last written down; IgnmError for a damaged file."""
    return float(read_json(path).get(stage, 0.0)) if path.exists() else 0.0


class StageClock:
    """Seconds used by each stage of a study; `tick` it now and then."""

    def __init__(self, path: Path, stage: str) -> None:
        """Take up the stage's time from `path`, where there is any."""
        self._path, self._stage = path, stage
        self._before = read_clock(path, stage)
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Used so far, earlier runs of the stage included."""
        return self._before + self.session

    @property
    def session(self) -> float:
        """Used since this run of the stage began."""
        return time.monotonic() - self._started

    def tick(self) -> None:
        """Write the time used down."""
        write_json(self._path, self._read() | {self._stage: round(self.seconds, 1)}, make_folder=False)

    def _read(self) -> dict[str, float]:
        if not self._path.exists():
            return {}
        return read_json(self._path)
