"""The Tune trainable: one measurement a step, in a process that is reused from trial to trial."""

import os
import traceback
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from ray import tune

from ignm.config import Config, Evaluation
from ignm.data.cache import Dataset
from ignm.data.store import open_dataset
from ignm.files import write_text
from ignm.metrics.evaluator import REFERENCES, Evaluator
from ignm.models.shape import shape_of
from ignm.training.device import default_device
from ignm.training.measurement import Measurement
from ignm.training.out_of_memory import DoesNotFitError, is_out_of_memory
from ignm.training.ownership import LostOwnershipError
from ignm.training.parts import most_parts
from ignm.training.patience import patiently
from ignm.training.progress import CheckpointEvery
from ignm.training.trainer import DivergedError
from ignm.training.trial import run_trial
from search.clusters.version import CodeVersion, OtherCodeError, code_version
from search.running.memory import available_gib, estimate_gib, fitting_parts, hold_to
from search.storage.location import Role, locate
from search.storage.trials import KeptTrial, bring, mirror_of
from search.study.folder import TRACEBACK, Status, StudyFolder


@lru_cache(maxsize=2)
def _dataset(name: str, resolution: int, root: str) -> Dataset:
    return open_dataset(name, resolution, Path(root))


@lru_cache(maxsize=2)
def _evaluator(evaluation: Evaluation, name: str, resolution: int, root: str) -> Evaluator:
    return Evaluator(evaluation, _dataset(name, resolution, root), default_device(), Path(root).parent / REFERENCES)


def _ignore(kimg: float) -> None:
    """Nobody asks how far it is, but those who read the trial's folder."""


def _nothing() -> None:
    """The checkpoint lies where it is read."""


def _require_same_code(wanted: CodeVersion | None) -> None:
    differences = wanted.differences(code_version()) if wanted is not None else []
    if differences:
        raise OtherCodeError(
            f"{os.uname().nodename}: its code is not the driver's ({', '.join(differences)}); no trial runs here until "
            "it is: `ray up` the cluster's file again, or install the project there anew"
        )


def parts_to_begin_with(config: Config, dataset: Dataset, device: torch.device, share: float) -> int:
    """In how many parts a batch is likely to fit into a trial's share of a device.

    DoesNotFitError, with the numbers, where it would not in any.
    """
    shape = shape_of(config, dataset)
    available = available_gib(device, share)
    parts = fitting_parts(config, shape, available)
    if parts is None:
        least = estimate_gib(config, shape, most_parts(config.optim.batch))
        whose = f"{share:g} of the GPU" if device.type == "cuda" else "this machine"
        raise DoesNotFitError(
            f"not begun: it needs about {least:.2f} GiB even with the smallest parts of a batch, and {whose} has "
            f"{available:.2f}"
        )
    return parts


class TrialTrainable(tune.Trainable):
    """Runs the trial whose folder it is given; everything worth keeping is in that folder before it is reported."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin, or continue, the trial `config["trial"]` of the study at `config["study"]`, a folder or a URI.

        `cpus`: its threads; `checkpoint_kimg` and `checkpoint_minutes`: as `resources` of a study says; `version`: of
        the driver's code, without which nothing is compared. Raises OtherCodeError where the code here is another.
        """
        _require_same_code(config.get("version"))
        torch.set_num_threads(config["cpus"])
        self._study, self._name = locate(config["study"]), config["trial"]
        self._trial = StudyFolder(self._study.folder(Role.TRIALS)).trial(self._name)
        self._kept: KeptTrial | None = None
        self._data_root = config["data_root"]
        default = CheckpointEvery()
        self._checkpoints = CheckpointEvery(
            config.get("checkpoint_kimg", default.kimg), config.get("checkpoint_minutes", default.minutes)
        )
        self._measurements: Iterator[Measurement] | None = None

    def step(self) -> dict[str, Any]:
        """Train up to the next measurement and report it; divergence and lack of memory are results, not errors."""
        try:
            if self._measurements is None:
                self._reach()
                if self._trial.status() is not Status.RUNNING:
                    # Given up, after its processes had failed again and again; or stopped while it waited for another.
                    return self._report(self._trial.status())
                self._measurements = self._begin()
            measurement = next(self._measurements)
        except DivergedError as error:
            return self._ended(Status.DIVERGED, str(error))
        except LostOwnershipError:
            # The trial is another process's by now, its folder too.
            raise
        except Exception as error:
            if isinstance(error, DoesNotFitError) or is_out_of_memory(error):
                return self._ended(Status.OUT_OF_MEMORY, str(error))
            with suppress(OSError):
                write_text(self._trial.path / TRACEBACK, traceback.format_exc())
            raise
        done = measurement.point == self._kimg
        if done:
            self._end(Status.COMPLETED)
        elif self._kept is not None:
            self._kept.keep()
        return asdict(measurement) | {"status": str(Status.COMPLETED if done else Status.RUNNING), "done": done}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take up another trial in the same process."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Let go of the trial: its lock, and the memory that it held."""
        if isinstance(self._measurements, Generator):
            self._measurements.close()
        self._measurements = None
        if self._kept is not None:
            self._kept.close(discard=True)
            self._kept = None

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        """Nothing: the trial's folder holds its checkpoints."""
        return {}

    def load_checkpoint(self, checkpoint: dict[str, Any] | None) -> None:
        """Nothing: the trial's folder holds its checkpoints."""

    def _reach(self) -> None:
        """Bring the trial's folder here, or wait for it: one that is out of reach is not taken for a missing one."""
        if self._study.uri is not None:
            self._kept = bring(mirror_of(self._study, self._name))
        patiently((self._trial.path / "trial.json").stat, str(self._trial.path))

    def _begin(self) -> Iterator[Measurement]:
        spec = self._trial.spec()
        self._kimg = spec.kimg
        data = (spec.config.data.name, spec.config.data.resolution, self._data_root)
        patiently(self._sign, str(self._trial.path))
        dataset, device, share = _dataset(*data), default_device(), self._share_of_gpu()
        hold_to(device, share)
        return run_trial(
            spec,
            dataset,
            self._trial.path,
            _evaluator(spec.evaluation, *data),
            device,
            on_progress=_ignore if self._kept is None else self._kept.progress,
            on_checkpoint=_nothing if self._kept is None else self._kept.keep,
            checkpoints=self._checkpoints,
            batch_parts=parts_to_begin_with(spec.config, dataset, device, share),
            take_over=True,
        )

    def _sign(self) -> None:
        (self._trial.path / TRACEBACK).unlink(missing_ok=True)
        write_text(self._trial.path / "process", f"{os.uname().nodename} {os.getpid()}\n")

    def _share_of_gpu(self) -> float:
        given = self.trial_resources
        # Without any, Ray hides no GPU, and nothing is known of who else is on it.
        return float(given.required_resources.get("GPU", 0.0)) or 1.0 if given is not None else 1.0

    def _end(self, status: Status, reason: str = "") -> None:
        self._trial.end(status, reason)
        if self._kept is not None:
            self._kept.keep()

    def _ended(self, status: Status, reason: str) -> dict[str, Any]:
        self._end(status, reason)
        return self._report(status)

    def _report(self, status: Status) -> dict[str, Any]:
        return {"status": str(status), "done": True, "kimg": self._trial.kimg(), "quality": float("inf")}
