"""One configuration trained by itself, without a study: what `ignm train` does.

import ignm
from ignm.config import load_preset

for measurement in ignm.train(load_preset("dcgan", {"data.name": "mine"}), kimg=200, out="runs/dcgan"):
    print(measurement.kimg, measurement.quality)
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from ignm.config import Config, Evaluation, TrialSpec, validated
from ignm.data.cache import Dataset
from ignm.data.store import open_dataset
from ignm.metrics.evaluator import Evaluator
from ignm.training.device import default_device
from ignm.training.measurement import Measurement
from ignm.training.progress import OnProgress
from ignm.training.trial import run_trial

POINTS = 8


def train(
    config: Config,
    kimg: float,
    out: str | Path,
    *,
    seed: int = 0,
    points: int = POINTS,
    evaluation: Evaluation | Mapping[str, Any] | None = None,
    dataset: Dataset | None = None,
    device: torch.device | None = None,
    on_progress: OnProgress = lambda kimg: None,
) -> Iterator[Measurement]:
    """Train to `kimg` thousand images and yield the measurement at each of `points` equal steps, as it is made.

    out: the folder of checkpoints, measurements and samples; the same call goes on there after anything, bit-exactly.
    evaluation: how it is measured, or fields of that, as `{"images": 1000}`; dataset: the config's own, when left out;
    device: the best that there is; on_progress: is told the kimg so far.
    The reference statistics are computed at once, training begins with the first measurement that is asked for.
    Raises IgnmError for what cannot be trained or measured, DivergedError when the training is no longer finite.
    """
    # A batch is the least that there is to measure between.
    points = max(1, min(points, int(kimg * 1000 / config.optim.batch)))
    measure_at = (*(kimg * part / points for part in range(1, points)), kimg)
    asked = {
        "config": config, "seed": seed, "kimg": kimg, "measure_at": measure_at, "evaluation": evaluation or Evaluation()
    }  # fmt: skip
    spec = validated(TrialSpec, asked, "train")
    dataset = dataset or open_dataset(config.data.name, config.data.resolution)
    device = device or default_device()
    evaluator = Evaluator(spec.evaluation, dataset, device)
    return run_trial(spec, dataset, Path(out), evaluator, device, on_progress)
