"""What of an image tells how it was transformed: what is where, lightness, contrast and colour, flat areas.

Everything is taken from 16x16 pixels, which hold what augmentations do and little of what a weak generator gets wrong.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 16
_CHROMA_SIDE = 4
_BLOCKS = 8
_LIGHT = torch.linspace(-1, 1, 9)
_TEXTURE = torch.linspace(math.log(0.02), math.log(0.6), 6)
_FLOOR = 0.02
_RANKS = (5, 25, 64, 128, 192, 230, 250)
_PIECES = 9
_REACH = 5.0
# Tones answer nearly all that can be asked about colour, and are few: they count for more than a pixel does.
_TONE_WEIGHT = 2.0


class Features:
    """Features fitted to a set of images: standardised layout, and each tone as a piecewise linear function."""

    def __init__(self, images: Tensor) -> None:
        tone, layout = tones(images), _layout(images)
        self._knots = torch.quantile(tone, torch.linspace(0.01, 0.99, _PIECES), dim=0).T.contiguous()
        self._mean, self._deviation = layout.mean(0), layout.std(0) + 1e-3

    def __call__(self, images: Tensor) -> Tensor:
        """Features (N, D) of images (N, C, R, R) in [-1, 1]."""
        layout = ((_layout(images) - self._mean) / self._deviation).clamp(-_REACH, _REACH)
        return torch.cat([_TONE_WEIGHT * _hats(tones(images), self._knots), layout], dim=1)


def tones(images: Tensor) -> Tensor:
    """Lightness, contrast, direction of detail and colour of the whole image (N, 23)."""
    luma, chroma = _planes(images)
    flat, inner = luma.flatten(1), luma[:, 4:12, 4:12].flatten(1)
    ranked = flat.sort(dim=1).values[:, list(_RANKS)]
    across = (luma[:, :, 1:] - luma[:, :, :-1]).abs().mean((1, 2))
    down = (luma[:, 1:] - luma[:, :-1]).abs().mean((1, 2))
    colour = chroma.square().sum(1).add(1e-8).sqrt().flatten(1)
    columns = [
        flat.mean(1),
        torch.log(flat.std(1) + _FLOOR),
        *ranked.unbind(1),
        ranked[:, -1] - ranked[:, 0],
        ranked[:, 4] - ranked[:, 2],
        inner.mean(1),
        torch.log(inner.std(1) + _FLOOR),
        torch.log(across + 0.01),
        torch.log(down + 0.01),
        torch.log(across / (down + 0.001) + 0.05),
        torch.log(colour.mean(1) + 0.01),
        torch.log(colour.std(1) + 0.01),
        *chroma.mean((2, 3)).unbind(1),
        *torch.log(chroma.flatten(2).std(2) + 0.01).unbind(1),
        colour.mean(1) / (flat.std(1) + 0.1),
    ]
    return torch.stack(columns, dim=1)


def _planes(images: Tensor) -> tuple[Tensor, Tensor]:
    """Luma (N, 16, 16) and two planes of chroma (N, 2, 16, 16)."""
    small = F.adaptive_avg_pool2d(images, SIDE)
    red, green, blue = small.expand(-1, 3, -1, -1).unbind(1)
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, torch.stack((red - luma, blue - luma), dim=1)


def _layout(images: Tensor) -> Tensor:
    """What is where (N, 716): luma as it is and at unit contrast, chroma, texture, how much of each kind of area."""
    luma, chroma = _planes(images)
    flat = luma.flatten(1)
    unit = (flat - flat.mean(1, keepdim=True)) / (flat.std(1, keepdim=True) + 0.05)
    padded = F.pad(luma[:, None], (1, 0, 1, 0), mode="replicate")
    mean = F.avg_pool2d(padded, 3, stride=2)
    square = F.avg_pool2d(padded.square(), 3, stride=2)
    texture = torch.log((square - mean.square()).clamp(min=0).sqrt() + _FLOOR)
    chroma = F.adaptive_avg_pool2d(chroma, _CHROMA_SIDE)
    areas = _areas(mean.flatten(1), texture.flatten(1))
    return torch.cat([flat, unit, chroma.flatten(1), texture.flatten(1), areas], dim=1)


def _areas(light: Tensor, texture: Tensor) -> Tensor:
    """Joint histogram of 64 blocks' lightness and texture, one for the picture's rim and one for its inside, (N, 108).

    What fills a hole or moves in at a border is flat and of one shade, wherever it lies.
    """
    rim = torch.ones(_BLOCKS, _BLOCKS)
    rim[1:-1, 1:-1] = 0
    kinds_of_light, kinds_of_texture = _soft_bins(light, _LIGHT), _soft_bins(texture, _TEXTURE)
    counts = []
    for region in (rim.flatten(), 1 - rim.flatten()):
        weighted = kinds_of_light * (region / region.sum())
        counts.append((weighted @ kinds_of_texture.transpose(1, 2)).flatten(1))
    return torch.cat(counts, dim=1).sqrt()


def _soft_bins(values: Tensor, centres: Tensor) -> Tensor:
    """Membership (N, B, P) of values (N, P) in evenly spaced bins, linear between centres."""
    return (1 - (values[:, None] - centres[None, :, None]).abs() / (centres[1] - centres[0])).clamp(min=0)


def _hats(values: Tensor, knots: Tensor) -> Tensor:
    """Piecewise linear basis (N, S * K) of values (N, S) on the knots of each (S, K): a linear model bends there."""
    columns = values.T.contiguous().clamp(knots[:, :1], knots[:, -1:])
    right = torch.searchsorted(knots, columns).clamp(1, knots.shape[1] - 1)
    low, high = knots.gather(1, right - 1), knots.gather(1, right)
    part = ((columns - low) / (high - low + 1e-6)).clamp(0, 1)
    basis = torch.zeros(*columns.shape, knots.shape[1])
    basis.scatter_(2, (right - 1)[..., None], (1 - part)[..., None])
    basis.scatter_(2, right[..., None], part[..., None])
    return basis.permute(1, 0, 2).flatten(1)
