"""The generator family: a first map from the latent, then blocks that each double it, up to the image."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from ignm.config import Config
from ignm.config.networks import SMALLEST_MAP, GeneratorConfig
from ignm.models.attention import SelfAttention
from ignm.models.convolution import Conv2d
from ignm.models.layers import ACTIVATIONS, NORMALISATIONS, ConditionalBatchNorm, biased, channels_at
from ignm.models.resampling import UPSAMPLING, enlarged
from ignm.models.shape import DataShape

LABEL_SAMPLES = 1024
"""Label vectors of real images that a conditional generator keeps, so that it can be sampled without the dataset."""


def map_sizes(largest: int) -> list[int]:
    """Sides of the maps from the smallest to `largest`, doubling."""
    sizes = [SMALLEST_MAP]
    while sizes[-1] < largest:
        sizes.append(sizes[-1] * 2)
    return sizes


class Stage(nn.Module):
    """Normalisation, activation, then a convolution."""

    def __init__(self, own: GeneratorConfig, channels: int, labels: int, convolution: nn.Module) -> None:
        super().__init__()
        self.conditional = labels > 0
        self.norm = ConditionalBatchNorm(channels, labels) if labels else NORMALISATIONS[own.normalisation](channels)
        self.act = ACTIVATIONS[own.activation]()
        self.conv = convolution

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """(N, C, H, W) and label vectors (N, labels) or None -> the convolution's map."""
        normal = self.norm(x, labels) if self.conditional else self.norm(x)
        result: Tensor = self.conv(self.act(normal))
        return result


def _stages(own: GeneratorConfig, inner: int, outer: int, labels: int) -> list[Stage]:
    """The stages of one block; the last one's output is not normalised before it is used where blocks are residual."""
    residual, up = own.block == "residual", UPSAMPLING[own.upsampling]
    last, before = biased(own, normalised=not residual), biased(own, normalised=True)
    if own.bottleneck is None:
        if not residual:
            return [Stage(own, inner, labels, up(inner, outer, last))]
        return [
            Stage(own, inner, labels, up(inner, outer, before)),
            Stage(own, outer, labels, Conv2d(outer, outer, 3, padding=1, bias=last)),
        ]
    narrow = max(1, outer // own.bottleneck)
    reduce = Stage(own, inner, labels, Conv2d(inner, narrow, 1, bias=before))
    if not residual:
        return [reduce, Stage(own, narrow, labels, up(narrow, outer, last))]
    return [
        reduce,
        Stage(own, narrow, labels, up(narrow, narrow, before)),
        Stage(own, narrow, labels, Conv2d(narrow, outer, 1, bias=last)),
    ]


class UpBlock(nn.Module):
    """Twice as large: the stages, and beside them, where blocks are residual, the map itself (1x1 convolution)."""

    def __init__(self, own: GeneratorConfig, inner: int, outer: int, labels: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_stages(own, inner, outer, labels))
        self.shortcut: nn.Module | None = None
        if own.block == "residual":
            # The 1x1 convolution first: it commutes with upsampling, on a quarter of the pixels.
            convolution = Conv2d(inner, outer, 1, bias=biased(own, normalised=False))
            self.shortcut = nn.Sequential(convolution, enlarged(own.upsampling))

    def forward(self, x: Tensor, labels: Tensor | None) -> Tensor:
        """(N, inner, H, W) -> (N, outer, 2H, 2W)."""
        result = x
        for stage in self.stages:
            result = stage(result, labels)
        return result if self.shortcut is None else result + self.shortcut(x)


class Generator(nn.Module):
    """Latent vectors (N, latent), and label vectors where it is conditional, to images (N, channels, R, R) in [-1, 1].

    DCGAN (Radford et al. 2016, figure 1), the ResNet of WGAN-GP (Gulrajani et al. 2017, appendix) and SAGAN (Zhang et
    al. 2019) are points of this family.
    """

    label_samples: Tensor

    def __init__(self, config: Config, shape: DataShape) -> None:
        super().__init__()
        own, resolution = config.generator, config.data.resolution
        self.latent = own.latent
        self.conditional = own.condition is not None
        labels = shape.labels if own.condition == "normalisation" else 0
        largest = resolution if own.block == "residual" else resolution // 2
        sizes = map_sizes(largest)
        widths = {size: channels_at(own, largest, size) for size in sizes}
        self._first = widths[SMALLEST_MAP]
        self._concatenates = own.condition == "latent"
        self.input = _input(own, shape.labels if self._concatenates else 0, self._first)
        self.blocks = nn.ModuleDict(
            {str(large): UpBlock(own, widths[small], widths[large], labels) for small, large in pairwise(sizes)}
        )
        self.attention = nn.ModuleDict()
        if own.attention is not None:
            self.attention[str(own.attention)] = SelfAttention(widths[own.attention])
        bias = biased(own, normalised=False)
        last: nn.Module = Conv2d(widths[largest], shape.channels, 3, padding=1, bias=bias)
        if own.block == "plain":
            last = UPSAMPLING[own.upsampling](widths[largest], shape.channels, bias)
        self.output = Stage(own, widths[largest], 0, last)
        if self.conditional:
            self.register_buffer("label_samples", torch.zeros(LABEL_SAMPLES, shape.labels))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """(N, latent) and (N, labels) -> (N, channels, R, R)."""
        own_labels = labels if self.conditional else None
        entry = [latents] if labels is None or not self._concatenates else [latents, labels]
        x = self.input(torch.cat(entry, dim=1)).view(len(latents), self._first, SMALLEST_MAP, SMALLEST_MAP)
        x = self._attended(x.contiguous(memory_format=torch.channels_last))
        for block in self.blocks.values():
            x = self._attended(block(x, own_labels))
        return torch.tanh(self.output(x, None))

    def ordered(self) -> list[nn.Module]:
        """The layers from latent to image."""
        layers: list[nn.Module] = [self.input]
        for size in (SMALLEST_MAP, *map(int, self.blocks)):
            layers += [self.blocks[str(size)]] if str(size) in self.blocks else []
            layers += [self.attention[str(size)]] if str(size) in self.attention else []
        return [*layers, self.output]

    def sample_labels(self, count: int, random: torch.Generator) -> Tensor | None:
        """Draw label vectors (count, labels) as real images have them; None where the generator knows no labels."""
        if not self.conditional:
            return None
        rows = torch.randint(LABEL_SAMPLES, (count,), generator=random, device=random.device)
        return self.label_samples[rows.to(self.label_samples.device)]

    def _attended(self, x: Tensor) -> Tensor:
        size = str(x.shape[2])
        return self.attention[size](x) if size in self.attention else x


def _input(own: GeneratorConfig, labels: int, channels: int) -> nn.Sequential:
    """Latent and labels to the first map's values, through a fully-connected layer where the config has one."""
    bias = biased(own, normalised=own.block == "plain")
    values = channels * SMALLEST_MAP**2
    if own.input_width is None:
        return nn.Sequential(nn.Linear(own.latent + labels, values, bias=bias))
    return nn.Sequential(
        nn.Linear(own.latent + labels, own.input_width),
        ACTIVATIONS[own.activation](),
        nn.Linear(own.input_width, values, bias=bias),
    )
