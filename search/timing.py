"""How long training and measuring take: as trials like these took before, or by a short try here."""

import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from search.study.folder import Status, StudyFolder, Trial
from search.study.question import Question
from search.study.spending import read_held

TRY_SECONDS = 4.0
WARM_STEPS = 2
TRIED_IMAGES = 256


@dataclass(frozen=True)
class Speed:
    """How fast trials go."""

    seconds_per_kimg: float
    """A slot's time for a kimg of training."""
    slowest: float
    """Of the slowest config that is to be expected."""
    measuring: float
    """A slot's time for a measurement: evaluating, checkpoint, samples."""
    source: str
    """Where that is known from, for people."""

    def trial(self, kimg: float, measurements: float) -> float:
        """Seconds of a slot for so many kimg and measurements."""
        return kimg * self.seconds_per_kimg + measurements * self.measuring

    def slow_trial(self, kimg: float, measurements: float) -> float:
        """As `trial`, of the slowest config, which takes as much longer to be measured."""
        return self.trial(kimg, measurements) * self.slowest / self.seconds_per_kimg


def known_speed(question: Question, own: StudyFolder) -> Speed | None:
    """The speed of this study's trials, else of the newest study beside it that trains and measures the same."""
    others = [StudyFolder(path.parent) for path in own.path.parent.glob("*/study.yaml") if path.parent != own.path]
    for folder in (own, *sorted(others, key=lambda each: each.question.stat().st_mtime, reverse=True)):
        if folder is own or _alike(folder, question):
            taken = _taken(folder)
            if taken:
                speeds = [each.seconds_per_kimg for each in taken]
                measuring = statistics.median(each.measuring for each in taken)
                source = f"measured in {count(len(taken), 'trial')} of {folder.path}"
                return Speed(statistics.median(speeds), max(speeds), measuring, source)
    return None


def tried_speed(config: Config, question: Question, dataset: Dataset) -> Speed:
    """Train a config for a few steps and measure it once, in memory; raise IgnmError where that cannot be."""
    # What would first have to be made or loaded costs time once, and would be written.
    config = override(config, {"data.synthetic.fraction": 0.0, "init.checkpoint": None})
    device = default_device()
    threads = torch.get_num_threads()
    torch.set_num_threads(question.resources.cpus)
    try:
        trainer, seconds, shown = _train(config, dataset, device)
        measuring = _evaluate(question.evaluation, dataset, device, trainer) * question.evaluation.images
        source = f"tried out on {shown * 1000:.0f} images on {describe(device)}"
        return Speed(seconds / shown, seconds / shown, measuring, source)
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


def _alike(folder: StudyFolder, question: Question) -> bool:
    """Whether a study's trials take what this one's will: the same axes and base but for the images, measured alike."""
    try:
        record = read_yaml(folder.question)
        evaluation = Evaluation.model_validate(record["question"]["evaluation"])
        theirs = (_but_for_images(record["base"]), record["axes"], record["data"]["resolution"])
    except (IgnmError, KeyError, TypeError, ValueError):
        return False
    axes = [axis.model_dump(mode="json") for axis in question.load_space().axes]
    ours = (_but_for_images(question.base().model_dump(mode="json")), axes, question.data.resolution)
    asked = question.evaluation
    if "auto" in (asked.extractor, evaluation.extractor):
        # What was not settled yet is settled alike on one machine.
        asked = asked.model_copy(update={"extractor": evaluation.extractor})
    return theirs == ours and evaluation == asked


def _but_for_images(base: Mapping[str, Any]) -> dict[str, Any]:
    return {**base, "data": {name: value for name, value in base["data"].items() if name != "name"}}


def _taken(folder: StudyFolder) -> list[Speed]:
    """How fast each of the search's trials went that ended well."""
    found = []
    for trial in folder.all_trials("search"):
        try:
            if trial.status() in (Status.COMPLETED, Status.PRUNED):
                found += _speed_of(trial)
        except (IgnmError, KeyError, TypeError, ValueError, ZeroDivisionError):
            continue
    return found


def _speed_of(trial: Trial) -> list[Speed]:
    measured = trial.measurements()
    if not measured:
        return []
    trained, kimg = float(measured[-1]["seconds"]), float(measured[-1]["kimg"])
    # Studies of older versions do not know for how long a slot was held.
    rest = max(0.0, read_held(trial.path).seconds - trained)
    return [Speed(trained / kimg, trained / kimg, rest / len(measured), trial.name)]
