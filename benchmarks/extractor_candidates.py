"""The feature extractors that the embedded one was chosen from; each is standardised by its reference."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ignm.metrics.extractors import Extractor, build_extractor


def luminance(images: Tensor) -> Tensor:
    red, green, blue = (images.float() / 255).expand(-1, 3, -1, -1).unbind(1)
    return (0.299 * red + 0.587 * green + 0.114 * blue).unsqueeze(1)


def chroma(images: Tensor) -> Tensor:
    colours = (images.float() / 255).expand(-1, 3, -1, -1)
    return colours[:, ::2] - luminance(images)


class Candidate(Extractor):
    """Features of one unit: each divided by its standard deviation, kept finite by a part of the mean variance."""

    def scale(self, variance: Tensor) -> Tensor:
        return (variance + 1e-4 * variance.mean()).sqrt()


class Pixels(Candidate):
    """Thumbnails: 16x16 luminance, 8x8 chroma."""

    name, metric, dim = "pixels", "fd_pixels", 384

    def features(self, images: Tensor) -> Tensor:
        parts = F.adaptive_avg_pool2d(luminance(images), 16), F.adaptive_avg_pool2d(chroma(images), 8)
        return torch.cat([part.flatten(1) for part in parts], 1)


class RandomConvolutions(Candidate):
    """Fixed orthogonal 3x3 convolutions with ReLU and pooling; layer means and a 2x2 grid of the last layer."""

    metric = "fd_random"

    def __init__(self, *widths: int) -> None:
        super().__init__()
        self.name, self.dim = f"random {len(widths)} layers", sum(widths) + 4 * widths[-1]
        generator = torch.Generator().manual_seed(0)
        for layer, (fan, width) in enumerate(zip((3, *widths), widths, strict=False)):
            drawn = torch.randn(max(width, 9 * fan), min(width, 9 * fan), generator=generator)
            basis = torch.linalg.qr(drawn)[0]
            basis = basis if width >= 9 * fan else basis.T
            gain = math.sqrt(2 * max(1.0, width / (9 * fan)))
            self.register_buffer(f"weight{layer}", (gain * basis).reshape(width, fan, 3, 3))

    def features(self, images: Tensor) -> Tensor:
        planes, means = images.float().expand(-1, 3, -1, -1) / 127.5 - 1, []
        for layer, weight in enumerate(self.buffers()):
            planes = F.avg_pool2d(planes, 2) if layer else planes
            planes = F.relu(F.conv2d(F.pad(planes, (1, 1, 1, 1), mode="replicate"), weight))
            means.append(planes.mean((2, 3)))
        return torch.cat([*means, F.adaptive_avg_pool2d(planes, 2).flatten(1)], 1)


class GradientHistograms(Candidate):
    """Log histograms of gradient orientations, 8 bins on a 4x4 grid at 3 scales, and thumbnails (Dalal & Triggs)."""

    name, metric, dim = "gradient histograms", "fd_gradients", 480
    bins = 8

    def features(self, images: Tensor) -> Tensor:
        parts = [F.adaptive_avg_pool2d(luminance(images), 8), F.adaptive_avg_pool2d(chroma(images), 4)]
        plane = luminance(images)
        for _ in range(3):
            parts.append(torch.log(self._histogram(plane) + 0.003))
            plane = F.avg_pool2d(plane, 2)
        return torch.cat([part.flatten(1) for part in parts], 1)

    def _histogram(self, plane: Tensor) -> Tensor:
        padded = F.pad(plane, (1, 1, 1, 1), mode="replicate")
        across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
        down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
        size = torch.hypot(across, down)
        place = (torch.atan2(down, across) / (2 * math.pi) * self.bins) % self.bins
        low = place.floor()
        histogram = plane.new_zeros((len(plane), self.bins, *plane.shape[-2:]))
        histogram.scatter_add_(1, low.long() % self.bins, size * (1 - place + low))
        histogram.scatter_add_(1, (low.long() + 1) % self.bins, size * (place - low))
        return F.adaptive_avg_pool2d(histogram, 4)


def candidates() -> dict[str, Extractor]:
    found = [
        build_extractor("scatter"),
        GradientHistograms(),
        RandomConvolutions(32, 64),
        RandomConvolutions(24, 48, 64, 64),
        Pixels(),
    ]
    return {extractor.name: extractor.eval() for extractor in found}
