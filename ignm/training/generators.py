"""A trained generator as something to hand on: opened in one line, asked for images as arrays.

import ignm
generator = ignm.open_generator("studies/mine/best")
images = generator.sample(16, seed=0, truncation=0.7)
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ignm.config import Config, Evaluation, validated
from ignm.data.cache import Dataset
from ignm.data.store import open_dataset
from ignm.files import expanded, read_json
from ignm.metrics.evaluator import Evaluator
from ignm.metrics.leak import PROBES, Leak, leak_estimates
from ignm.metrics.quality import Score
from ignm.models.generator import Generator
from ignm.training.checkpoint import load_generator, open_checkpoint
from ignm.training.device import default_device
from ignm.training.filenames import BEST, EVIDENCE, WEIGHTS
from ignm.training.kept import read_kept
from ignm.training.randomness import Stream, generator_of, latents
from ignm.training.samples import BATCH, generate, to_uint8

REAL_FOR_LEAKS = 1000


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator in eval mode, with the config that it was trained by.

    evaluation: how it was measured by whoever trained it, as fields of Evaluation; nothing where that is not known.
    defects: what the last measurement of a trial's checkpoint showed; nothing where there is none, as in a study's
    best/.
    """

    network: Generator
    config: Config
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    defects: tuple[str, ...] = ()

    def sample(self, count: int = 64, seed: int = 0, truncation: float = 1.0) -> np.ndarray:
        """Return images, uint8 (count, R, R, C); the same seed gives the same images.

        truncation: latents are multiplied by it, 0 to 1; below 1 images are more alike, and fewer of them odd.
        """
        return _arrays(torch.cat(list(generate(self.network, count, seed, truncation=truncation))))

    @torch.no_grad()
    def interpolate(self, pairs: int = 8, steps: int = 8, seed: int = 0, truncation: float = 1.0) -> np.ndarray:
        """Return the ways between pairs of samples, uint8 (pairs, steps, R, R, C): the first to the second, and so on.

        Both ends included; along great circles, as latents of many dimensions all have nearly one length (White 2016);
        where a generator has labels, those of the first end. steps >= 2.
        """
        random = generator_of(seed, Stream.SAMPLES, 0, torch.device("cpu"))
        # As many as `sample` draws at once, so that its images are the ends.
        drawn, wanted = max(BATCH, 2 * pairs), slice(0, 2 * pairs)
        ends = latents(drawn, self.network.latent, random)[wanted] * truncation
        every = self.network.sample_labels(drawn, random)
        labels = None if every is None else every[wanted][::2]
        between = torch.stack([slerp(ends[::2], ends[1::2], step / (steps - 1)) for step in range(steps)], dim=1)
        repeated = None if labels is None else labels.repeat_interleave(steps, dim=0)
        parts = between.flatten(0, 1).split(BATCH)
        theirs = itertools.repeat(None) if repeated is None else repeated.split(BATCH)
        made = [to_uint8(self.network(z.to(self._device), y)) for z, y in zip(parts, theirs, strict=False)]
        images = _arrays(torch.cat(made))
        return images.reshape(pairs, steps, *images.shape[1:])

    def evaluate(self, dataset: Dataset | None = None, **changes: Any) -> Score:
        """Measure it just as it was measured when it was trained, but for `changes`: fields of Evaluation.

        dataset: the one it was trained on, when left out. Raises IgnmError for a field or value that cannot be.
        """
        evaluation = validated(Evaluation, {**self.evaluation, **changes}, "evaluate")
        return Evaluator(evaluation, dataset or self._dataset(), self._device).score(self.network)

    def leaks(self, dataset: Dataset | None = None, images: int = 1000, seed: int = 0) -> dict[str, Leak]:
        """Estimate, for each transformation, the share of its images that look augmented.

        dataset: real images that were not, its own when left out; images: generated ones, 64 or more.
        """
        real = (dataset or self._dataset()).images
        some = np.array(real[:: max(1, len(real) // REAL_FOR_LEAKS)])
        generated = torch.cat(list(generate(self.network, images, seed))).cpu()
        return leak_estimates(generated, torch.from_numpy(some).permute(0, 3, 1, 2), PROBES)

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def _dataset(self) -> Dataset:
        return open_dataset(self.config.data.name, self.config.data.resolution)


def open_generator(path: str | Path, device: torch.device | None = None) -> TrainedGenerator:
    """Open a study, its best/, a trial's folder or a checkpoint; on the best device there is, unless one is given.

    Raises IgnmError, naming the file, where there is none, or a damaged one.
    """
    folder, device = expanded(path), device or default_device()
    if (folder / BEST / WEIGHTS).exists():
        folder = folder / BEST
    evaluation = _evaluation(folder)
    kept = read_kept(folder)
    if kept is not None:
        return TrainedGenerator(kept.load(device), kept.config, evaluation)
    checkpoint = open_checkpoint(folder)
    measured = checkpoint.measurements
    defects = measured[-1].defects if measured else ()
    return TrainedGenerator(load_generator(checkpoint, device), checkpoint.config, evaluation, defects)


def _evaluation(path: Path) -> dict[str, Any]:
    """How a study's winner, or a trial, was measured; nothing where that is not known."""
    for place in (path / EVIDENCE, path / "trial.json", path.parent / "trial.json"):
        if place.exists():
            known: dict[str, Any] = read_json(place).get("evaluation", {})
            return known
    return {}


def slerp(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Return the points (n, d) that lie a share of the great circle's arc from `one` to `other`, 0 to 1."""
    cosine = torch.nn.functional.cosine_similarity(one, other, dim=1).clamp(-1, 1)
    angle = cosine.arccos()[:, None]
    sine = angle.sin()
    along = ((1 - share) * angle).sin() / sine * one + (share * angle).sin() / sine * other
    return torch.where(sine.abs() < 1e-6, torch.lerp(one, other, share), along)


def _arrays(images: Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).cpu().numpy()
