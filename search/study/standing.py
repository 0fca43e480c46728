"""How a whole study stands, from its folder alone: who drives it, on what, how far it is, what it has cost."""

import shlex
import time
from dataclasses import dataclass
from typing import Any

from ignm.config import read_yaml
from ignm.files import read_json
from search.study.folder import StudyFolder
from search.study.heartbeat import Driver, read_driver
from search.study.progress import StageProgress, ablate_reader, confirm_reader, search_reader
from search.study.question import Question
from search.study.record import read_question
from search.study.remaining import Remaining, remaining_at_rest
from search.study.spending import Limit, Spent, limits_of, read_spent

TRAINING = ("search", "confirm", "ablate")
"""Stages that train."""


@dataclass(frozen=True)
class Standing:
    """A study, as it stands at the moment `now`."""

    folder: StudyFolder
    question: Question
    metric: str
    now: float
    driver: Driver | None
    search: StageProgress
    confirm: StageProgress
    ablate: StageProgress
    spent: Spent
    """By the search, which limits are of."""
    taken: Spent
    """By all stages together."""
    limits: tuple[Limit, ...]

    @property
    def alive(self) -> bool:
        """Whether somebody drives it."""
        return self.driver is not None and self.driver.alive(self.now)

    @property
    def finished(self) -> bool:
        """Whether the last of the stages that were asked for has come to its end and nothing runs any more."""
        if self.alive:
            return False
        if self.question.ablate is None:
            return self.folder.evidence.exists()
        return self.folder.ablation.exists() and bool(read_json(self.folder.ablation).get("complete"))

    @property
    def searches(self) -> bool:
        """Whether its search has begun, or is what comes next: an ablation may need none."""
        begun = self.search.count_ended or self.search.running or self.search.unreadable
        return bool(begun) or not self.ablate.total

    @property
    def stage(self) -> StageProgress:
        """The stage that it is in."""
        return next((stage for stage in (self.ablate, self.confirm) if stage.total), self.search)

    @property
    def nodes(self) -> list[dict[str, Any]]:
        """The cluster's nodes as the driver last saw them: name, cpus, gpus, alive."""
        return list(self._facts.get("nodes", ()))

    @property
    def slots(self) -> int | None:
        """Trials that run at once, as the driver last saw it."""
        return self._facts.get("slots")

    @property
    def left(self) -> Remaining | None:
        """How long the stage still takes: by the driver's own estimate while there is one."""
        if not self.alive:
            return remaining_at_rest(self.stage, self.slots or 1)
        left = self._facts.get("left")
        return Remaining(left["seconds"], left["how"]) if left else None

    @property
    def go_on(self) -> str:
        """The command that goes on with it, on a machine that has its folder at the same place."""
        words = ["ignm", self.driver.command if self.driver else "run", str(self.folder.question)]
        # A copy of a study in an object store goes on there.
        place = str(self._facts.get("place", self.folder.path))
        words += ["--storage", place.rpartition("/")[0] or "."]
        if self.driver is not None and self.driver.address is not None:
            words += ["--address", self.driver.address]
        return shlex.join(words)

    @property
    def _facts(self) -> dict[str, Any]:
        return self.driver.facts if self.driver is not None else {}

    def as_json(self) -> dict[str, Any]:
        """For programs: plain values, in units that the names say."""
        driver = self.driver
        return {
            "study": self.folder.name,
            "path": str(self.folder.path),
            "driver": None if driver is None else _driver(driver, self.now),
            "go_on": None if self.alive or self.finished else self.go_on,
            "nodes": self.nodes,
            "slots": self.slots,
            "metric": self.metric,
            "stages": {stage.stage: _stage(stage) for stage in (self.search, self.confirm, self.ablate)},
            "left": None if self.left is None else {"seconds": round(self.left.seconds, 1), "how": self.left.how},
            "spent": self.spent.as_json(),
            "taken": self.taken.as_json(),
            "limits": [
                {"field": each.field, "asked": each.asked, "used": each.used, "unit": each.unit, "over": each.over}
                for each in self.limits
            ],
            "winner": str(self.folder.best) if self.folder.evidence.exists() else None,
        }


def read_standing(folder: StudyFolder, now: float | None = None) -> Standing:
    """Read how a study stands; raise IgnmError where its `study.yaml` is not one."""
    question = read_question(folder)
    spent = read_spent(folder, question.resources.price)
    return Standing(
        folder=folder,
        question=question,
        metric=_metric(folder),
        now=time.time() if now is None else now,
        driver=read_driver(folder.path),
        search=search_reader(folder, question).read(),
        confirm=confirm_reader(folder).read(),
        ablate=ablate_reader(folder).read(),
        spent=spent,
        taken=read_spent(folder, question.resources.price, TRAINING),
        limits=tuple(limits_of(question, spent)),
    )


def _metric(folder: StudyFolder) -> str:
    metric = read_yaml(folder.question).get("metric")
    return str(metric["name"]) if isinstance(metric, dict) and "name" in metric else "quality"


def _driver(driver: Driver, now: float) -> dict[str, Any]:
    return {
        "alive": driver.alive(now),
        "host": driver.host,
        "pid": driver.pid,
        "started": driver.started,
        "silent_seconds": round(driver.silent(now), 1),
        "outcome": driver.outcome,
        "command": driver.command,
        "address": driver.address,
    }


def _stage(stage: StageProgress) -> dict[str, Any]:
    best = stage.best
    return {
        "total": stage.total,
        "ended": {str(status): count for status, count in stage.ended.items()},
        "running": [
            {"trial": each.name, "kimg": each.kimg, "budget_kimg": each.budget, "quality": each.quality}
            for each in stage.running
        ],
        "rungs": [
            {
                "kimg": rung.kimg,
                "reached": rung.reached,
                "best": None if rung.best is None else {"trial": rung.best[0], "quality": rung.best[1]},
            }
            for rung in stage.rungs
        ],
        "best": None if best is None else {"trial": best[0], "quality": best[1], "kimg": best[2]},
        "kimg_done": stage.kimg_done,
        "kimg_left": stage.kimg_left,
        "unreadable": stage.unreadable,
    }
