"""ADA's blits and geometric transformations, as one affine map for each image (Karras et al. 2020, appendix B)."""

import math

import torch
from torch import Tensor

from ignm.augmentation.draws import Strength, normal, uniform
from ignm.augmentation.resampling import warp

TRANSLATION = 0.125
"""Reach of integer translation, and standard deviation of fractional translation, in sides of the image."""
SCALE = 0.2
"""Standard deviation of log2 of either scale."""


def geometry(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Images (N, C, R, R) flipped, turned, moved and scaled, each with probability `strength`.

    An image that was drawn no change is returned bit for bit.
    """
    matrices = inverse_maps(images.shape[0], images.shape[-1], strength, generator)
    changed = (matrices != torch.eye(3, device=matrices.device)).any(2).any(1)
    return torch.where(changed[:, None, None, None], warp(images, matrices), images)


def inverse_maps(count: int, side: int, strength: Strength, generator: torch.Generator) -> Tensor:
    """Draw maps (N, 3, 3) in float32 from each place of the result to that of the image, in pixels from the centre."""
    inverse = torch.eye(3, device=generator.device)
    for maps in (*_blits(count, side, strength, generator), *_general(count, side, strength, generator)):
        inverse = inverse @ maps
    return inverse


def _blits(count: int, side: int, p: Strength, generator: torch.Generator) -> list[Tensor]:
    """Inverses of x-flip, quarter turns and integer translation."""
    (flip,), (turns,) = uniform(1, count, p, generator), uniform(1, count, p, generator)
    x, y = (uniform(2, count, p, generator) * TRANSLATION * side).round()
    mirror = torch.where(flip < 0, -1.0, 1.0)
    return [_scaling(mirror, torch.ones_like(mirror)), _rotation((2 * turns).floor() * math.pi / 2), _translation(x, y)]


def _general(count: int, side: int, p: Strength, generator: torch.Generator) -> list[Tensor]:
    """Inverses of isotropic scaling, a rotation, anisotropic scaling, another rotation, and fractional translation."""
    # Either rotation alone would be one: that at least one is drawn has probability p.
    rotated = 1 - (1 - p) ** 0.5
    (isotropic,), (before,) = normal(1, count, p, generator), uniform(1, count, rotated, generator)
    (anisotropic,), (after,) = normal(1, count, p, generator), uniform(1, count, rotated, generator)
    x, y = normal(2, count, p, generator) * TRANSLATION * side
    larger, wider = torch.exp2(SCALE * isotropic), torch.exp2(SCALE * anisotropic)
    return [
        _scaling(1 / larger, 1 / larger),
        _rotation(math.pi * before),
        _scaling(1 / wider, wider),
        _rotation(math.pi * after),
        _translation(x, y),
    ]


def _translation(x: Tensor, y: Tensor) -> Tensor:
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return _matrices([one, zero, -x, zero, one, -y, zero, zero, one])


def _scaling(x: Tensor, y: Tensor) -> Tensor:
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    return _matrices([x, zero, zero, zero, y, zero, zero, zero, one])


def _rotation(angle: Tensor) -> Tensor:
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    return _matrices([angle.cos(), -angle.sin(), zero, angle.sin(), angle.cos(), zero, zero, zero, one])


def _matrices(entries: list[Tensor]) -> Tensor:
    return torch.stack(entries, dim=1).unflatten(1, (3, 3))
