"""Scalar fields over pictures: soft edges, steps, bumps and textures, all float32 and elementwise."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from ignm.data.faces.parameters import Array

# Textures repeat after this many texels: a power of two, so that wrapping is a bit mask.
_TEXELS = 256


def cover(distance: Array, width: Any) -> Array:
    """Return the share (0..1) of a soft-edged pixel `width` wide that lies inside; `distance` > 0 is inside."""
    share = distance / width
    share += np.float32(0.5)
    return np.clip(share, 0, 1, out=share)


def smoothstep(low: Any, high: Any, value: Array) -> Array:
    """Rise from 0 to 1 between `low` and `high`, with flat ends."""
    t = value - low
    t *= np.float32(1) / (high - low)
    np.clip(t, 0, 1, out=t)
    flat = np.float32(-2) * t
    flat += 3
    flat *= t
    flat *= t
    return flat


def bump(x: Array, y: Array, x_size: Any, y_size: Any) -> Array:
    """Return a Gaussian hill of height 1 at the origin, exp(-1) at one size away."""
    x, y = x / x_size, y / y_size
    x *= x
    y *= y
    return np.exp(np.negative(np.add(x, y, out=x), out=x), out=x)


def ridge(x: Array, size: Any) -> Array:
    """Return a Gaussian ridge along x = 0."""
    x = x / size
    x *= x
    return np.exp(np.negative(x, out=x), out=x)


@cache
def _texture(smoothness: int) -> NDArray[np.float32]:
    """One tileable random field of standard deviation 1 whose features are about `smoothness` texels wide."""
    white = np.random.Generator(np.random.Philox(7 + smoothness)).standard_normal((_TEXELS, _TEXELS))
    field = gaussian_filter(white, smoothness, mode="wrap") if smoothness else white
    return np.clip((field - field.mean()) / field.std(), -2.5, 2.5).astype(np.float32).ravel()


def noise(x: Array, y: Array, place: Array, *, smoothness: int = 3) -> Array:
    """Look noise up at (x, y), in features; `place` in 0..1 picks a part of the texture for each face."""
    span = np.float32(3 * max(smoothness, 1) if smoothness else 1)
    shift_x, shift_y = np.floor(place * 977) * 61, np.floor(place * 7919) * 37
    column = np.floor(x * span + shift_x).astype(np.int32) & (_TEXELS - 1)
    row = np.floor(y * span + shift_y).astype(np.int32) & (_TEXELS - 1)
    return np.take(_texture(smoothness), row * _TEXELS + column)
