"""How often a trial's process has failed, and whether that was the trial's own fault."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ignm.training.attempts import Attempt
from ignm.training.patience import OutOfReachError
from search.clusters.version import OtherCodeError

_NOT_ITS_OWN = (OtherCodeError.__name__, OutOfReachError.__name__)
"""Errors of the place where it was to run; as Ray writes them, since what it hands on is text."""


@dataclass(frozen=True)
class _Failed:
    times: int = 0
    kimg: float = 0.0
    """Where the last attempt had begun."""


class Failures:
    """Counts failures in a row with no checkpoint between them, in this run of the study.

    A machine that vanishes under a trial again and again costs a checkpoint interval each time, and never the trial.
    """

    def __init__(self, most: int) -> None:
        """Allow for so many in a row."""
        self._most = most
        self._failed: dict[str, _Failed] = {}

    def too_many(self, name: str, attempts: Sequence[Attempt]) -> bool:
        """Note that a process failed which was to train this trial; whether that is once too often."""
        before = self._failed.get(name, _Failed())
        begun = attempts[-1].kimg if attempts else 0.0
        # Where an attempt begins is as far as the one before it had saved the trial.
        times = 1 if begun > before.kimg else before.times + 1
        self._failed[name] = _Failed(times, begun)
        return times > self._most

    def not_its_own(self, name: str, errors: str | None) -> str | None:
        """What is wrong with the place where the trial was to run, by the last of its `errors` as Tune wrote them."""
        if errors is None or not Path(errors).exists():
            return None
        last = Path(errors).read_text(encoding="utf-8", errors="replace").rpartition("Failure # ")[2]
        told = [line for line in last.splitlines() if any(f"{kind}: " in line for kind in _NOT_ITS_OWN)]
        return told[-1].partition("Error: ")[2] if told else None
