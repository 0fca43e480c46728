"""The study on disk: where everything is, and what each trial's folder says of it.

A trial's folder is the one truth about it: `trial.json` and `label.json` (what it is), `measurements.jsonl` and
`checkpoint-*` (how far it came), `status.json` (how it ended). `results.parquet`, `best/` and the report follow from
the folders; Optuna's study beside them is the searcher's memory of what it suggested.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from ignm.config import TrialSpec, validated
from ignm.errors import IgnmError
from ignm.files import read_json, write_json
from ignm.training.checkpoint import keep_newest
from ignm.training.filenames import BEST, EVIDENCE
from ignm.training.measurement import read_measurements
from ignm.training.patience import SECONDS, patiently

TRACEBACK = "traceback.txt"
"""In a trial's folder: what its process raised last. Tune keeps an `error.txt` of its own there."""


class Status(StrEnum):
    """How a trial stands; all but `running` are ends, and all but `failed` are results."""

    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    DIVERGED = "diverged"
    OUT_OF_MEMORY = "out_of_memory"
    FAILED = "failed"


@dataclass(frozen=True)
class Trial:
    """A trial's folder, read."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's name, which is the trial's identity."""
        return self.path.name

    @property
    def stage(self) -> str:
        """`search`, `confirm` or `ablate`."""
        return self.name.partition("-")[0]

    def spec(self) -> TrialSpec:
        """What is trained."""
        return validated(TrialSpec, read_json(self.path / "trial.json"), str(self.path / "trial.json"))

    def label(self) -> dict[str, Any]:
        """Its number, its parameters, and the like."""
        return read_json(self.path / "label.json", "number", "parameters", "config_id")

    def measurements(self) -> list[dict[str, Any]]:
        """What was measured so far."""
        return read_measurements(self.path / "measurements.jsonl")

    def status(self) -> Status:
        """How it ended, or `running` where it has not."""
        path = self.path / "status.json"
        if not path.exists():
            return Status.RUNNING
        word = read_json(path, "status")["status"]
        if word not in list(Status):
            raise IgnmError(f"{path}: unknown status {word!r}; known: {', '.join(Status)}")
        return Status(word)

    def settled(self) -> Status:
        """As `status`, but a folder that is away is waited for: no end that lies there is missed."""

        def there() -> Status:
            status = self.status()
            (self.path / "label.json").stat()
            return status

        return patiently(there, str(self.path))

    def end(self, status: Status, reason: str = "", patience: float = SECONDS) -> None:
        """Write down how it ended, and keep one checkpoint of it; the first word stands.

        Storage that is full or away is waited for, up to `patience` seconds; then OutOfReachError.
        """
        patiently(lambda: self._end(status, reason), str(self.path), patience)

    def _end(self, status: Status, reason: str) -> None:
        # A folder that is away is not made anew.
        (self.path / "label.json").stat()
        if self.status() is Status.RUNNING:
            ended = {"status": str(status), "reason": reason}
            write_json(self.path / "status.json", ended, make_folder=False)
            keep_newest(self.path, 1)

    @property
    def reopened(self) -> bool:
        """Whether it was pruned once, and went on."""
        return (self.path / "pruned.json").exists()

    def reopen(self) -> None:
        """Let a pruned trial go on from its checkpoint; how it had ended is kept as `pruned.json`."""
        if self.status() is not Status.PRUNED:
            raise IgnmError(f"{self.path}: {self.status()}; only a pruned trial can go on")
        patiently(lambda: (self.path / "status.json").replace(self.path / "pruned.json"), str(self.path))

    def end_failed(self) -> None:
        """Write down that its process failed for good; one that never got to begin is left for another run."""
        if not (self.path / "process").exists():
            return
        trace = self.path / TRACEBACK
        lines = trace.read_text(encoding="utf-8").strip().splitlines() if trace.exists() else []
        cause = lines[-1] if lines else "killed (by lack of memory?) or its node was lost"
        self.end(Status.FAILED, f"its process failed again and again: {cause}")

    def reason(self) -> str:
        """Why it ended so."""
        path = self.path / "status.json"
        return str(read_json(path).get("reason", "")) if path.exists() else ""

    def kimg(self) -> float:
        """How far training came, the step in progress included."""
        try:
            live = float(read_json(self.path / "progress.json", "kimg")["kimg"])
        except (IgnmError, TypeError, ValueError):
            live = 0.0
        measured = self.measurements()
        return max(live, measured[-1]["kimg"] if measured else 0.0)


@dataclass(frozen=True)
class StudyFolder:
    """Paths of a study."""

    path: Path

    @property
    def name(self) -> str:
        """The study's name."""
        return self.path.name

    @property
    def question(self) -> Path:
        """What was asked, resolved, with versions and hardware."""
        return self.path / "study.yaml"

    @property
    def trials(self) -> Path:
        """One folder for each trial."""
        return self.path / "trials"

    @property
    def results(self) -> Path:
        """One row per measurement."""
        return self.path / "results.parquet"

    @property
    def best(self) -> Path:
        """The winner."""
        return self.path / BEST

    @property
    def evidence(self) -> Path:
        """How the winner won; there from the end of the confirm stage on."""
        return self.best / EVIDENCE

    @property
    def plan(self) -> Path:
        """What the confirm stage runs, decided once."""
        return self.path / "confirm.json"

    @property
    def ablation(self) -> Path:
        """What the ablate stage runs and compares."""
        return self.path / "ablation.json"

    def trial(self, name: str) -> Trial:
        """The trial of that name."""
        return Trial(self.trials / name)

    def all_trials(self, stage: str | None = None) -> list[Trial]:
        """Every trial begun, in the order of their names."""
        found = (Trial(path.parent) for path in sorted(self.trials.glob("*/label.json")))
        return [trial for trial in found if stage in (None, trial.stage)]

    def begin_trial(self, name: str, spec: TrialSpec, label: dict[str, Any], beside: Path | None = None) -> Trial:
        """Write a trial's folder down, unless it is there already; storage that is full or away is waited for.

        Where `beside`, a file of the study (by default its folder), is not there, the study is away.
        """
        trial = self.trial(name)

        def begin() -> None:
            # Asked at each try: a study that is away is not made anew.
            (beside or self.path).stat()
            if not (trial.path / "label.json").exists():
                trial.path.mkdir(parents=True, exist_ok=True)
                write_json(trial.path / "trial.json", spec.model_dump(mode="json"), make_folder=False)
                write_json(trial.path / "label.json", label | {"config_id": spec.config.config_id}, make_folder=False)

        patiently(begin, str(trial.path))
        return trial


def open_study(path: Path) -> StudyFolder:
    """Return the study at `path`; raise IgnmError where there is none."""
    folder = StudyFolder(path)
    if not folder.question.exists():
        beside = sorted(entry.parent.name for entry in path.parent.glob("*/study.yaml")) if path.parent.exists() else []
        hint = (
            f"; studies in {path.parent}: {', '.join(beside)}" if beside else "; begin one with `ignm run STUDY.yaml`"
        )
        raise IgnmError(f"{path}: no study here (no study.yaml){hint}")
    return folder
