"""Quality and diversity of generated images against a reference."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from ignm.errors import IgnmError
from ignm.metrics.extractors import Extractor
from ignm.metrics.frechet import Moments, frechet_distance, frechet_distance_of_rows
from ignm.metrics.reference import Reference


@dataclass(frozen=True)
class Score:
    """How good generated images are; comparable with another score only if `reference_id` and `count` are equal.

    `quality` is the Frechet distance named by `metric` (0 or more, lower is better). `diversity` is the total variance
    of the generated features over that of the real ones: 1 as varied as real, towards 0 collapsed; noise can exceed 1.
    """

    quality: float
    diversity: float
    count: int
    metric: str
    reference_id: str


def score(generated: Iterable[Tensor], reference: Reference, extractor: Extractor) -> Score:
    """Score batches of uint8 images (n, C, H, W), 0..255, in one pass over them, on the extractor's device.

    Draws no random number. Raises IgnmError if the reference belongs to another metric or there are under 2 images.
    """
    if extractor.metric != reference.metric:
        raise IgnmError(
            f"reference {reference.id} was made for metric '{reference.metric}' and cannot be compared with features "
            f"of '{extractor.metric}'; use the extractor that the reference was made with"
        )
    moments = Moments(extractor.dim)
    rows: list[Tensor] = []
    for images in generated:
        features = extractor(images.to(extractor.device))
        moments.update(features)
        if moments.count <= extractor.dim:
            rows.append(features)
    if moments.count < 2:
        raise IgnmError(f"a score needs at least 2 generated images, got {moments.count}")

    place = moments.mean.device
    local = reference.to(place)
    covariance = moments.covariance / torch.outer(local.scale, local.scale)
    if moments.count <= extractor.dim:
        scaled = torch.cat(rows).to(place).double() / local.scale
        quality = frechet_distance_of_rows(scaled, local.mean, local.root)
    else:
        quality = frechet_distance(moments.mean / local.scale, covariance, local.mean, local.root)
    diversity = float(covariance.diagonal().sum()) / reference.total_variance
    return Score(quality, diversity, moments.count, reference.metric, reference.id)
