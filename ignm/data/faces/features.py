"""Eyes, brows, nostrils, mouth and ears painted onto the face's colour, in head coordinates."""

from dataclasses import dataclass

import numpy as np

from ignm.data.faces.colours import Planes, hair_colour, iris_colour, paint, plane, skin_colour
from ignm.data.faces.fields import bump, cover, noise, ridge, smoothstep
from ignm.data.faces.geometry import EYE_X, EYE_Y, MOUTH_Y, Surface, View, nose_tip, rows_between
from ignm.data.faces.hair import paint_beard
from ignm.data.faces.parameters import Array, FaceParameters

_EYE_HALF_WIDTH = np.float32(0.152)
_IRIS_RADIUS, _PUPIL_RADIUS = np.float32(0.45), np.float32(0.19)


@dataclass(frozen=True)
class Paint:
    """The face's colour (3, n, height, width), and where it shines: wet (eyes, lips) and eye highlights, 0..1."""

    colour: Planes
    wet: Array
    highlight: Array


def paint_face(rays: View, face: Surface, p: FaceParameters, light: tuple[Array, Array, Array]) -> Paint:
    """Return the colour of the skin with all features; `light` is the direction to the light in head coordinates."""
    colour = _skin(face, p)
    wet, highlight = np.zeros_like(face.x), np.zeros_like(face.x)
    _ear(colour, face, rays.pixel)
    low = rows_between(face.y, -2, -0.05)
    _nostrils(colour[:, :, low], face.rows(low), p)
    paint_beard(colour[:, :, low], face.rows(low), p)
    wet[:, low] = np.float32(0.5) * _mouth(colour[:, :, low], face.rows(low), p, rays.pixel)
    middle = rows_between(face.y, -0.5, 0.5)
    eyes, highlight[:, middle] = _eyes(colour[:, :, middle], face.rows(middle), p, rays.pixel, light)
    wet[:, middle] += np.float32(0.4) * eyes
    _brows(colour[:, :, middle], face.rows(middle), p, rays.pixel)
    return Paint(colour, wet, highlight)


def _skin(face: Surface, p: FaceParameters) -> Planes:
    x, y, out = face.x, face.y, np.abs(face.x)
    eye = EYE_X * p.eye_spacing
    old = np.clip((p.age - 25) / 50, 0, 1)
    cheeks = bump(out - np.float32(0.36), y + np.float32(0.27), 0.19, 0.15)
    tip = bump(x, y - nose_tip(p), 0.12, 0.1)
    red = p.blush * (np.float32(0.16) * cheeks + np.float32(0.12) * tip)
    mottle = noise(x * 3, y * 3, p.grain_seed, smoothness=6)
    freckles = (
        p.freckles
        * np.clip(noise(x * 16, y * 16, p.hair_texture) - 1, 0, 1)
        * bump(out - np.float32(0.2), y + np.float32(0.2), 0.4, 0.2)
    )
    socket = bump(out - eye + np.float32(0.04), y - np.float32(0.05), 0.18, 0.1)
    bags = (np.float32(0.08) + np.float32(0.14) * old) * bump(
        out - eye + np.float32(0.02), y + np.float32(0.09), 0.13, 0.045
    )
    hollow = bump(out - np.float32(0.16), y - np.float32(0.02) + np.float32(0.14), 0.06, 0.16)
    lip_shade = np.float32(0.12) * bump(x, y - MOUTH_Y - p.mouth_height + np.float32(0.15), 0.15, 0.04)
    dark = np.float32(0.2) * socket + np.float32(0.12) * hollow + bags + lip_shade + np.float32(0.25) * freckles
    value = (1 + np.float32(0.03) * mottle) * (1 - dark)
    tint = np.stack([value * (1 + np.float32(0.15) * red), value * (1 - 1.6 * red), value * (1 - 1.4 * red)])
    return tint * skin_colour(p)


def _nostrils(colour: Planes, face: Surface, p: FaceParameters) -> None:
    x, y = np.abs(face.x), face.y - nose_tip(p)
    holes = bump(x - np.float32(0.06) * p.nose_width, y + np.float32(0.062), np.float32(0.036) * p.nose_width, 0.02)
    shade = bump(face.x, y + np.float32(0.075), np.float32(0.12) * p.nose_width, 0.03)
    crease = bump(x - np.float32(0.145) * p.nose_width, y + np.float32(0.03), 0.022, 0.05)
    dark = np.float32(0.68) * holes + np.float32(0.12) * shade + np.float32(0.25) * crease
    paint(colour, skin_colour(p) * plane((150, 90, 84)), np.clip(dark, 0, 0.9))


def _ear(colour: Planes, face: Surface, pixel: Array) -> None:
    """The near ear of a turned head, on the head's side."""
    along, up = (face.z + np.float32(0.13)) / np.float32(0.13), (face.y + np.float32(0.1)) / np.float32(0.2)
    radius = np.sqrt(along * along + up * up)
    side = smoothstep(0.85, 0.95, np.abs(face.side))
    rim = cover((1 - radius) * np.float32(0.13), pixel) * side
    colour *= 1 - np.float32(0.35) * side * ridge(radius - np.float32(1.1), 0.22)
    paint(colour, colour * plane((250, 215, 208)), rim)
    colour *= 1 - np.float32(0.45) * rim * bump(along + np.float32(0.1), up, 0.45, 0.55)


def _eyes(
    colour: Planes, face: Surface, p: FaceParameters, pixel: Array, light: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    """Paint both eyes; return their coverage and the highlight's."""
    half = _EYE_HALF_WIDTH * p.eye_size
    outward = np.abs(face.x) - EYE_X * p.eye_spacing
    ex = outward / half
    ey = (face.y - EYE_Y - p.eye_height - p.eye_tilt * outward) / half
    px = pixel / half
    arch = 1 - ex * ex
    upper = np.float32(0.68) * p.eye_open * arch * (1 - np.float32(0.12) * ex)
    lower = (np.float32(-0.20) - np.float32(0.16) * p.eye_open + np.float32(0.12) * np.maximum(p.smile, 0)) * arch
    lower = np.minimum(lower, upper)
    inside = cover(np.minimum(upper - ey, ey - lower), px * np.float32(1.2)) * smoothstep(0.0, 0.08, arch)
    near = smoothstep(-0.25, 0.15, arch)
    lid = ey - upper
    colour *= 1 - np.float32(0.3) * near * ridge(lid - np.float32(0.27), 0.12)
    colour *= 1 - np.float32(0.12) * near * ridge(ey - lower + np.float32(0.12), 0.12)

    side = np.sign(face.x)
    iris_x = ex - side * (p.gaze_x - np.float32(0.5)) * np.float32(0.9)
    iris_y = ey - np.float32(0.14) - (p.gaze_y - np.float32(0.5)) * np.float32(0.6)
    radius = np.sqrt(iris_x * iris_x + iris_y * iris_y)
    white = np.clip(np.float32(1.0) - np.float32(0.45) * smoothstep(-0.35, 0, lid) - np.float32(0.25) * ex * ex, 0.3, 1)
    paint(colour, plane((220, 212, 207)) * white * (1 - np.float32(0.3) * p.skin_tone), inside)
    iris = cover(_IRIS_RADIUS - radius, px) * inside
    glow = np.clip(np.float32(1.1) - iris_y * np.float32(1.3), 0.5, 1.6) * (1 - 0.55 * smoothstep(0.28, 0.46, radius))
    paint(colour, iris_colour(p) * glow, iris)
    paint(colour, plane((14, 11, 12)), cover(_PUPIL_RADIUS - radius, px) * inside)

    lash = np.float32(0.085) + np.float32(0.09) * np.clip(ex, 0, 1) + np.float32(0.05) * p.lip_red
    line = cover(lash - np.abs(lid - np.float32(0.02)), px * 1.3) * smoothstep(-0.12, 0.05, arch)
    paint(colour, plane((38, 24, 22)), np.float32(0.85) * line)
    rim = cover(np.float32(0.06) - np.abs(ey - lower), px * 1.3) * smoothstep(0.0, 0.2, arch)
    paint(colour, plane((120, 66, 58)), np.float32(0.4) * rim)
    spot_x, spot_y = iris_x - side * light[0] * np.float32(0.25), iris_y - light[1] * np.float32(0.28)
    spot = cover(np.float32(0.14) - np.sqrt(spot_x * spot_x + spot_y * spot_y), px) * inside
    return inside * (1 - line), spot


def _brows(colour: Planes, face: Surface, p: FaceParameters, pixel: Array) -> None:
    along = (np.abs(face.x) - EYE_X * p.eye_spacing) / np.float32(0.2)
    inner = np.clip(np.float32(0.2) - along, 0, 1.3)
    drop = np.float32(0.06) * np.maximum(-p.smile, 0) - np.float32(0.085) * p.brow_furrow
    height = (
        EYE_Y + np.float32(0.195) + p.eye_height + np.float32(0.055) * p.brow_raise
        + np.float32(0.045) * p.brow_arch * (1 - (along - np.float32(0.35)) ** 2) + drop * inner
    )  # fmt: skip
    taper = np.clip(np.float32(1.05) - np.float32(0.5) * along, 0.25, 1.1)
    hairs = noise(along * 6 + face.y * 10, face.y * 14, p.hair_texture)
    inside = np.float32(0.036) * p.brow_thickness * taper - np.abs(face.y - height)
    ends = smoothstep(-1.05, -0.75, along) * (1 - smoothstep(0.95, 1.2, along))
    alpha = cover(inside + np.float32(0.004) * hairs, pixel + np.float32(0.03)) * ends
    paint(colour, np.float32(0.75) * hair_colour(p) + np.float32(0.012), np.float32(0.85) * alpha)


def _mouth(colour: Planes, face: Surface, p: FaceParameters, pixel: Array) -> Array:
    """Paint lips, the gap between them and teeth; return the lips' coverage."""
    smile, middle = np.maximum(p.smile, 0), MOUTH_Y + p.mouth_height
    round_open = p.mouth_open * (1 - smile)
    half = np.float32(0.235) * p.mouth_width * (1 + np.float32(0.28) * smile - np.float32(0.3) * round_open)
    along = face.x / half
    arch = np.maximum(1 - along * along, 0)
    curve = middle + np.float32(0.085) * p.smile * (along * along - np.float32(0.45))
    gap = p.mouth_open * (np.float32(0.12) + np.float32(0.05) * round_open) * arch ** np.float32(0.75)
    roof, floor = curve + np.float32(0.35) * gap, curve - np.float32(0.65) * gap
    full = p.lip_fullness * (1 - np.float32(0.2) * smile)
    bow = 1 - np.float32(0.25) * ridge(along, 0.17)
    top = roof + np.float32(0.044) * full * bow * np.sqrt(arch)
    bottom = floor - np.float32(0.066) * full * np.sqrt(arch) * (np.float32(0.6) + np.float32(0.4) * arch)
    y = face.y
    within = (arch > 0).astype(np.float32)
    lips = cover(np.minimum(top - y, y - bottom), pixel * 1.3 + np.float32(0.01)) * within
    natural = skin_colour(p) * plane((242, 172, 168))
    red = natural + (plane((178, 42, 56)) - natural) * (p.lip_red * np.float32(0.9))
    paint(colour, red * (1 - np.float32(0.22) * smoothstep(-0.01, 0.02, y - curve)), np.float32(0.85) * lips)
    seam = ridge(y - curve, np.float32(0.011) + np.float32(0.5) * pixel) * smoothstep(-0.1, 0.12, 1 - along * along)
    paint(colour, natural * np.float32(0.16), np.float32(0.75) * seam * (1 - np.clip(p.mouth_open * 6, 0, 1)))
    opened = cover(np.minimum(roof - y, y - floor), pixel) * within * np.clip(p.mouth_open * 8, 0, 1)
    depth = np.clip((roof - y) / np.float32(0.12), 0, 1)
    paint(colour, plane((92, 26, 28)) * (np.float32(0.35) + depth), opened)
    teeth = opened * np.clip(p.teeth * 1.6, 0, 1) * cover(y - roof + np.float32(0.062), pixel + np.float32(0.012))
    shade = np.clip(np.float32(1.05) - np.float32(0.55) * along * along, 0.3, 1)
    paint(colour, plane((236, 230, 218)) * shade, teeth)
    corner = bump(np.abs(face.x) - half, y - curve, 0.025, 0.02)
    colour *= 1 - np.float32(0.35) * corner
    return lips * (1 - opened)
