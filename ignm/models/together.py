"""Several batches through a discriminator at once, each judged as if it were alone."""

from collections.abc import Sequence
from typing import Protocol, cast

import torch
from torch import Tensor, nn

from ignm.models.head import Judgement
from ignm.models.layers import BATCHES


class _Judge(Protocol):
    head: nn.Module

    def trunk(self, images: Tensor) -> tuple[Tensor, Tensor | None]: ...


def judge_together(network: nn.Module, batches: Sequence[Tensor], labels: Tensor | None) -> list[Judgement]:
    """Judge batches of images (n, C, R, R), all of one size and with the same labels (n, L); one Judgement for each.

    Layers that look at one image at a time see all batches in one call, which has the weights' costs once. Batch
    statistics are each batch's own, in this order, and heads, which compare images, see one batch. Weights under
    spectral normalisation are iterated on once. ValueError: batches of different sizes.
    """
    if len({batch.shape for batch in batches}) != 1:
        raise ValueError(f"batches must be alike: {', '.join(str(tuple(batch.shape)) for batch in batches)}")
    judge, count = cast(_Judge, network), len(batches)
    before = BATCHES.set(count)
    try:
        last, features = judge.trunk(torch.cat(list(batches)))
    finally:
        BATCHES.reset(before)
    kept = [None] * count if features is None else features.chunk(count)
    return [judge.head(part, labels, own) for part, own in zip(last.chunk(count), kept, strict=True)]
