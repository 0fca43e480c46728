"""Measures a generator against a dataset, always with the same latents."""

from pathlib import Path

import torch

from ignm.config import Evaluation
from ignm.data.cache import Dataset, data_root
from ignm.metrics.extractors import build_extractor, choose_extractor
from ignm.metrics.quality import Score, score
from ignm.metrics.reference import load_or_compute_reference
from ignm.models.generator import Generator
from ignm.training.randomness import Stream
from ignm.training.samples import generate

REFERENCES = "references"
"""Folder of the cached references, beside the datasets."""


def resolve_extractor(name: str) -> str:
    """Turn `auto` into the best extractor that needs no download; leaves other names as they are."""
    return choose_extractor() if name == "auto" else name


class Evaluator:
    """A dataset's reference and an extractor, ready to score generators."""

    def __init__(
        self, evaluation: Evaluation, dataset: Dataset, device: torch.device, cache: Path | None = None
    ) -> None:
        """Load the reference, or compute it once; raises IgnmError for an unknown or unavailable extractor."""
        self._evaluation = evaluation
        self._extractor = build_extractor(resolve_extractor(evaluation.extractor)).to(device)
        self.reference = load_or_compute_reference(
            dataset.images,
            dataset.fingerprint,
            self._extractor,
            cache or data_root().parent / REFERENCES,
            count=evaluation.reference_images,
            device=device,
        )
        self.metric = self._extractor.metric

    def score(self, generator: Generator) -> Score:
        """Score the images that the generator makes of the evaluation latents; its training is not disturbed."""
        images = generate(generator, self._evaluation.images, self._evaluation.seed, Stream.EVALUATION)
        return score(images, self.reference, self._extractor)
