"""`best/`: the winner's configuration, generator, samples and the evidence that it won."""

import shutil
import statistics
from dataclasses import asdict
from typing import Any

import torch
from PIL import Image

from ignm.config import Evaluation, save_config
from ignm.data.cache import Dataset
from ignm.errors import IgnmError
from ignm.files import atomic_directory, write_json
from ignm.models.generator import Generator
from ignm.training.checkpoint import load_generator, open_checkpoint
from ignm.training.filenames import AVERAGE, CONFIG, EVIDENCE, WEIGHTS
from ignm.training.samples import generate, grid, save_picture, save_samples
from search.confirming import read_plan
from search.nearest import nearest_images
from search.study.folder import Status, StudyFolder, Trial

SAMPLES = 96
COLUMNS = 12
ROWS = 8
"""Samples that are shown beside training images."""


def keep_winner(folder: StudyFolder, dataset: Dataset, base_id: str, evaluation: Evaluation) -> dict[str, Any]:
    """Choose by the confirm runs' mean quality alone, write `best/` whole or not at all, and return the evidence.

    `base_id` is the baseline's config, `evaluation` how all were measured. Raises IgnmError where no run ended well.
    """
    plan = read_plan(folder)
    confirmed = [_confirmed(folder, number, each) for number, each in enumerate(plan["candidates"])]
    # A configuration that lost a seed shows only its lucky ones: it can win over none that lost fewer.
    most = max(len(each["qualities"]) for each in confirmed)
    if most == 0:
        raise IgnmError(f"{folder.path}: no confirm run came to its end; see {folder.trials}/confirm-*/status.json")
    winner = min((each for each in confirmed if len(each["qualities"]) == most), key=lambda each: float(each["mean"]))
    evidence = winner | {
        "stage": "confirm",
        "kimg": plan["kimg"],
        "baseline": next((each for each in confirmed if each["config_id"] == base_id), None),
        "candidates": confirmed,
        "evaluation": evaluation.model_dump(mode="json"),
        "licence": dataset.licence,
    }
    with atomic_directory(folder.best) as directory:
        checkpoint = open_checkpoint(folder.trial(winner["trial"]).path)
        save_config(checkpoint.config, directory / CONFIG)
        shutil.copyfile(checkpoint.path / AVERAGE, directory / WEIGHTS)
        generator = load_generator(checkpoint, torch.device("cpu"))
        save_samples(generator, directory / "samples.png", count=SAMPLES, columns=COLUMNS)
        real = dataset.images[:: max(1, len(dataset.images) // SAMPLES)][:SAMPLES]
        save_picture(grid(real, COLUMNS), directory / "real.png")
        save_picture(_beside_nearest(generator, dataset), directory / "nearest.png")
        write_json(directory / EVIDENCE, evidence | {"shape": asdict(checkpoint.shape)})
    return evidence


def _beside_nearest(generator: Generator, dataset: Dataset) -> Image.Image:
    """A row for each of a few samples, the first of the grid's: itself, then the training images most like it."""
    generated = next(generate(generator, ROWS, seed=0)).permute(0, 2, 3, 1).numpy()
    count = min(COLUMNS - 1, len(dataset.images))
    return grid(nearest_images(generated, dataset.images, count).reshape(-1, *generated.shape[1:]), count + 1)


def _confirmed(folder: StudyFolder, number: int, candidate: dict[str, Any]) -> dict[str, Any]:
    """What the confirm runs say of one candidate; its best run's generator is the one to keep."""
    runs = [t for t in folder.all_trials("confirm") if t.name.startswith(f"confirm-{number:02d}-")]
    measured = [run for run in runs if run.status() is Status.COMPLETED]
    qualities = [_final(run)["quality"] for run in measured]
    summary: dict[str, Any] = {
        "role": candidate["role"],
        "name": candidate["source"],
        "parameters": candidate["parameters"],
        "config_id": runs[0].label()["config_id"],
        "seeds": [run.spec().seed for run in measured],
        "qualities": qualities,
        "diversities": [_final(run)["diversity"] for run in measured],
        "lost": {run.name: str(run.status()) for run in runs if run not in measured},
        "mean": None,
        "sd": None,
    }
    if measured:
        best = min(measured, key=lambda run: float(_final(run)["quality"]))
        summary |= {
            "mean": statistics.fmean(qualities),
            "sd": statistics.stdev(qualities) if len(qualities) > 1 else None,
            "trial": best.name,
            "quality": _final(best)["quality"],
            "metric": _final(best)["metric"],
            "reference_id": _final(best)["reference_id"],
        }
    return summary


def _final(trial: Trial) -> dict[str, Any]:
    return trial.measurements()[-1]
