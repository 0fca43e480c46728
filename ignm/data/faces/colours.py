"""Colours of skin, hair, eyes, cloth and light, as planes of linear light with the channel first."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ignm.data.faces.parameters import Array, FaceParameters

# (3, 1, 1, 1)-shaped numbers broadcast over (3, n, height, width) planes.
Planes: TypeAlias = NDArray[np.float32]

_SKIN_TONES = ((248, 214, 196), (238, 194, 166), (220, 168, 134), (184, 128, 94), (132, 86, 60), (84, 53, 40))
_HAIR = ((22, 19, 19), (52, 36, 27), (98, 65, 42), (196, 156, 102), (150, 68, 34), (172, 169, 166))
_IRIS = ((74, 44, 26), (118, 86, 44), (94, 118, 74), (92, 134, 172), (128, 138, 142))


def linear(display: Any) -> NDArray[np.float32]:
    """Turn display (sRGB-like) values of 0..255 into linear light of 0..1."""
    return (np.clip(np.asarray(display, dtype=np.float64) / 255, 0, 1) ** 2.2).astype(np.float32)


def plane(colour: Any) -> Planes:
    """Turn one display colour into (3, 1, 1, 1) linear light."""
    return linear(colour).reshape(3, 1, 1, 1)


def rows(colours: NDArray[np.float32]) -> Planes:
    """Move the channels of (n, 1, 1, 3) colours first: (3, n, 1, 1)."""
    return np.ascontiguousarray(np.moveaxis(colours, -1, 0))


def paint(canvas: Planes, colour: Planes, alpha: Array) -> None:
    """Lay `colour` over `canvas` in place where `alpha` (n, height, width) is 1."""
    change = colour - canvas
    change *= alpha
    canvas += change


def luminance(colour: Planes) -> Array:
    """Return the brightness of linear light (Rec. 709 weights)."""
    return np.float32(0.2126) * colour[0] + np.float32(0.7152) * colour[1] + np.float32(0.0722) * colour[2]


def skin_colour(p: FaceParameters) -> Planes:
    """Return the face's skin colour: a scale from light to dark with a warm or cool undertone."""
    stops = linear(_SKIN_TONES).astype(np.float64)
    at = np.clip(p.skin_tone, 0, 1) * (len(stops) - 1)
    base = np.stack([np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)], axis=-1)
    base *= 1 + p.undertone[..., None] * np.array([0.02, 0.0, -0.12])
    return rows(base.astype(np.float32))


def hair_colour(p: FaceParameters) -> Planes:
    """Return the hair's colour: its class, lightened or darkened a little."""
    return rows(linear(_HAIR)[p.hair_colour] * np.exp(0.45 * p.hair_shade)[..., None].astype(np.float32))


def iris_colour(p: FaceParameters) -> Planes:
    """Return the iris's colour by its class."""
    return rows(linear(_IRIS)[p.eye_colour])


def hue_colour(hue: Array, saturation: Any, value: Any) -> Planes:
    """Return linear light for hue, saturation and value of 0..1."""
    offsets = np.array([0, 2 / 3, 1 / 3], dtype=np.float32)
    pure = np.clip(np.abs(((hue[..., None] + offsets) % 1) * 6 - 3) - 1, 0, 1)
    display = np.asarray(value)[..., None] * (1 - np.asarray(saturation)[..., None] * (1 - pure))
    return rows(linear(255 * display))


def light_colour(warmth: Array) -> Planes:
    """Return the light's colour at brightness about 1: -1 is blue sky, 1 a candle."""
    return rows(np.exp(warmth[..., None] * np.array([0.22, 0.0, -0.38], dtype=np.float32)).astype(np.float32))
