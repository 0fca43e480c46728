"""Known harms done to images, each with a level, against which a metric must rise (Heusel et al. 2017, appendix A1).

Every disturbance maps uint8 images (N, C, H, W), a level and a generator to uint8 images of the same shape, on the CPU.
Levels are relative to the image side or to the value range, so one ladder of levels fits every resolution; level 0
changes nothing.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from scipy.cluster.vq import kmeans2
from torch import Generator, Tensor

Disturbance = Callable[[Tensor, float, Generator], Tensor]

MODES = 16
RECTANGLES = 3


def blur(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Gaussian blur; `level` is its standard deviation as a fraction of the image side."""
    sigma = level * images.shape[-1]
    if sigma <= 0:
        return images.clone()
    radius = min(math.ceil(3 * sigma), min(images.shape[-2:]) - 1)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    kernel = kernel / kernel.sum()
    channels = images.shape[1]
    padded = F.pad(images.float(), (radius, radius, radius, radius), mode="reflect")
    rows = F.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return _to_uint8(F.conv2d(rows, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels))


def noise(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Add Gaussian noise; `level` is its standard deviation as a fraction of the value range."""
    values = torch.randn(images.shape, generator=generator)
    return _to_uint8(images.float() + 255 * level * values)


def salt_and_pepper(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Set pixels to black or white, all channels at once; `level` is the fraction of pixels hit."""
    draw = torch.rand((len(images), 1, *images.shape[-2:]), generator=generator)
    salted = torch.where(draw < level / 2, images.new_full((), 255), images)
    return torch.where(draw > 1 - level / 2, images.new_zeros(()), salted)


def swirl(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Twist every image around its centre; `level` is the rotation in radians at the centre."""
    height, width = images.shape[-2:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    angle = level * torch.exp(-(x**2 + y**2) / 0.5)
    turned = torch.stack((x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()), dim=-1)
    grid = turned.expand(len(images), -1, -1, -1)
    return _to_uint8(F.grid_sample(images.float(), grid, "bilinear", "reflection", align_corners=True))


def occlusion(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Implant three black rectangles at random places; `level` is their side as a fraction of the image side."""
    height, width = images.shape[-2:]
    tall, wide = round(level * height), round(level * width)
    places = torch.rand((2, len(images), RECTANGLES), generator=generator)
    tops = (places[0] * (height - tall + 1)).floor().view(-1, RECTANGLES, 1, 1)
    lefts = (places[1] * (width - wide + 1)).floor().view(-1, RECTANGLES, 1, 1)
    rows, columns = torch.arange(height).view(1, 1, -1, 1), torch.arange(width).view(1, 1, 1, -1)
    inside = (rows >= tops) & (rows < tops + tall) & (columns >= lefts) & (columns < lefts + wide)
    return torch.where(inside.any(1, keepdim=True), images.new_zeros(()), images)


def mode_dropping(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Replace the images of some modes by images of the others; `level` is the fraction of modes dropped.

    Modes are k-means clusters of 8x8 grey thumbnails; which go first is drawn once, so that levels are nested.
    """
    thumbnails = F.adaptive_avg_pool2d(images.float().mean(1, keepdim=True), 8).flatten(1).numpy()
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    modes = kmeans2(thumbnails, MODES, minit="++", rng=np.random.default_rng(seed))[1]
    order = torch.randperm(MODES, generator=generator)
    kept_modes = order[round(level * MODES) :]
    kept = torch.isin(torch.from_numpy(modes), kept_modes.int())
    return _repeat(images[kept], len(images))


def collapse(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Leave few distinct images, repeated; `level` is the fraction of distinct images lost (1 leaves one image)."""
    distinct = max(1, round((1 - level) * len(images)))
    chosen = torch.randperm(len(images), generator=generator)[:distinct]
    return _repeat(images[chosen.sort().values], len(images))


def low_pass(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Remove the highest frequencies, as generators that miss them do; `level` is the fraction of the band removed."""
    size = images.shape[-2:]
    spectrum = torch.fft.rfft2(images.float())
    vertical = torch.fft.fftfreq(size[0]).abs()[:, None]
    horizontal = torch.fft.rfftfreq(size[1])[None, :]
    cut = 0.5 * (1 - level)
    passed = (vertical <= cut) & (horizontal <= cut)
    return _to_uint8(torch.fft.irfft2(spectrum * passed, s=size))


def checkerboard(images: Tensor, level: float, generator: Generator) -> Tensor:
    """Add the alternating pattern of badly strided upsampling; `level` is its amplitude as a fraction of the range.

    Source: Odena et al. 2016, "Deconvolution and checkerboard artifacts".
    """
    rows, columns = (torch.arange(side) for side in images.shape[-2:])
    pattern = 1.0 - 2.0 * ((rows[:, None] + columns[None, :]) % 2)
    return _to_uint8(images.float() + 255 * level * pattern)


DISTURBANCES: dict[str, tuple[Disturbance, tuple[float, ...]]] = {
    "blur": (blur, (0.015, 0.03, 0.06, 0.12)),
    "noise": (noise, (0.02, 0.05, 0.1, 0.2)),
    "salt and pepper": (salt_and_pepper, (0.005, 0.02, 0.05, 0.15)),
    "swirl": (swirl, (0.25, 0.5, 1.0, 2.0)),
    "occlusion": (occlusion, (0.1, 0.2, 0.3, 0.4)),
    "mode dropping": (mode_dropping, (0.25, 0.5, 0.75, 0.9)),
}
"""The six disturbances under which a metric must rise monotonically, each with the levels at which it is tried."""

GAN_FAULTS: dict[str, tuple[Disturbance, tuple[float, ...]]] = {
    "collapse": (collapse, (0.8, 0.95, 0.99, 0.999)),
    "low pass": (low_pass, (0.125, 0.25, 0.5, 0.75)),
    "checkerboard": (checkerboard, (0.02, 0.04, 0.08, 0.16)),
}
"""Faults typical of bad generators, tried the same way."""


def _to_uint8(values: Tensor) -> Tensor:
    return values.round().clamp(0, 255).to(torch.uint8)


def _repeat(images: Tensor, count: int) -> Tensor:
    return images[torch.arange(count) % len(images)]
