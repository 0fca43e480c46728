"""What the discriminator's label heads are taught: classes and continuous values, where they are known."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ignm.data.labels import MISSING_CLASS
from ignm.losses.precision import at_least_float32


def classification(logits: Sequence[Tensor], classes: Tensor) -> Tensor:
    """Cross-entropy of several class attributes at once (Odena et al. 2017, equation 3).

    `logits`: for each of A attributes (N, its classes); `classes`: int64 (N, A), from 0, -1 where unknown. The mean is
    over an attribute's known labels, then over the attributes that have any, so that a rarely known attribute weighs
    what the others do; 0, with gradient 0, where nothing is known. ValueError: shapes or type.
    """
    attributes = len(logits)
    if attributes == 0 or classes.ndim != 2 or classes.shape[1] != attributes or classes.dtype != torch.int64:
        raise ValueError(
            f"classes must be int64 (N, {attributes}), one column for each head, and there must be a head: "
            f"{classes.dtype} {tuple(classes.shape)}"
        )
    means = []
    for head, known in zip(logits, classes.unbind(dim=1), strict=True):
        if head.ndim != 2 or head.shape[0] != classes.shape[0]:
            raise ValueError(f"logits must be (N, classes) with N {classes.shape[0]}: {tuple(head.shape)}")
        means.append(_mean_cross_entropy(at_least_float32(head), known))
    attributes_with_labels = (classes != MISSING_CLASS).any(dim=0).sum()
    return torch.stack(means).sum() / attributes_with_labels.clamp(min=1)


def regression(predicted: Tensor, target: Tensor) -> Tensor:
    """Mean squared error over the known values (the continuous counterpart of Odena et al. 2017, equation 3).

    Both (N, K), in standardised units; NaN in `target` where unknown. 0, with gradient 0, where nothing is known.
    ValueError: shapes.
    """
    if predicted.ndim != 2 or predicted.shape != target.shape:
        raise ValueError(
            f"values must be (N, K) and alike: predicted {tuple(predicted.shape)}, target {tuple(target.shape)}"
        )
    known = ~target.isnan()
    error = torch.where(known, at_least_float32(predicted) - target, 0.0)
    return error.square().sum() / known.sum().clamp(min=1)


def _mean_cross_entropy(logits: Tensor, classes: Tensor) -> Tensor:
    total = F.cross_entropy(logits, classes, ignore_index=MISSING_CLASS, reduction="sum")
    return total / (classes != MISSING_CLASS).sum().clamp(min=1)
