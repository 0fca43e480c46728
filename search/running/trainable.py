"""The Tune trainable: one measurement a step, in a process that is reused from trial to trial."""

import os
import traceback
from collections.abc import Generator, Iterator
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from ray import tune

from ignm.config import Evaluation
from ignm.data.cache import Dataset
from ignm.data.store import open_dataset
from ignm.files import write_text
from ignm.metrics.evaluator import REFERENCES, Evaluator
from ignm.training.device import default_device
from ignm.training.measurement import Measurement
from ignm.training.trainer import DivergedError
from ignm.training.trial import run_trial
from search.study.folder import Status, StudyFolder


@lru_cache(maxsize=2)
def _dataset(name: str, resolution: int, root: str) -> Dataset:
    return open_dataset(name, resolution, Path(root))


@lru_cache(maxsize=2)
def _evaluator(evaluation: Evaluation, name: str, resolution: int, root: str) -> Evaluator:
    return Evaluator(evaluation, _dataset(name, resolution, root), default_device(), Path(root).parent / REFERENCES)


class TrialTrainable(tune.Trainable):
    """Runs the trial whose folder it is given; everything worth keeping is in that folder before it is reported."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin, or continue, the trial `config["trial"]` of the study at `config["study"]`."""
        torch.set_num_threads(config["cpus"])
        self._trial = StudyFolder(Path(config["study"])).trial(config["trial"])
        self._data_root = config["data_root"]
        self._measurements: Iterator[Measurement] | None = None

    def step(self) -> dict[str, Any]:
        """Train up to the next measurement and report it; divergence and lack of memory are results, not errors."""
        try:
            if self._measurements is None:
                self._measurements = self._begin()
            measurement = next(self._measurements)
        except DivergedError as error:
            return self._ended(Status.DIVERGED, str(error))
        except (torch.OutOfMemoryError, MemoryError) as error:
            return self._ended(Status.OUT_OF_MEMORY, str(error))
        except Exception:
            write_text(self._trial.path / "error.txt", traceback.format_exc())
            raise
        done = measurement.point == self._kimg
        if done:
            self._trial.end(Status.COMPLETED)
        return asdict(measurement) | {"status": str(Status.COMPLETED if done else Status.RUNNING), "done": done}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up another trial in the same process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Let go of the trial, its lock included."""
        if isinstance(self._measurements, Generator):
            self._measurements.close()
        self._measurements = None

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Nothing: the trial's folder holds its checkpoints."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: the trial's folder holds its checkpoints."""

    def _begin(self) -> Iterator[Measurement]:
        spec = self._trial.spec()
        self._kimg = spec.kimg
        data = (spec.config.data.name, spec.config.data.resolution, self._data_root)
        (self._trial.path / "error.txt").unlink(missing_ok=True)
        write_text(self._trial.path / "process", f"{os.uname().nodename} {os.getpid()}\n")
        return run_trial(spec, _dataset(*data), self._trial.path, _evaluator(spec.evaluation, *data), default_device())

    def _ended(self, status: Status, reason: str) -> dict[str, Any]:
        self._trial.end(status, reason)
        return {"status": str(status), "done": True, "kimg": self._trial.kimg(), "quality": float("inf")}
