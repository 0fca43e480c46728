"""Every point of a small grid of configurations, trained and measured on the way: a table to replay searches on.

    python -m benchmarks.recording --data faces-grey@32 --kimg 48 --out build/recorded.csv

Points are trained in a shuffled order, and each is added to the table as it ends; the same command goes on after an
interruption. Several processes may be given one table each with --share 0/2 and --share 1/2.
"""

import argparse
import csv
import itertools
import random
import tempfile
import time
from pathlib import Path

import torch

from ignm.config import Evaluation, TrialSpec, load_preset
from ignm.data.store import open_dataset
from ignm.metrics.evaluator import Evaluator
from ignm.training.device import default_device
from ignm.training.trainer import DivergedError
from ignm.training.trial import run_trial

GRID = {
    "loss.adversarial": ["non_saturating", "hinge"],
    "discriminator.normalisation": ["batch", None],
    "optim.generator.lr": [1e-4, 2e-4, 4e-4, 8e-4],
    "optim.discriminator.lr": [1e-4, 2e-4, 4e-4, 8e-4],
}
FIXED = {"discriminator.spectral_norm": False, "optim.batch": 64, "generator.width": 32, "discriminator.width": 32}


def points():
    return [dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values())]


def record(point, data, kimg, evaluation, evaluator, dataset):
    name, _, resolution = data.partition("@")
    config = load_preset("dcgan", {**FIXED, **point, "data.name": name, "data.resolution": int(resolution)})
    measure_at = tuple(kimg / 2**halving for halving in range(5, -1, -1))
    spec = TrialSpec(config=config, seed=0, kimg=kimg, measure_at=measure_at, evaluation=evaluation)
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        try:
            for each in run_trial(spec, dataset, Path(directory), evaluator, default_device()):
                rows.append({"point": each.point, "quality": each.quality, "error": each.quality_error,
                             "seconds": each.seconds, "status": "running"})  # fmt: skip
        except DivergedError:
            rows.append({"point": kimg, "quality": "", "error": "", "seconds": "", "status": "diverged"})
    rows[-1]["status"] = "diverged" if rows[-1]["status"] == "diverged" else "completed"
    return [point | row for row in rows]


def recorded(path):
    if not path.exists():
        return set()
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["status"] in ("completed", "diverged")]
    return {tuple(row[axis] for axis in GRID) for row in rows}


def key(point):
    return tuple("" if value is None else str(value) for value in point.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="faces-grey@32")
    parser.add_argument("--kimg", type=float, default=48)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--share", default="0/1")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    name, _, resolution = arguments.data.partition("@")
    dataset = open_dataset(name, int(resolution))
    evaluation = Evaluation(images=arguments.images)
    evaluator = Evaluator(evaluation, dataset, default_device())
    shuffled = random.Random(0).sample(points(), len(points()))
    index, _, count = arguments.share.partition("/")
    done = recorded(arguments.out)
    for point in shuffled[int(index) :: int(count)]:
        if key(point) in done:
            continue
        started = time.perf_counter()
        rows = record(point, arguments.data, arguments.kimg, evaluation, evaluator, dataset)
        new = not arguments.out.exists()
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            if new:
                writer.writeheader()
            writer.writerows(rows)
        print(f"{time.perf_counter() - started:5.0f} s  {rows[-1]['quality']}  {point}", flush=True)


if __name__ == "__main__":
    main()
