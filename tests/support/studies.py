"""Studies made by hand, as a driver would have left them."""

import json
import time

import numpy as np

from ignm.config import TrialSpec
from ignm.files import write_json
from search.study.folder import StudyFolder
from search.study.heartbeat import _FILE
from search.study.record import record_question

DATA = {"name": "drawn", "resolution": 16, "channels": 3, "images": 200, "fingerprint": "f"}
METRIC = {"name": "fd_scatter", "reference_id": "r", "images": 64}
SEEDS = [1000, 1001, 1002, 1003]


def begun(path, question):
    """A study's folder with its record, and no trial."""
    folder = StudyFolder(path / question.name)
    record_question(folder, question, METRIC, DATA | {"resolution": question.data.resolution})
    return folder


def measurement(point, quality, **more):
    return {
        "point": point,
        "kimg": point + 0.01,
        "seconds": 10 * point,
        "quality": quality,
        "diversity": 0.5,
        "images_per_second": 100.0,
        "metric": "fd_scatter",
        "reference_id": "r",
        "precision": "fp32",
        **more,
    }


def trial_of(folder, question, number, *points, stage="search", status=None, reason="", process=True):
    """A trial's folder: `points` are (kimg, quality) as measured, `status` how it ended, if it has."""
    budget = question.budget
    spec = TrialSpec(
        config=question.base(), seed=0, kimg=budget.kimg, measure_at=budget.measure_at(budget.kimg),
        evaluation=question.evaluation,
    )  # fmt: skip
    label = {"number": number, "parameters": {"generator.width": 8, "discriminator.normalisation": None}}
    trial = folder.begin_trial(f"{stage}-{number:04d}-{spec.config.config_id[:8]}", spec, label)
    if process:
        (trial.path / "process").write_text("host 1\n")
    measure(trial, *points)
    if status is not None:
        trial.end(status, reason)
    return trial


def measure(trial, *points):
    lines = [json.dumps(measurement(*point)) for point in points]
    (trial.path / "measurements.jsonl").write_text("".join(line + "\n" for line in lines))


def driven(folder, ago=0.0, **changes):
    """Write the heartbeat of a driver whose last beat was `ago` seconds ago."""
    now = time.time()
    beat = {"host": "far", "pid": 7, "started": now - 100, "beat": now - ago, **changes}
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.path / _FILE, beat)


def evidence_of(*qualities, **more):
    """Candidates a, b, ... with these final qualities on the same seeds; a is the winner."""
    each = [
        {"config_id": name, "name": f"trial-{name}", "seeds": SEEDS[: len(values)], "qualities": values}
        for name, values in zip("abcdef", qualities, strict=False)
    ]
    mean = float(np.mean(qualities[0]))
    told = {"parameters": {}, "seeds": SEEDS, "mean": mean, "sd": 0.1, "metric": "fd_scatter", "kimg": 2.0}
    return told | {"baseline": None, "name": "trial-a", "config_id": "a", "candidates": each} | more
