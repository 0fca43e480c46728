"""Measures a generator against a dataset, always with the same latents."""

from pathlib import Path

import numpy as np
import torch

from ignm.config import Evaluation
from ignm.data.cache import Dataset, data_root
from ignm.errors import IgnmError
from ignm.metrics.exact import exact_float32
from ignm.metrics.extractors import build_extractor, choose_extractor
from ignm.metrics.quality import Score, score
from ignm.metrics.real import Real
from ignm.metrics.registry import Measures
from ignm.models.generator import Generator
from ignm.training.randomness import Stream
from ignm.training.samples import generate

REFERENCES = "references"
"""Folder of the cached references, beside the datasets."""


def resolve_extractor(name: str) -> str:
    """Turn `auto` into the best extractor that needs no download; leaves other names as they are."""
    return choose_extractor() if name == "auto" else name


class Evaluator:
    """A dataset's reference and an extractor, ready to score generators; all in full float32 (`exact_float32`)."""

    @exact_float32()
    def __init__(
        self, evaluation: Evaluation, dataset: Dataset, device: torch.device, cache: Path | None = None
    ) -> None:
        """Load the reference, or compute it once.

        Raises IgnmError for an unknown or unavailable extractor or metric, and where a dataset without a test set is
        to be measured on it.
        """
        self._evaluation = evaluation
        self._extractor = build_extractor(resolve_extractor(evaluation.extractor)).to(device)
        training, held_out = (dataset.images, dataset.fingerprint), _held_out(dataset)
        if evaluation.split == "test":
            _require_some(dataset)
        images, fingerprint = held_out if evaluation.split == "test" else training
        real = Real(
            images,
            fingerprint,
            self._extractor,
            cache or data_root().parent / REFERENCES,
            count=evaluation.reference_images,
            training=training,
            held_out=held_out,
            device=device,
        )
        self.reference = real.reference
        self._measures = Measures.of(evaluation.metrics, real)
        self.metric = self._extractor.metric

    @exact_float32()
    def score(self, generator: Generator) -> Score:
        """Score the images that the generator makes of the evaluation latents; its training is not disturbed.

        IgnmError where a metric of images is asked for and they are of another shape than the real ones.
        """
        images = generate(generator, self._evaluation.images, self._evaluation.seed, Stream.EVALUATION)
        return score(images, self.reference, self._extractor, self._measures)


def _held_out(dataset: Dataset) -> tuple[np.ndarray, str]:
    return dataset.test_images, f"{dataset.fingerprint}, held out"


def _require_some(dataset: Dataset) -> None:
    if len(dataset.test_images) < 2:
        raise IgnmError(
            f"evaluation.split: {dataset.name} at {dataset.resolution} holds {len(dataset.test_images)} images out to "
            "measure on; use train, or import it again with --test-share"
        )
