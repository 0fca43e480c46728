"""The discriminator family: blocks that each halve the map, down to 4x4, and a head."""

from itertools import pairwise

from torch import Tensor, nn

from ignm.config import Config
from ignm.config.networks import DiscriminatorConfig
from ignm.models.attention import SelfAttention
from ignm.models.convolution import Conv2d
from ignm.models.generator import map_sizes
from ignm.models.head import Head, Judgement
from ignm.models.layers import ACTIVATIONS, NORMALISATIONS, biased, channels_at
from ignm.models.resampling import downsampling, reduced
from ignm.models.shape import DataShape

SUPERVISED_MAP = 8
"""Side of the map that attention as supervision reads; every discriminator has it."""


def _normal(own: DiscriminatorConfig, channels: int) -> list[nn.Module]:
    return [NORMALISATIONS[own.normalisation](channels), ACTIVATIONS[own.activation]()]


def _resampled(own: DiscriminatorConfig, inner: int, outer: int, bias: bool, halve: bool) -> nn.Module:
    return downsampling(own, inner, outer, bias) if halve else Conv2d(inner, outer, 3, padding=1, bias=bias)


def plain_block(own: DiscriminatorConfig, inner: int, outer: int, halve: bool = True) -> nn.Sequential:
    """Convolution, normalisation, activation (Radford et al. 2016); the map half as large, or as large."""
    bias = biased(own, normalised=True)
    layers: list[nn.Module] = []
    if own.bottleneck is not None:
        narrow = max(1, outer // own.bottleneck)
        layers += [Conv2d(inner, narrow, 1, bias=bias), *_normal(own, narrow)]
        inner = narrow
    return nn.Sequential(*layers, _resampled(own, inner, outer, bias, halve), *_normal(own, outer))


class ResidualBlock(nn.Module):
    """Two pre-activated convolutions beside a shortcut (Gulrajani et al. 2017, appendix; Zhang et al. 2019)."""

    def __init__(
        self, own: DiscriminatorConfig, inner: int, outer: int, halve: bool = True, reads_image: bool = False
    ) -> None:
        """`reads_image`: the block is the first one, and nothing comes before its first convolution."""
        super().__init__()
        before, last = biased(own, normalised=True), biased(own, normalised=False)
        entry = [] if reads_image else _normal(own, inner)
        self.stages: nn.Sequential
        if own.bottleneck is None:
            middle = outer if own.inner == "output" or reads_image else inner
            self.stages = nn.Sequential(
                *entry,
                Conv2d(inner, middle, 3, padding=1, bias=before),
                *_normal(own, middle),
                _resampled(own, middle, outer, last, halve),
            )
        else:
            narrow = max(1, outer // own.bottleneck)
            self.stages = nn.Sequential(
                *entry,
                Conv2d(inner, narrow, 1, bias=before),
                *_normal(own, narrow),
                _resampled(own, narrow, narrow, before, halve),
                *_normal(own, narrow),
                Conv2d(narrow, outer, 1, bias=last),
            )
        shortcut: list[nn.Module] = [reduced(own)] if halve else []
        if halve or inner != outer:
            shortcut.append(Conv2d(inner, outer, 1, bias=last))
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inner, H, W) -> (N, outer, H/2, W/2), or as large where it does not halve."""
        result: Tensor = self.stages(x) + self.shortcut(x)
        return result


class Discriminator(nn.Module):
    """Images (N, channels, R, R) in [-1, 1], and label vectors where they are judged together, to a Judgement.

    DCGAN (Radford et al. 2016; its first layer is not normalised), the ResNet critic of WGAN-GP (Gulrajani et al. 2017)
    and SAGAN (Zhang et al. 2019) are points of this family.
    """

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__()
        own, resolution = config.discriminator, config.data.resolution
        residual = own.block == "residual"
        # The map whose channels are `width`: a residual network with a stem has one as large as the image.
        widest = resolution if residual and own.stem else resolution // 2
        sizes = map_sizes(widest)[::-1]
        widths = {size: channels_at(own, widest, size) for size in sizes}
        self.stem = _stem(own, shape.channels, widths[widest]) if own.stem or not residual else nn.Identity()
        make = ResidualBlock if residual else plain_block
        self.blocks = nn.ModuleDict()
        if residual and not own.stem:
            self.blocks[str(widest)] = ResidualBlock(own, shape.channels, widths[widest], reads_image=True)
        for large, small in pairwise(sizes):
            self.blocks[str(small)] = make(own, widths[large], widths[small])
        last = widths[sizes[-1]]
        self.extra = nn.ModuleList(make(own, last, last, halve=False) for _ in range(own.extra_blocks))
        self.attention = nn.ModuleDict()
        if own.attention is not None:
            self.attention[str(own.attention)] = SelfAttention(widths[own.attention])
        self.head = Head(config, shape, last, activated=not residual)
        self._keeps_features = config.loss.attention > 0

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Judgement:
        """(N, channels, R, R) and (N, labels) -> a Judgement."""
        last, features = self.trunk(images)
        judgement: Judgement = self.head(last, labels, features)
        return judgement

    def trunk(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """(N, channels, R, R) -> the last map, and the one that attention as supervision reads."""
        features: Tensor | None = None
        x = self._attended(self.stem(images))
        for layer in (None, *self.blocks.values()):
            x = x if layer is None else self._attended(layer(x))
            if self._keeps_features and x.shape[2] == SUPERVISED_MAP:
                features = x
        for block in self.extra:
            x = block(x)
        return x, features

    def ordered(self) -> list[nn.Module]:
        """The layers from image to logit."""
        layers: list[nn.Module] = [] if isinstance(self.stem, nn.Identity) else [self.stem]
        layers += [*self.blocks.values(), *self.extra]
        return [*layers, nn.ModuleList([*self.attention.values(), self.head])]

    def _attended(self, x: Tensor) -> Tensor:
        size = str(x.shape[2])
        return self.attention[size](x) if size in self.attention else x


def _stem(own: DiscriminatorConfig, channels: int, width: int) -> nn.Sequential:
    """The first convolution: to half the size and activated in a plain network, as large and bare in a residual one."""
    bias = biased(own, normalised=False)
    if own.block == "residual":
        return nn.Sequential(Conv2d(channels, width, 3, padding=1, bias=bias))
    return nn.Sequential(downsampling(own, channels, width, bias), ACTIVATIONS[own.activation]())
