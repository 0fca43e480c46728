"""Trials side by side, each in a process of its own with one thread; what is done is kept, what is missing is run."""

import argparse
import logging
import multiprocessing
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import torch
from scipy import stats

from ignm.config import Evaluation, TrialSpec
from ignm.data.store import open_dataset
from ignm.errors import IgnmError
from ignm.metrics.evaluator import Evaluator
from ignm.training.device import default_device
from ignm.training.trainer import DivergedError
from ignm.training.trial import run_trial


def specification(config, seed, given, kimg=None, points=None):
    """A trial as the arguments say, or of another budget measured at so many points."""
    kimg, points = kimg or given.kimg, points or given.points
    measure_at = tuple(round(kimg * point / points, 6) for point in range(1, points + 1))
    evaluation = Evaluation(images=5_000, split=given.split)
    return TrialSpec(config=config, seed=seed, kimg=kimg, measure_at=measure_at, evaluation=evaluation)


def run_all(jobs, processes):
    """Run (directory, TrialSpec) pairs; returns their measurements in order, fewer for one that diverged."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        return list(pool.map(_run, *zip(*jobs, strict=True)))


def _run(directory, spec):
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    device = default_device()
    dataset = open_dataset(spec.config.data.name, spec.config.data.resolution)
    evaluator = Evaluator(spec.evaluation, dataset, device)
    measured = []
    try:
        for each in run_trial(spec, dataset, Path(directory), evaluator, device):
            logging.info("%s: %.1f kimg, %s %.3f", Path(directory).name, each.kimg, each.metric, each.quality)
            measured.append(each)
    except DivergedError as error:
        logging.info("%s: diverged: %s", Path(directory).name, error)
    return measured


def interval(values, level=0.95):
    """Mean and half-width of its t interval."""
    if len(values) < 2:
        return values[0], float("nan")
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return statistics.fmean(values), float(half)


def parser(description):
    arguments = argparse.ArgumentParser(description=description)
    arguments.add_argument("--data", default="embedded@32", help="NAME@RESOLUTION")
    arguments.add_argument("--kimg", type=float, default=200.0)
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--points", type=int, default=8, help="measurements of a trial")
    arguments.add_argument("--processes", type=int, default=2)
    arguments.add_argument(
        "--split", default="train", choices=["train", "test"], help="the real images to compare with"
    )
    arguments.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="for all trials alike")
    arguments.add_argument("--out", type=Path, required=True)
    return arguments


def dataset_paths(data):
    name, _, resolution = data.partition("@")
    if not resolution.isdigit():
        raise IgnmError(f"--data {data}: expected NAME@RESOLUTION")
    return {"data.name": name, "data.resolution": int(resolution)}
