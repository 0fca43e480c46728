"""How a stage stands, read from its trials' folders: by the live display, by `ignm status`, from anywhere."""

from dataclasses import dataclass, field

from search.study.folder import Status, StudyFolder


@dataclass(frozen=True)
class RunningTrial:
    """A trial in training."""

    name: str
    kimg: float
    budget: float
    quality: float | None


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


@dataclass
class ProgressReader:
    """Reads a stage again and again, each ended trial's folder once."""

    folder: StudyFolder
    stage: str
    total: int
    stops_early: bool
    """Whether trials may end before their budget."""
    _ended: dict[str, tuple[Status, float, float | None]] = field(default_factory=dict)

    def read(self) -> StageProgress:
        """Read how the stage stands."""
        running: list[RunningTrial] = []
        budget = 0.0
        for trial in self.folder.all_trials(self.stage):
            if trial.name in self._ended:
                continue
            budget = trial.spec().kimg
            measured = trial.measurements()
            quality = measured[-1]["quality"] if measured else None
            status = trial.status()
            if status is not Status.RUNNING:
                self._ended[trial.name] = (status, trial.kimg(), quality)
            elif (trial.path / "process").exists():
                running.append(RunningTrial(trial.name, trial.kimg(), budget, quality))
        counts: dict[Status, int] = {}
        for status, _, _ in self._ended.values():
            counts[status] = counts.get(status, 0) + 1
        ended_kimg = [kimg for _, kimg, _ in self._ended.values()]
        expected = budget
        if self.stops_early:
            expected = sum(ended_kimg) / len(ended_kimg) if ended_kimg else budget / 2
        return StageProgress(
            stage=self.stage,
            total=self.total,
            ended=counts,
            running=running,
            best=self._best(running),
            kimg_done=sum(ended_kimg) + sum(trial.kimg for trial in running),
            expected_kimg=expected,
        )

    def _best(self, running: list[RunningTrial]) -> tuple[str, float, float] | None:
        known = [
            (name, quality, kimg)
            for name, (status, kimg, quality) in self._ended.items()
            if quality is not None and status in (Status.COMPLETED, Status.PRUNED)
        ]
        known += [(trial.name, trial.quality, trial.kimg) for trial in running if trial.quality is not None]
        return min(known, key=lambda each: each[1], default=None)
