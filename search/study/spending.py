"""What a search has spent, and the limits on it: wall-clock time, GPU-hours and money, all in one way.

A trial's `slot.json` says for how long it has held its slot (training, evaluating, and all between), over all runs of
the study; the driver keeps it, so that it survives whatever kills a trial or the driver.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from analysis.quantities import quantity
from ignm.errors import IgnmError
from ignm.files import read_json, write_json
from search.study.clock import CLOCK, read_clock
from search.study.folder import StudyFolder
from search.study.question import Question

_log = logging.getLogger(__name__)
_SLOT = "slot.json"
_HOUR = 3600.0


@dataclass(frozen=True)
class Held:
    """For how long slots were held, and how much of the machines that was."""

    seconds: float = 0.0
    cpu_hours: float = 0.0
    gpu_hours: float = 0.0

    def __add__(self, other: "Held") -> "Held":
        return Held(self.seconds + other.seconds, self.cpu_hours + other.cpu_hours, self.gpu_hours + other.gpu_hours)


@dataclass(frozen=True)
class Spent:
    """What a search has cost so far."""

    minutes: float
    """Wall clock, over all runs of the search."""
    held: Held
    price: float | None = None
    """Money for an hour of what is counted."""

    @property
    def unit(self) -> str:
        """What is counted in hours: GPUs, or CPUs where no trial has held a GPU."""
        return "GPU" if self.held.gpu_hours > 0 else "CPU"

    @property
    def hours(self) -> float:
        """GPU-hours, or CPU-hours where no trial has held a GPU."""
        return self.held.gpu_hours if self.held.gpu_hours > 0 else self.held.cpu_hours

    @property
    def money(self) -> float | None:
        """At the price; None where no price is known."""
        return None if self.price is None else self.hours * self.price

    def as_json(self) -> dict[str, Any]:
        """For `driver.json` and for programs."""
        return {"minutes": self.minutes, **asdict(self.held), "unit": self.unit, "money": self.money}


@dataclass(frozen=True)
class Limit:
    """One of the budget's limits, and how much of it is used."""

    field: str
    """The question's field that says it, as `budget.minutes`."""
    asked: float
    used: float
    unit: str

    @property
    def over(self) -> bool:
        """Whether it is used up."""
        return self.used >= self.asked

    @property
    def reason(self) -> str:
        """Of what it ends, once it is used up."""
        return f"{self.field} was used up"

    @property
    def left(self) -> float:
        """What is left of it, in its unit."""
        return max(0.0, self.asked - self.used)

    def __str__(self) -> str:
        return f"{quantity(self.used)} of {quantity(self.asked, 6)} {self.unit}"


_USED: dict[str, Callable[[Spent], float]] = {
    "minutes": lambda spent: spent.minutes,
    "gpu_hours": lambda spent: spent.hours,
    "money": lambda spent: spent.money or 0.0,
}
"""By field of the budget: what of a search's spending it limits."""
_UNITS: dict[str, Callable[[Spent], str]] = {
    "minutes": lambda spent: "minutes",
    "gpu_hours": lambda spent: f"{spent.unit}-hours",
    "money": lambda spent: "money",
}


def limits_of(question: Question, spent: Spent) -> list[Limit]:
    """The limits that the question sets, each with what is used of it."""
    asked = {name: getattr(question.budget, name) for name in _USED}
    return [
        Limit(f"budget.{name}", amount, _USED[name](spent), _UNITS[name](spent))
        for name, amount in asked.items()
        if amount is not None
    ]


def check_limits(question: Question) -> None:
    """Raise IgnmError for a limit that cannot be kept, because nothing says what an hour costs."""
    if question.budget.money is not None and question.resources.price is None:
        raise IgnmError(
            f"budget.money: {question.budget.money:g} cannot be kept without a price; set resources.price to what an "
            "hour of a GPU (without GPUs: of a CPU) costs, for example --set resources.price=0.5"
        )


def read_held(trial: Path) -> Held:
    """For how long a trial has held its slot; nothing where that is not known."""
    path = trial / _SLOT
    if not path.exists():
        return Held()
    try:
        return Held(**{name: float(value) for name, value in read_json(path).items()})
    except (IgnmError, TypeError, ValueError):
        return Held()


def read_spent(folder: StudyFolder, price: float | None, stages: Sequence[str] = ("search",)) -> Spent:
    """What some stages of a study, its search alone when left out, have spent, by its folder."""
    try:
        seconds = sum(read_clock(folder.path / CLOCK, stage) for stage in stages)
    except (IgnmError, TypeError, ValueError):
        seconds = 0.0
    trials = (trial for stage in stages for trial in folder.all_trials(stage))
    return Spent(seconds / 60, sum((read_held(trial.path) for trial in trials), Held()), price)


@dataclass
class _Slot:
    cpus: float
    gpus: float
    since: float
    before: Held


class Meter:
    """Counts, in the driver, for how long trials hold their slots, and writes it into their folders.

    Tune's thread begins and ends trials, another one ticks, so that no slow disk keeps Tune waiting. A folder that
    cannot be written costs a warning, and is written at the next tick.
    """

    def __init__(self, folder: StudyFolder, stage: str, now: Callable[[], float] = time.monotonic) -> None:
        """Begin with what the stage's trials held before."""
        self._folder, self._now = folder, now
        self._lock = threading.Lock()
        self._slots: dict[str, _Slot] = {}
        self._unwritten: dict[str, Held] = {}
        self._ended = sum((read_held(trial.path) for trial in folder.all_trials(stage)), Held())

    @property
    def holding(self) -> frozenset[str]:
        """Names of the trials that hold a slot."""
        with self._lock:
            return frozenset(self._slots)

    @property
    def held(self) -> Held:
        """All that the stage's trials have held, up to now."""
        with self._lock:
            # What a trial held before it was taken up again is in the sum already.
            return sum((self._gained(slot) for slot in self._slots.values()), self._ended)

    def begin(self, name: str, cpus: float, gpus: float) -> None:
        """A trial has got a slot."""
        with self._lock:
            before = self._unwritten.get(name) or read_held(self._folder.trial(name).path)
            self._slots[name] = _Slot(cpus, gpus, self._now(), before)

    def end(self, name: str) -> None:
        """A trial has given its slot back; nothing where it held none."""
        with self._lock:
            slot = self._slots.pop(name, None)
            if slot is None:
                return
            gained = self._gained(slot)
            self._ended += gained
            self._unwritten[name] = slot.before + gained

    def tick(self) -> None:
        """Write down what the trials have held so far; for one thread alone."""
        with self._lock:
            ended = dict(self._unwritten)
            running = {name: slot.before + self._gained(slot) for name, slot in self._slots.items()}
        for name, held in (ended | running).items():
            if self._write(name, held):
                with self._lock:
                    if self._unwritten.get(name) == held:
                        del self._unwritten[name]

    def _gained(self, slot: _Slot) -> Held:
        seconds = self._now() - slot.since
        return Held(seconds, seconds * slot.cpus / _HOUR, seconds * slot.gpus / _HOUR)

    def _write(self, name: str, held: Held) -> bool:
        path = self._folder.trial(name).path
        try:
            # A folder that was removed by hand is not made anew.
            if path.is_dir():
                slot = {key: round(value, 6) for key, value in asdict(held).items()}
                write_json(path / _SLOT, slot, make_folder=False)
        except OSError as error:
            _log.warning("%s: cannot be written: %s", path / _SLOT, error)
            return False
        return True
