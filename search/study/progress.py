"""How a stage stands, read from its trials' folders: by the live display, by `ignm status`, from anywhere."""

import os
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ignm.errors import IgnmError
from ignm.files import read_json
from search.study.folder import Status, StudyFolder, Trial
from search.study.question import Question

_NUMBERED = re.compile(r"[a-z]+-(?P<number>\d+)-.*-s(?P<seed>\d+)")
"""Names of runs of a candidate or an arm."""
_NEAR = 1e-6
"""kimg; measurements are taken at rungs rounded to this."""


@dataclass(frozen=True)
class RunningTrial:
    """A trial in training, or one that a lost driver left in the midst of it."""

    name: str
    kimg: float
    budget: float
    quality: float | None
    what: str = ""
    """Whom it runs for, where its name does not say: a candidate or an arm, and the seed."""

    def __str__(self) -> str:
        return f"{self.name} ({self.what})" if self.what else self.name


@dataclass(frozen=True)
class Rung:
    """A point of the schedule at which trials may be stopped."""

    kimg: float
    reached: int
    """Trials that were measured there."""
    best: tuple[str, float] | None
    """Name and quality of the best one there."""


@dataclass(frozen=True)
class StageProgress:
    """A stage, as it stands."""

    stage: str
    total: int
    ended: dict[Status, int]
    running: list[RunningTrial]
    best: tuple[str, float, float] | None
    """Name, quality and kimg of the trial whose last measurement is the lowest."""
    kimg_done: float
    expected_kimg: float
    """What a trial not yet begun will probably train for."""
    rungs: list[Rung] = field(default_factory=list)
    seconds_per_kimg: float | None = None
    """Of training, mean over the measured trials; None before the first measurement."""
    compares: bool = True
    """Whether one of the trials can be the best of them."""
    unreadable: list[str] = field(default_factory=list)
    """Trials whose folders are damaged, or half-written by something that was killed."""

    @property
    def count_ended(self) -> int:
        """Trials that have ended, however."""
        return sum(self.ended.values())

    @property
    def kimg_left(self) -> float:
        """kimg still to be trained, as far as can be told."""
        waiting = max(0, self.total - self.count_ended - len(self.running))
        return waiting * self.expected_kimg + sum(self._left(trial) for trial in self.running)

    def _left(self, trial: RunningTrial) -> float:
        # One that has come further than trials do on average will probably go to its end.
        end = self.expected_kimg if trial.kimg < self.expected_kimg else trial.budget
        return max(0.0, min(end, trial.budget) - trial.kimg)


@dataclass(frozen=True)
class _Seen:
    """A trial's folder, read."""

    name: str
    status: Status
    begun: bool
    kimg: float
    budget: float
    qualities: tuple[tuple[float, float], ...]
    """Point of the schedule and quality of each measurement."""
    seconds_per_kimg: float | None
    stamp: int | None
    """When its status was written; None while it runs."""

    @property
    def quality(self) -> float | None:
        return self.qualities[-1][1] if self.qualities else None

    def at(self, kimg: float) -> float | None:
        """Quality at the first measurement from that point of the schedule on."""
        return next((quality for point, quality in self.qualities if point >= kimg - _NEAR), None)


@dataclass
class ProgressReader:
    """Reads a stage again and again; an ended trial's folder is read once, and again when it was taken up again."""

    folder: StudyFolder
    stage: str
    total: int
    stops_early: bool
    """Whether trials may end before their budget."""
    rungs: Sequence[float] = ()
    """kimg at which the trials are compared, rising."""
    compares: bool = True
    """Whether one of the trials can be the best of them."""
    called: Mapping[int, str] = field(default_factory=dict)
    """What runs by the number in their names, where a name does not say it."""
    _ended: dict[str, _Seen] = field(default_factory=dict)
    _reading: threading.Lock = field(default_factory=threading.Lock)

    def read(self) -> StageProgress:
        """Read how the stage stands, in any thread; a folder that cannot be read is named and passed over."""
        with self._reading:
            return self._read()

    def _read(self) -> StageProgress:
        seen: list[_Seen] = []
        unreadable: list[str] = []
        for trial in self._trials():
            known = self._ended.get(trial.name)
            if known is None or known.stamp != _stamp(trial):
                try:
                    known = _read(trial)
                except (IgnmError, OSError, KeyError, TypeError, ValueError):
                    unreadable.append(trial.name)
                    continue
                if known.status is not Status.RUNNING:
                    self._ended[trial.name] = known
            seen.append(known)
        return self._summary(seen, unreadable)

    def _what(self, name: str) -> str:
        numbered = _NUMBERED.fullmatch(name)
        what = self.called.get(int(numbered["number"])) if numbered else None
        return f"{what}, seed {numbered['seed']}" if numbered and what else ""

    def _trials(self) -> list[Trial]:
        try:
            with os.scandir(self.folder.trials) as entries:
                names = sorted(entry.name for entry in entries if entry.name.startswith(f"{self.stage}-"))
        except FileNotFoundError:
            return []
        trials = map(self.folder.trial, names)
        return [each for each in trials if each.name in self._ended or (each.path / "label.json").exists()]

    def _summary(self, seen: list[_Seen], unreadable: list[str]) -> StageProgress:
        ended = [each for each in seen if each.status is not Status.RUNNING]
        running = [each for each in seen if each.status is Status.RUNNING and each.begun]
        counts: dict[Status, int] = {}
        for each in ended:
            counts[each.status] = counts.get(each.status, 0) + 1
        expected = max((each.budget for each in seen), default=0.0)
        if self.stops_early:
            expected = sum(each.kimg for each in ended) / len(ended) if ended else expected / 2
        good = [each for each in ended if each.status in (Status.COMPLETED, Status.PRUNED)] + running
        known = [(each.name, each.quality, each.kimg) for each in good if each.quality is not None]
        speeds = [each.seconds_per_kimg for each in seen if each.seconds_per_kimg is not None]
        return StageProgress(
            stage=self.stage,
            total=self.total,
            ended=counts,
            running=[
                RunningTrial(each.name, each.kimg, each.budget, each.quality, self._what(each.name)) for each in running
            ],
            best=min(known, key=lambda each: each[1], default=None) if self.compares else None,
            compares=self.compares,
            kimg_done=sum(each.kimg for each in ended + running),
            expected_kimg=expected,
            rungs=[_rung(kimg, good) for kimg in self.rungs],
            seconds_per_kimg=sum(speeds) / len(speeds) if speeds else None,
            unreadable=unreadable,
        )


def search_reader(folder: StudyFolder, question: Question) -> ProgressReader:
    """Reads the search of a study."""
    budget = question.budget
    rungs = [*budget.rungs(), budget.kimg]
    return ProgressReader(folder, "search", budget.trials, question.suggesting.stops_early, rungs)


def confirm_reader(folder: StudyFolder) -> ProgressReader:
    """Reads the confirm stage of a study, as far as it is planned."""
    candidates = read_json(folder.plan).get("candidates", ()) if folder.plan.exists() else ()
    roles = {"baseline": "baseline ", "candidate": ""}
    called = {number: f"{roles.get(each['role'], '')}{each['source']}" for number, each in enumerate(candidates)}
    return ProgressReader(folder, "confirm", len(folder.all_trials("confirm")), stops_early=False, called=called)


def ablate_reader(folder: StudyFolder) -> ProgressReader:
    """Reads the ablate stage of a study, as far as it is planned; no arm is looked for as the best."""
    arms = read_json(folder.ablation).get("arms", ()) if folder.ablation.exists() else ()
    called = {arm["number"]: str(arm["name"]) for arm in arms}
    total = len(folder.all_trials("ablate"))
    return ProgressReader(folder, "ablate", total, stops_early=False, compares=False, called=called)


def _rung(kimg: float, trials: list[_Seen]) -> Rung:
    there = [(each.name, quality) for each in trials if (quality := each.at(kimg)) is not None]
    return Rung(kimg, len(there), min(there, key=lambda each: each[1], default=None))


def _read(trial: Trial) -> _Seen:
    stamp = _stamp(trial)
    measured = trial.measurements()
    return _Seen(
        name=trial.name,
        status=trial.status(),
        begun=(trial.path / "process").exists(),
        kimg=trial.kimg(),
        budget=trial.spec().kimg,
        qualities=tuple((each["point"], each["quality"]) for each in measured),
        seconds_per_kimg=_seconds_per_kimg(measured),
        stamp=stamp,
    )


def _seconds_per_kimg(measured: list[dict[str, Any]]) -> float | None:
    last = measured[-1] if measured else {}
    return last["seconds"] / last["kimg"] if last.get("seconds") and last.get("kimg") else None


def _stamp(trial: Trial) -> int | None:
    path: Path = trial.path / "status.json"
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None
