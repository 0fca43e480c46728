"""Light on surfaces: soft Lambert with ambient sky light, cast shadows of the nose, and gloss."""

from dataclasses import dataclass

import numpy as np

from ignm.data.faces.colours import Planes, light_colour
from ignm.data.faces.fields import bump, smoothstep
from ignm.data.faces.geometry import EYE_X, EYE_Y, Surface, nose
from ignm.data.faces.parameters import Array, FaceParameters

# Skin scatters red light furthest, so red wraps furthest around the terminator.
_SKIN_WRAP = np.array([0.38, 0.24, 0.18], dtype=np.float32).reshape(3, 1, 1, 1)
_WRAP = np.float32(0.25)


@dataclass(frozen=True)
class Light:
    """The light of one chunk: its direction and half-way vector (towards a camera at z) and its colours."""

    x: Array
    y: Array
    z: Array
    half: tuple[Array, Array, Array]
    direct: Planes
    ambient: Planes


def light(p: FaceParameters) -> Light:
    """Return the light that `p` describes, in the picture's coordinates."""
    azimuth, elevation = np.deg2rad(p.light_azimuth), np.deg2rad(p.light_elevation)
    x = np.sin(azimuth) * np.cos(elevation)
    y, z = np.sin(elevation), np.cos(azimuth) * np.cos(elevation)
    length = np.sqrt(x * x + y * y + (z + 1) * (z + 1))
    sky = light_colour(np.float32(-0.35) * p.light_warmth)
    return Light(
        x, y, z, (x / length, y / length, (z + 1) / length),
        direct=light_colour(p.light_warmth) * (np.float32(0.92) * p.light_intensity),
        ambient=sky * (np.float32(0.27) * p.ambient),
    )  # fmt: skip


def lit(
    surface: Surface, lamp: Light, shade: Array | np.float32, occlusion: Array | np.float32, *, skin: bool = False
) -> Planes:
    """Return the light (3, n, height, width) that a matt surface reflects; `shade` and `occlusion` are 0..1 factors."""
    nx, ny, nz = surface.normal
    facing = nx * lamp.x + ny * lamp.y + nz * lamp.z
    wrap = _SKIN_WRAP if skin else _WRAP
    soft = facing * (1 / (1 + wrap)) + wrap / (1 + wrap)
    np.clip(soft, 0, 1, out=soft)
    soft *= shade
    sky = occlusion * (np.float32(0.75) + np.float32(0.2) * ny + np.float32(0.1) * nz)
    reflected = lamp.direct * soft
    reflected += lamp.ambient * sky
    return reflected


def gloss(surface: Surface, lamp: Light, *, squarings: int = 4) -> Array:
    """Return a highlight around the mirror direction: cosine to the power 2**squarings."""
    hx, hy, hz = lamp.half
    nx, ny, nz = surface.normal
    shine = np.clip(nx * hx + ny * hy + nz * hz, 0, 1)
    for _ in range(squarings):
        shine = shine * shine
    return shine


def cast_shadow(face: Surface, p: FaceParameters, towards: tuple[Array, Array, Array], nose_height: Array) -> Array:
    """Return the direct light (0..1) left by the nose, the brows and the lids; `towards` is in head coordinates."""
    lx, ly, lz = towards
    lz = np.maximum(lz, np.float32(0.35))
    x_step, y_step = lx / lz, ly / lz
    blocked = np.zeros_like(nose_height)
    for climb in (np.float32(0.045), np.float32(0.1)):
        higher = nose(p, face.x + x_step * climb, face.y + y_step * climb) - nose_height - climb
        blocked = np.maximum(blocked, smoothstep(-0.01, 0.05, higher))
    over = np.clip(y_step, 0, 1.2)
    eye = bump(np.abs(face.x) - EYE_X * p.eye_spacing + 0.04, face.y - EYE_Y - np.float32(0.06), 0.17, 0.09)
    return (1 - np.float32(0.7) * blocked) * (1 - np.float32(0.4) * over * eye)
