"""Weights & Biases: one run for a trial, under an id of its own, so that a study that goes on continues it.

How far a run is stands in the trial's `wandb.json`, because offline (WANDB_MODE=offline) there is nobody to ask: there,
a run that goes on is a folder of its own, and `wandb sync --append` joins the two by their id.
"""

import hashlib
from pathlib import Path
from typing import Any

import wandb

from ignm.errors import IgnmError
from ignm.files import read_json, write_json
from search.study.folder import Status, StudyFolder, Trial
from search.tracking.tracker import parameters, scalars, step_of

FOLDER = "wandb"


class Wandb:
    """Logs to a project of Weights & Biases."""

    def __init__(self, folder: StudyFolder, project: str) -> None:
        """Log to `project`; raise IgnmError where nobody is logged in."""
        self._folder, self._project = folder, project
        self._runs: dict[str, Any] = {}
        try:
            wandb.login()
        except (wandb.Error, OSError) as error:
            raise IgnmError(
                f"tracking.wandb: {error}; log in with `wandb login`, set WANDB_API_KEY, or log to the study's folder "
                "with WANDB_MODE=offline"
            ) from None

    def show(self, trial: Trial) -> None:
        """Log the measurements that the run does not have, the samples of the last one, and the end."""
        measured = trial.measurements()
        note = trial.path / "wandb.json"
        shown = int(read_json(note, "step")["step"]) if note.exists() else 0
        new = [each for each in measured if step_of(each) > shown]
        for measurement in new:
            values: dict[str, Any] = dict(scalars(measurement))
            if measurement is new[-1]:
                values["samples"] = wandb.Image(str(trial.path / "samples.png"))
            step = step_of(measurement)
            self._run(trial).log(values, step=step)
            write_json(note, {"step": step})
        status = trial.status()
        if status is not Status.RUNNING and trial.name in self._runs:
            run = self._runs.pop(trial.name)
            run.summary["status"] = str(status)
            run.finish(exit_code=0 if status in (Status.COMPLETED, Status.PRUNED) else 1)

    def close(self) -> None:
        """Let go of the runs of trials that are not done; they are continued by their ids."""
        while self._runs:
            self._runs.popitem()[1].finish()

    def _run(self, trial: Trial) -> Any:
        if trial.name not in self._runs:
            where = self._folder.path / FOLDER
            where.mkdir(exist_ok=True)
            self._runs[trial.name] = wandb.init(
                project=self._project,
                group=self._folder.name,
                name=trial.name,
                id=_id(self._folder.path, trial.name),
                config=parameters(trial),
                dir=str(where),
                resume="allow",
                reinit="create_new",
                settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
            )
        return self._runs[trial.name]


def _id(study: Path, trial: str) -> str:
    """An id for a trial, the same in every run of its study and in no other one."""
    return hashlib.sha256(f"{study.resolve()}/{trial}".encode()).hexdigest()[:16]
