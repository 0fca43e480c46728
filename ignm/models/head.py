"""From the discriminator's last map to its judgement: the logit, and what it says of the labels."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ignm.config import Config
from ignm.config.networks import SMALLEST_MAP, DiscriminatorConfig
from ignm.losses.embedding import projection
from ignm.models.layers import ACTIVATIONS, biased
from ignm.models.shape import DataShape

EMBEDDED = 128
"""Length of the contrastive embedding's vectors."""
GROUP = 4


@dataclass(frozen=True)
class Judgement:
    """What a discriminator says of N images; what its config does not ask for is empty or None."""

    logits: Tensor
    """(N,)."""
    classes: tuple[Tensor, ...] = ()
    """(N, classes) logits for each class attribute."""
    continuous: Tensor | None = None
    """(N, K) predictions of the standardised continuous labels."""
    image_embedding: Tensor | None = None
    """(N, EMBEDDED)."""
    label_embedding: Tensor | None = None
    """(N, EMBEDDED)."""
    features: Tensor | None = None
    """(N, C, 8, 8): the map that attention as supervision reads."""


class _Deviation(torch.autograd.Function):
    """Rows (G, K) to their standard deviation (K,), whose gradient is the rows' own deviations, scaled."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        apart = rows - rows.mean(dim=0)
        # torch's own variance takes ten times as long along the first dimension.
        deviation = (apart.square().mean(dim=0) + 1e-8).sqrt()
        ctx.save_for_backward(rows, deviation)
        return deviation

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        rows, deviation = ctx.saved_tensors
        return (rows - rows.mean(dim=0)) * (gradient / (deviation * len(rows)))


def minibatch_std(x: Tensor) -> Tensor:
    """Append one channel: the standard deviation over groups of images, its mean over the map (Karras et al. 2018).

    (N, C, H, W) -> (N, C + 1, H, W); images i, i + N/G, ... form a group of G = 4, or of all where 4 does not divide N.
    """
    count, _, height, width = x.shape
    group = GROUP if count % GROUP == 0 else count
    # As it lies in memory.
    rows = x.permute(0, 2, 3, 1).reshape(group, -1).float()
    deviation: Tensor = _Deviation.apply(rows)
    mean = deviation.view(count // group, -1).mean(dim=1)
    channel = mean.to(x.dtype).repeat(group)[:, None, None, None].expand(-1, 1, height, width)
    return torch.cat([x, channel], dim=1)


class _LikeChannelsLast(torch.autograd.Function):
    """Hands a map on as it is, and its gradient with the channels last, as all that comes before expects it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient.contiguous(memory_format=torch.channels_last)


def _flatten(x: Tensor, levels: int) -> Tensor:
    passed: Tensor = _LikeChannelsLast.apply(x)
    return passed.flatten(1)


def _sum(x: Tensor, levels: int) -> Tensor:
    return x.sum(dim=(2, 3))


def _pyramid(x: Tensor, levels: int) -> Tensor:
    # The strongest response in each cell of each grid (He et al. 2015, section 2.2).
    parts = []
    for cells in (2**level for level in range(levels)):
        side = SMALLEST_MAP // cells
        parts.append(x.unflatten(3, (cells, side)).unflatten(2, (cells, side)).amax(dim=(3, 5)).flatten(1))
    return torch.cat(parts, dim=1)


HEADS = {"flatten": _flatten, "sum": _sum, "pyramid": _pyramid}
"""The last map (N, C, 4, 4) to a vector."""


def _values(own: DiscriminatorConfig, channels: int) -> int:
    cells = {"flatten": SMALLEST_MAP**2, "sum": 1, "pyramid": sum(4**level for level in range(own.pyramid_levels))}
    return channels * cells[own.head]


class Head(nn.Module):
    """The last map to a Judgement, through a fully-connected layer where the config has one."""

    def __init__(self, config: Config, shape: DataShape, channels: int, activated: bool) -> None:
        """`activated`: the map has been through an activation already."""
        super().__init__()
        own, loss = config.discriminator, config.loss
        self._own = own
        # Summing or pooling a residual stream needs one; its authors flatten it as it is (WGAN-GP).
        entry = own.activation if not activated and own.head != "flatten" else None
        self.activation = ACTIVATIONS[entry]()
        width = _values(own, channels + int(own.minibatch_std))
        self.hidden: nn.Module | None = None
        if own.head_width is not None:
            self.hidden = nn.Sequential(nn.Linear(width, own.head_width), ACTIVATIONS[own.activation]())
            width = own.head_width
        self.logit = nn.Linear(width, 1, bias=biased(own, normalised=False))
        self.classes = nn.ModuleList()
        if loss.classification > 0:
            self.classes.extend(nn.Linear(width, count) for count in shape.classes)
        self.continuous = nn.Linear(width, shape.continuous) if loss.regression > 0 else None
        self.projection = self.image_embedding = self.label_embedding = None
        if loss.embedding == "projection":
            self.projection = nn.Linear(shape.labels, width, bias=False)
        elif loss.embedding == "contrastive":
            self.image_embedding = nn.Linear(width, EMBEDDED)
            self.label_embedding = nn.Linear(shape.labels, EMBEDDED, bias=False)

    def forward(self, x: Tensor, labels: Tensor | None, features: Tensor | None) -> Judgement:
        """(N, C, 4, 4) and label vectors (N, labels) -> a Judgement; `features` is handed on."""
        x = self.activation(x)
        x = minibatch_std(x) if self._own.minibatch_std else x
        vector = HEADS[self._own.head](x, self._own.pyramid_levels)
        vector = vector if self.hidden is None else self.hidden(vector)
        logits = self.logit(vector)[:, 0].float()
        if self.projection is not None:
            logits = logits + projection(vector, self.projection(labels))
        return Judgement(
            logits,
            tuple(head(vector).float() for head in self.classes),
            None if self.continuous is None else self.continuous(vector).float(),
            None if self.image_embedding is None else self.image_embedding(vector).float(),
            None if self.label_embedding is None else self.label_embedding(labels).float(),
            features,
        )
