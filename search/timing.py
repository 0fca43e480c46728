"""How long training and measuring take: as trials of earlier studies took, or by a short try here."""

import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from ignm.config import Config, Evaluation, override, read_yaml
from ignm.data.cache import Dataset
from ignm.data.targets import targets_of
from ignm.errors import IgnmError
from ignm.metrics.evaluator import Evaluator
from ignm.training.device import default_device, describe
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet
from ignm.words import count
from search.study.folder import Status, StudyFolder
from search.study.question import Question
from search.study.spending import read_held

TRY_SECONDS = 4.0
WARM_STEPS = 2
TRIED_IMAGES = 256


@dataclass(frozen=True)
class Speed:
    """How fast trials go."""

    seconds_per_kimg: float
    """A slot's time for a kimg, measuring included."""
    source: str
    """Where that is known from, for people."""


def known_speed(question: Question, own: StudyFolder) -> Speed | None:
    """The median speed of the trials of this study, else of the newest one beside it of the same resolution."""
    others = [StudyFolder(path.parent) for path in own.path.parent.glob("*/study.yaml") if path.parent != own.path]
    for folder in (own, *sorted(others, key=lambda each: each.question.stat().st_mtime, reverse=True)):
        if folder is own or _resolution(folder) == question.data.resolution:
            speeds = _speeds(folder)
            if speeds:
                return Speed(statistics.median(speeds), f"measured in {count(len(speeds), 'trial')} of {folder.path}")
    return None


def tried_speed(config: Config, question: Question, dataset: Dataset, kimg: float) -> Speed:
    """Train a config for a few steps and measure it once, in memory, as for a trial of `kimg`.

    Raises IgnmError where that cannot be.
    """
    # What would first have to be made or loaded costs time once, and would be written.
    config = override(config, {"data.synthetic.fraction": 0.0, "init.checkpoint": None})
    device = default_device()
    threads = torch.get_num_threads()
    torch.set_num_threads(question.resources.cpus)
    try:
        trainer, seconds, shown = _train(config, dataset, device)
        per_image = _evaluate(question.evaluation, dataset, device, trainer)
        measuring = per_image * question.evaluation.images * len(question.budget.measure_at(kimg)) / kimg
        return Speed(seconds / shown + measuring, f"tried out on {shown * 1000:.0f} images on {describe(device)}")
    finally:
        torch.set_num_threads(threads)


def _train(config: Config, dataset: Dataset, device: torch.device) -> tuple[Trainer, float, float]:
    shown = TrainingSet.of(dataset.images, targets_of(config, dataset))
    trainer = Trainer(config, shown, 0, device)
    step = config.optim.batch * config.optim.n_critic / 1000
    trainer.advance(WARM_STEPS * step)
    before = (trainer.seconds, trainer.kimg)
    while trainer.seconds - before[0] < TRY_SECONDS:
        trainer.advance(trainer.kimg + step)
    return trainer, trainer.seconds - before[0], trainer.kimg - before[1]


def _evaluate(evaluation: Evaluation, dataset: Dataset, device: torch.device, trainer: Trainer) -> float:
    """Seconds of measuring, by generated image."""
    few = evaluation.model_copy(
        update={"images": TRIED_IMAGES, "reference_images": min(TRIED_IMAGES, len(dataset.images))}
    )
    with tempfile.TemporaryDirectory() as folder:
        evaluator = Evaluator(few, dataset, device, Path(folder))
        started = time.perf_counter()
        evaluator.score(trainer.average)
        return (time.perf_counter() - started) / TRIED_IMAGES


def _resolution(folder: StudyFolder) -> int | None:
    try:
        return int(read_yaml(folder.question)["data"]["resolution"])
    except (IgnmError, KeyError, TypeError, ValueError):
        return None


def _speeds(folder: StudyFolder) -> list[float]:
    """Slot seconds per kimg of the search's trials that ended well."""
    found = []
    for trial in folder.all_trials("search"):
        try:
            measured = trial.measurements() if trial.status() in (Status.COMPLETED, Status.PRUNED) else []
            if measured:
                # Studies of older versions do not know for how long a slot was held.
                seconds = read_held(trial.path).seconds or float(measured[-1]["seconds"])
                found.append(seconds / float(measured[-1]["kimg"]))
        except (IgnmError, KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
    return found
