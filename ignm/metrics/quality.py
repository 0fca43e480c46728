"""Quality and diversity of generated images against a reference, and what else is asked for, in one pass."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ignm.errors import IgnmError
from ignm.metrics.estimate import Estimate
from ignm.metrics.extractors import Extractor
from ignm.metrics.frechet import INFLUENCE_ROWS, Moments, frechet_estimate
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

    Draws no random number. All features are held only where a metric of features is asked for. Raises IgnmError if the
    reference belongs to another metric, if there are under 2 images, or if `measures` refuse their shape.
    """
    if extractor.metric != reference.metric:
        raise IgnmError(
            f"reference {reference.id} was made for metric '{reference.metric}' and cannot be compared with features "
            f"of '{extractor.metric}'; use the extractor that the reference was made with"
        )
    measures = measures or Measures()
    moments = Moments(extractor.dim)
    thinned = Thinned(4 * max(INFLUENCE_ROWS, extractor.dim))
    rows: list[Tensor] = []
    kept: list[Tensor] = []
    for images in generated:
        measures.check(images)
        local = images.to(extractor.device)
        if moments.count < measures.images:
            kept.append(local[: measures.images - moments.count])
        features = extractor(local)
        moments.update(features)
        thinned.update(features)
        if measures.features:
            rows.append(features)
    if moments.count < 2:
        raise IgnmError(f"a score needs at least 2 generated images, got {moments.count}")

    place = moments.mean.device
    quality, variance = _quality(thinned.rows.to(place), moments, reference)
    metrics = {}
    if measures.parts:
        seen = standardised(_joined(rows, place), reference, extractor) if rows else torch.empty(0, device=place)
        metrics = measures(Generated(seen, _joined(kept, place)))
    diversity = variance / reference.total_variance
    return Score(*quality, diversity, moments.count, reference.metric, reference.id, metrics)


class Thinned:
    """Every k-th of rows that arrive in batches, k the least power of 2 that leaves at most `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._step, self._seen = 1, 0
        self._parts: list[Tensor] = []

    def update(self, rows: Tensor) -> None:
        """Take in rows (n, D)."""
        part = rows[-self._seen % self._step :: self._step]
        # A view would hold all rows in memory.
        self._parts.append(part if self._step == 1 else part.clone())
        self._seen += len(rows)
        while -(-self._seen // self._step) > self._most:
            self._parts = [self.rows[::2].clone()]
            self._step *= 2

    @property
    def rows(self) -> Tensor:
        """Those that are kept, in their order."""
        return torch.cat(self._parts)


def _joined(parts: list[Tensor], place: torch.device) -> Tensor:
    """All parts in one, on `place`; the list is emptied, so that they are not held twice."""
    whole = torch.cat(parts).to(place) if parts else torch.empty(0, device=place)
    parts.clear()
    return whole


def _quality(features: Tensor, moments: Moments, reference: Reference) -> tuple[Estimate, float]:
    """Distance of all features, of which these are every k-th, and their total variance, in the reference's scale."""
    local = reference.to(features.device)
    scaled = Moments(features.shape[1])
    scaled.count, scaled.mean = moments.count, moments.mean / local.scale
    scaled.scatter = moments.scatter / torch.outer(local.scale, local.scale)
    few = len(features) <= features.shape[1]
    rows = features.double() / local.scale if few else features / local.scale.to(features.dtype)
    return frechet_estimate(rows, local.mean, local.root, scaled), float(scaled.covariance.diagonal().sum())
