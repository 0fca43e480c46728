"""Relighting: smooth fields of illumination, exposure and contrast, in linear light."""

import math

import torch
from torch import Tensor

from ignm.synthetic.draws import Purpose, between, coordinates, uniforms

_SIDE, _CURVED, _SPOT, _EXPOSURE = 1.8, 0.4, 1.0, 0.7  # stops at strength 1
_CONTRAST = 0.3
_DISPLAY = 2.2


def illumination(size: int, strength: float, seed: int, start: int, count: int) -> tuple[Tensor, Tensor]:
    """Return gains (n, 1, R, R) for linear light and exponents (n, 1, 1, 1): those of images start, ... of the pool.

    The light is that of the low-order spherical harmonics, which carry nearly all that a matt surface reflects
    (Basri & Jacobs 2003), on a face-sized dome, times a soft spot anywhere. At strength 1 light from one side changes
    it by up to 1.8 stops to each side, the spot by one, exposure by 0.7; exponents are within a factor of 1.35.
    """
    draws = uniforms(seed, Purpose.LIGHT, start, count, 10).T
    x, y = coordinates(size)
    across, down = torch.tanh(1.4 * x), torch.tanh(1.1 * y)
    angle = between(draws[0], -math.pi, math.pi)
    stops = between(draws[1], 0, _SIDE) * (angle.cos() * across + angle.sin() * down)
    stops += between(draws[2], -_CURVED, _CURVED) * (across * across - down * down)
    stops += between(draws[3], -_CURVED, _CURVED) * (2 * across * down)
    width = between(draws[4], 0.4, 0.9)
    left, top = (((at - between(draw, -1, 1)) / width) ** 2 for at, draw in ((x, draws[5]), (y, draws[6])))
    stops += between(draws[7], -_SPOT, _SPOT) * (torch.exp(-0.5 * left) * torch.exp(-0.5 * top) - 0.5 * width)
    stops += between(draws[8], -_EXPOSURE, _EXPOSURE)
    return torch.exp2(strength * stops), torch.exp(strength * between(draws[9], -_CONTRAST, _CONTRAST))


def developed(display: Tensor, gain: Tensor, exponent: Tensor) -> Tensor:
    """Light display values (n, C, R, R) of 0..1 by `gain`, and raise them to the power `exponent`.

    Gains multiply linear light (display values to the power 2.2); above 1 they multiply its odds x : 1-x instead, so
    that light approaches white as film does and nothing clips.
    """
    linear = display.pow(_DISPLAY)
    lit = linear * gain / (1 + linear * (gain - 1).clamp_(min=0))
    return lit.pow_(exponent / _DISPLAY)
