"""A discriminator on the frozen features of a pretrained network (Projected GAN: Sauer et al. 2021)."""

import torch
from torch import Tensor, nn

from ignm.config import Config
from ignm.config.networks import SMALLEST_MAP, DiscriminatorConfig
from ignm.errors import IgnmError
from ignm.models.discriminator import ResidualBlock, plain_block
from ignm.models.features import PretrainedFeatures
from ignm.models.head import Head, Judgement
from ignm.models.layers import channels_at
from ignm.models.shape import DataShape


class ProjectedDiscriminator(nn.Module):
    """Images (N, channels, R, R) in [-1, 1] to a Judgement, by one tower of blocks on each scale of the features.

    The paper sums one logit for each scale; with the heads of this family, one layer on all towers' last maps, that sum
    is a special case.
    """

    def __init__(self, config: Config, shape: DataShape) -> None:
        """Raises IgnmError, beginning with `init.features_weights`, where the file is not what it should be."""
        super().__init__()
        own, init = config.discriminator, config.init
        if init.features is None or init.features_weights is None:
            raise IgnmError("init.features: not set, and this discriminator reads pretrained features")
        random = torch.Generator().manual_seed(torch.initial_seed())
        self.pretrained = PretrainedFeatures(init.features, init.features_weights, random)
        sizes = self.pretrained.sizes(config.data.resolution)
        self.blocks = nn.ModuleDict(
            {
                str(size): _tower(own, channels, size, sizes[0])
                for size, channels in zip(sizes, self.pretrained.channels, strict=True)
            }
        )
        last = channels_at(own, sizes[0], SMALLEST_MAP)
        self.head = Head(config, shape, last * len(sizes), activated=own.block == "plain")

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """(N, channels, R, R) and (N, labels) -> a Judgement."""
        judgement: Judgement = self.head(self.trunk(images)[0], labels, None)
        return judgement

    def trunk(self, images: Tensor) -> tuple[Tensor, None]:
        """(N, channels, R, R) -> the towers' last maps as one; it keeps no map for attention."""
        maps = self.pretrained(images)
        ends = [tower(features) for tower, features in zip(self.blocks.values(), maps, strict=True)]
        return torch.cat(ends, dim=1), None

    def ordered(self) -> list[nn.Module]:
        """The layers that learn, from features to logit."""
        return [self.blocks, self.head]


def _tower(own: DiscriminatorConfig, channels: int, size: int, widest: int) -> nn.Sequential:
    """Blocks from one scale's map down to 4x4, or one on a map that is as small already, then the extra blocks."""
    make = ResidualBlock if own.block == "residual" else plain_block
    last = channels_at(own, widest, SMALLEST_MAP)
    blocks = [make(own, channels, last, halve=False)] if size == SMALLEST_MAP else []
    while size > SMALLEST_MAP:
        size //= 2
        width = channels_at(own, widest, size)
        blocks.append(make(own, channels, width))
        channels = width
    return nn.Sequential(*blocks, *(make(own, last, last, halve=False) for _ in range(own.extra_blocks)))
