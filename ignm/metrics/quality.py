"""Quality and diversity of generated images against a reference, and what else is asked for, in one pass."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ignm.errors import IgnmError
from ignm.metrics.estimate import Estimate
from ignm.metrics.extractors import Extractor
from ignm.metrics.frechet import Moments, frechet_estimate
from ignm.metrics.real import standardised
from ignm.metrics.reference import Reference
from ignm.metrics.registry import Generated, Measures


@dataclass(frozen=True)
class Score:
    """How good generated images are; comparable with another score only if `reference_id` and `count` are equal.

    `quality` is the Frechet distance named by `metric` (0 or more, lower is better), `quality_error` its standard
    error over generated images. `diversity` is the total variance of the generated features over that of the real
    ones: 1 as varied as real, towards 0 collapsed; noise can exceed 1. `metrics` holds what else was asked for.
    """

    quality: float
    quality_error: float
    diversity: float
    count: int
    metric: str
    reference_id: str
    metrics: dict[str, Estimate] = field(default_factory=dict)

    @property
    def columns(self) -> dict[str, float]:
        """`metrics` as numbers for a table: each value, and its standard error as NAME_error; unknown ones left out."""
        named = {name: each.value for name, each in self.metrics.items()}
        named |= {f"{name}_error": each.error for name, each in self.metrics.items()}
        return {name: value for name, value in named.items() if math.isfinite(value)}


def score(
    generated: Iterable[Tensor], reference: Reference, extractor: Extractor, measures: Measures | None = None
) -> Score:
    """Score batches of uint8 images (n, C, H, W), 0..255, in one pass over them, on the extractor's device.

    Draws no random number. Raises IgnmError if the reference belongs to another metric or there are under 2 images.
    """
    if extractor.metric != reference.metric:
        raise IgnmError(
            f"reference {reference.id} was made for metric '{reference.metric}' and cannot be compared with features "
            f"of '{extractor.metric}'; use the extractor that the reference was made with"
        )
    measures = measures or Measures()
    moments = Moments(extractor.dim)
    rows: list[Tensor] = []
    kept: list[Tensor] = []
    for images in generated:
        local = images.to(extractor.device)
        if moments.count < measures.images:
            kept.append(local[: measures.images - moments.count])
        rows.append(extractor(local))
        moments.update(rows[-1])
    if moments.count < 2:
        raise IgnmError(f"a score needs at least 2 generated images, got {moments.count}")

    place = moments.mean.device
    features = torch.cat(rows).to(place)
    quality, variance = _quality(features, moments, reference)
    metrics = {}
    if measures.parts:
        images = torch.cat(kept).to(place) if kept else torch.empty(0, dtype=torch.uint8, device=place)
        metrics = measures(Generated(standardised(features, reference, extractor), images))
    diversity = variance / reference.total_variance
    return Score(*quality, diversity, moments.count, reference.metric, reference.id, metrics)


def _quality(features: Tensor, moments: Moments, reference: Reference) -> tuple[Estimate, float]:
    """Distance of all features, and their total variance, in the reference's scale."""
    local = reference.to(features.device)
    scaled = Moments(features.shape[1])
    scaled.count, scaled.mean = moments.count, moments.mean / local.scale
    scaled.scatter = moments.scatter / torch.outer(local.scale, local.scale)
    few = len(features) <= features.shape[1]
    rows = features.double() / local.scale if few else features / local.scale.to(features.dtype)
    return frechet_estimate(rows, local.mean, local.root, scaled), float(scaled.covariance.diagonal().sum())
