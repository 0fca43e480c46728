"""The embedded extractor: a small wavelet scattering transform that needs no weights and no download."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ignm.metrics.extractors.base import Extractor

OCTAVES = 4
ORIENTATIONS = 4
GRID = 2
LUMINANCE_THUMBNAIL = 8
CHROMA_THUMBNAIL = 4
CPU_BATCH = 32
"""Images whose planes stay in a core's cache: twice the speed of 256 at once."""
FLOOR = 0.01
"""Added to moduli (images in 0..1) before the logarithm: about the amplitude at which texture becomes visible."""
TINT = 8 / 255
"""Change of a thumbnail (images in 0..1) that is about to become visible."""
TEXTURE = 0.05
"""Relative change of a modulus, in log units, that is about to become visible."""
CHROMA_DETAIL = 0.15
"""The same of chroma detail, which the eye sees less of."""


class Scatter(Extractor):
    """Scattering of the luminance over the four finest octaves, thumbnails of luminance and chroma, chroma detail.

    264 features: an 8x8 luminance and two 4x4 chroma thumbnails (96); first-order moduli, 4 octaves x 4 orientations
    averaged on a 2x2 grid (64); second-order moduli, 6 octave pairs x 16 orientation pairs, averaged (96); chroma
    detail, 4 octaves x 2 planes (8). Moduli are log-compressed. Octaves count from the finest, so a missing or an
    excess high frequency is seen at any resolution; the thumbnails hold what is coarser. Each feature is scaled by its
    standard deviation over the reference, so that no loud feature decides the number, but one that hardly varies (the
    chroma of grey faces) by what could be seen, so that no invisible tint does. Images need a side of 16 or more.

    Source: Mallat 2012, "Group invariant scattering"; filters as in Bruna & Mallat 2013, section 2. Chosen by
    measurement: benchmarks/extractor_evidence.py.
    """

    name = "scatter"
    metric = "fd_scatter"
    dim = 264
    floors = ((64, TINT), (32, TINT), (160, TEXTURE), (8, CHROMA_DETAIL))

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", _morlet_filters())

    def features(self, images: Tensor) -> Tensor:
        """Features (N, 264) of uint8 images (N, C, H, W)."""
        if images.device.type == "cpu":
            return torch.cat([self._features(part) for part in images.split(CPU_BATCH)])
        return self._features(images)

    def _features(self, images: Tensor) -> Tensor:
        red, green, blue = (images.float() / 255).expand(-1, 3, -1, -1).unbind(1)
        luminance = (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)
        chroma = torch.stack((red, blue), dim=1) - luminance
        thumbnails = (
            F.adaptive_avg_pool2d(luminance, LUMINANCE_THUMBNAIL),
            F.adaptive_avg_pool2d(chroma, CHROMA_THUMBNAIL),
        )
        moduli = [torch.log(values + FLOOR) for values in (*self._scattering(luminance), *_detail(chroma))]
        return torch.cat([values.flatten(1) for values in (*thumbnails, *moduli)], dim=1)

    def _scattering(self, plane: Tensor) -> list[Tensor]:
        averages: list[Tensor] = []
        finer: list[Tensor] = []
        for octave in range(OCTAVES):
            if octave:
                plane = _halve(_smooth(plane))
                finer = [F.avg_pool2d(moduli, 2) for moduli in finer]
            moduli = self._modulus(plane)
            averages.append(F.adaptive_avg_pool2d(moduli, GRID))
            averages += [self._modulus(first).mean((2, 3)) for first in finer]
            finer.append(moduli)
        return averages

    def _modulus(self, planes: Tensor) -> Tensor:
        """Modulus of every plane (N, C, H, W) under every oriented wavelet: (N, C * orientations, H, W)."""
        count, channels, height, width = planes.shape
        pad = self.filters.shape[-1] // 2
        padded = F.pad(planes, (pad, pad, pad, pad), mode="replicate")
        waves = F.conv2d(padded.flatten(0, 1).unsqueeze(1), self.filters)
        real, imaginary = waves.chunk(2, dim=1)
        return torch.hypot(real, imaginary).reshape(count, channels * ORIENTATIONS, height, width)


def _detail(planes: Tensor) -> list[Tensor]:
    """Mean absolute detail (N, C) that each octave's low-pass removes."""
    averages = []
    for _ in range(OCTAVES):
        smooth = _smooth(planes)
        averages.append((planes - smooth).abs().mean((2, 3)))
        planes = _halve(smooth)
    return averages


def _smooth(planes: Tensor) -> Tensor:
    """Binomial 5x5 low-pass; sums of shifted views, which the CPU does faster than a one-channel convolution."""
    p = F.pad(planes, (2, 2, 2, 2), mode="replicate")
    p = p[..., :-4] + p[..., 4:] + 4 * (p[..., 1:-3] + p[..., 3:-1]) + 6 * p[..., 2:-2]
    p = p[..., :-4, :] + p[..., 4:, :] + 4 * (p[..., 1:-3, :] + p[..., 3:-1, :]) + 6 * p[..., 2:-2, :]
    return p / 256


def _halve(planes: Tensor) -> Tensor:
    return planes[..., ::2, ::2]


def _morlet_filters(size: int = 7, frequency: float = 3 * math.pi / 4, width: float = 0.8) -> Tensor:
    """Complex Morlet wavelets with zero mean, real parts before imaginary ones: (2 * orientations, 1, size, size)."""
    radius = size // 2
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    y, x = torch.meshgrid(offsets, offsets, indexing="ij")
    wavelets = []
    for angle in torch.arange(ORIENTATIONS, dtype=torch.float64) * (math.pi / ORIENTATIONS):
        along = x * angle.cos() + y * angle.sin()
        across = y * angle.cos() - x * angle.sin()
        envelope = torch.exp(-(along**2 + across**2) / (2 * width**2))
        wave = torch.polar(envelope, frequency * along)
        wave = wave - envelope * (wave.sum() / envelope.sum())
        wavelets.append(2 * wave / wave.abs().sum())
    stacked = torch.stack(wavelets)
    return torch.cat((stacked.real, stacked.imag)).unsqueeze(1).float().contiguous()
