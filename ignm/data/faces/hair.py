"""Hair on the head (a shell above the skull and a curtain behind it) and on the face."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ignm.data.faces.colours import Planes, hair_colour, paint
from ignm.data.faces.fields import bump, cover, noise, ridge, smoothstep
from ignm.data.faces.geometry import HALF_DEPTH, HALF_WIDTH, MOUTH_Y, Surface, View, ellipsoid
from ignm.data.faces.parameters import Array, FaceParameters
from ignm.data.faces.shading import Light, gloss, lit

# One row for each hair style: shell thickness; height of the front hairline; height where the sides end; how far in
# they begin (share of the half width); how much the parting lifts the front; bottom of the curtain; strands across;
# curl 0..1; ragged edge; opacity.
_STYLES: NDArray[np.float32] = np.array(
    [
        [0.000, 0.62, 0.15, 0.80, 0.00, 2.0, 30, 0, 0.01, 0.0],  # bald
        [0.018, 0.58, -0.02, 0.78, 0.00, 2.0, 40, 1, 0.03, 0.78],  # buzz
        [0.075, 0.55, -0.08, 0.74, 0.04, 2.0, 15, 0, 0.07, 1.0],  # short
        [0.095, 0.52, -0.06, 0.74, 0.22, 2.0, 11, 0, 0.04, 1.0],  # parted
        [0.085, 0.27, -0.10, 0.72, 0.05, 2.0, 13, 0, 0.07, 1.0],  # fringe
        [0.110, 0.50, -1.60, 0.70, 0.22, -0.85, 10, 0, 0.03, 1.0],  # bob
        [0.095, 0.50, -2.20, 0.72, 0.25, -2.5, 10, 0, 0.03, 1.0],  # long
        [0.210, 0.52, -0.18, 0.72, 0.00, 2.0, 6, 1, 0.05, 1.0],  # curly
    ],
    dtype=np.float32,
)

# One row for each kind of facial hair: jaw, moustache, chin, opacity.
_BEARDS: NDArray[np.float32] = np.array(
    [[0, 0, 0, 0], [1, 1, 1, 0.42], [0, 1.3, 0, 1.0], [0.1, 1.2, 1.3, 0.97], [1.3, 1.3, 1.3, 1.0]], dtype=np.float32
)


@dataclass(frozen=True)
class Layer:
    """Something to lay over a picture: its colour in linear light and its coverage."""

    colour: Planes
    alpha: Array


@dataclass(frozen=True)
class Hair:
    """Hair of one chunk: the shell before the head, its lining behind the head, and the curtain that hangs (if any).

    `distance` is how far inside the hairline the shell is; `hides_ears` is 1 where the style falls over the ears.
    """

    shell: Layer
    lining: Layer
    curtain: Layer | None
    distance: Array
    hides_ears: Array


def draw_hair(rays: View, p: FaceParameters, lamp: Light) -> Hair:
    """Return the lit hair of the faces; `distance` > 0 lies under hair, in head units."""
    thick, front, sides, begin, lift, bottom, strands, curl, ragged, opacity = np.moveaxis(_STYLES[p.hair_style], -1, 0)
    thick = thick * p.hair_volume
    wide = HALF_WIDTH * p.face_width * (1 + thick)
    cap = ellipsoid(rays, wide, 1 + thick, HALF_DEPTH * (1 + thick), np.float32(0.02) + np.float32(0.35) * thick)
    locks = _strands(cap.x, cap.y, p, strands, curl)
    edge = _edge(cap, p, wide, front + p.hairline, sides, begin, lift)
    distance = cap.y - edge + ragged * locks
    outline = cover(
        cap.inside + thick * (np.float32(0.12) * curl * locks - np.float32(0.12)), rays.pixel + thick * np.float32(0.2)
    )
    outline *= opacity
    inner = outline * cover(cap.y - np.maximum(sides, 0) - np.float32(0.05), rays.pixel + np.float32(0.1))
    colour = _lit(cap, p, lamp, locks, np.float32(1))
    long_hair = sides < -1
    return Hair(
        shell=Layer(colour, outline * cover(distance, rays.pixel + np.float32(0.03))),
        lining=Layer(colour * np.float32(0.6), inner),
        curtain=_curtain(rays, p, lamp, wide, bottom, strands) if long_hair.any() else None,
        distance=distance * (opacity > 0),
        hides_ears=long_hair.astype(np.float32),
    )


def _curtain(rays: View, p: FaceParameters, lamp: Light, wide: Array, bottom: Array, strands: Array) -> Layer:
    """Return the hair that hangs behind the face, down to `bottom`."""
    x, y = rays.on_plane(np.float32(-0.2))
    locks = _strands(x, y, p, strands, np.float32(0) * strands)
    below = np.maximum(-y, 0)
    half: Array = wide * (np.float32(0.97) + (np.float32(0.06) + np.float32(0.14) * p.hair_wave) * below)
    half *= np.sqrt(np.clip(1 - (np.maximum(y, 0) / np.float32(0.95)) ** 2, 0, 1))
    half += np.float32(0.05) * p.hair_wave * np.sin(y * np.float32(9) + p.hair_texture * 6)
    room = np.minimum(half - np.abs(x), y - bottom + np.float32(0.06) * locks)
    alpha = cover(room + np.float32(0.012) * locks, rays.pixel + np.float32(0.02))
    hang = Surface(x, y, x, x, _round_normal((x / np.maximum(half, np.float32(0.1))).astype(np.float32)), room)
    shadow = np.float32(0.45) + np.float32(0.55) * smoothstep(np.float32(0.55) * wide, wide, np.abs(x))
    return Layer(_lit(hang, p, lamp, locks, shadow), alpha)


def _strands(x: Array, y: Array, p: FaceParameters, strands: Array, curl: Array) -> Array:
    """Noise along strands that fan out from the parting, or tufts where the hair is curly."""
    fan = (x - np.float32(0.6) * p.hair_part) / (np.float32(1.55) - np.minimum(y, 1.2))
    wave = np.float32(0.03) * p.hair_wave * np.sin(y * np.float32(10) + p.hair_texture * 6)
    across = (fan + wave) * strands * (1 - curl) + x * strands * curl
    along = y * (np.float32(1.3) * (1 - curl) + strands * curl)
    return noise(across, along, p.hair_texture) + np.float32(0.4) * noise(across * 3, along * 1.5, p.grain_seed)


def _edge(cap: Surface, p: FaceParameters, wide: Array, front: Array, sides: Array, begin: Array, lift: Array) -> Array:
    """Return the height above which the shell bears hair: the hairline, falling to where the sides end."""
    across = np.abs(cap.x) / (wide * np.sqrt(np.maximum(1 - cap.y * cap.y * np.float32(0.6), np.float32(0.2))))
    across = np.where(cap.z < 0, 2 - np.minimum(across, 1), across)
    from_part = np.abs(cap.x - p.hair_part)
    hairline = front + lift * (np.float32(0.55) - np.float32(1.9) * from_part * from_part)
    back = smoothstep(1.05, 1.3, across)
    # Thick hair stands further out: anchor the hairline to the skull beneath.
    begin = begin * HALF_WIDTH * p.face_width / wide
    drop = smoothstep(begin, begin + np.float32(0.24), across)
    return hairline + (sides - np.float32(0.6) * back - hairline) * drop


def _round_normal(side: Array) -> tuple[Array, Array, Array]:
    """Return the normals of an upright cylinder from the sideways share of its half width."""
    nx = np.clip(side, -0.95, 0.95)
    return nx, np.zeros_like(nx), np.sqrt(1 - nx * nx)


def _lit(surface: Surface, p: FaceParameters, lamp: Light, locks: Array, shadow: Array | np.float32) -> Planes:
    value = np.clip(1 + np.float32(0.28) * locks, 0.35, 1.9)
    shine = gloss(surface, lamp, squarings=3) * np.clip(np.float32(0.5) + np.float32(0.5) * locks, 0, 2)
    colour = hair_colour(p)
    body = lit(surface, lamp, shadow * value, shadow * value)
    body *= colour
    body += (colour * np.float32(0.5) + np.float32(0.03)) * lamp.direct * (shine * shadow)
    return body


def paint_beard(colour: Planes, face: Surface, p: FaceParameters) -> None:
    """Paint the facial hair onto the face's colour, before lips are laid over it."""
    if not p.facial_hair.any():
        return
    jaw, lip, chin, opacity = np.moveaxis(_BEARDS[p.facial_hair], -1, 0)
    out, y, mouth = np.abs(face.x), face.y, MOUTH_Y + p.mouth_height
    hairs = noise(face.x * 42, y * 26, p.hair_texture, smoothness=1)
    line = np.minimum(np.float32(-0.47) + np.float32(0.95) * np.maximum(out - np.float32(0.26), 0), np.float32(-0.22))
    soft = np.float32(0.02) * hairs
    cheeks = np.maximum(smoothstep(0.2, 0.32, out), smoothstep(0.1, 0.16, mouth - y))
    cheeks *= smoothstep(-0.1, 0.1, line - y + soft)
    droop = (y - mouth - np.float32(0.095) + np.float32(0.25) * out).astype(np.float32)
    moustache = smoothstep(0.3, 0.24, out) * ridge(droop, 0.055)
    tuft = bump(face.x, y - mouth + np.float32(0.3), 0.22, 0.17) * smoothstep(0.09, 0.14, mouth - y)
    ring = bump(out - np.float32(0.27), y - mouth, 0.05, 0.14)
    grown = np.maximum(cheeks * jaw, np.maximum(moustache * lip, np.maximum(tuft, np.float32(0.8) * ring) * chin))
    # The subtraction ends the hills' endless tails.
    grown = np.clip(grown - np.float32(0.01), 0, 1) * (np.float32(1.1) + np.float32(0.12) * hairs)
    alpha = np.clip(grown, 0, 1) * opacity * p.beard_density
    # Short hair is mostly its own shadow: it never lightens the skin.
    dense = np.minimum(opacity, np.float32(0.9))
    tone = hair_colour(p) * np.clip(1 + np.float32(0.22) * hairs, 0.4, 1.8)
    paint(colour, np.where(dense < 0.5, np.minimum(tone, colour * np.float32(0.5)), tone), alpha)
