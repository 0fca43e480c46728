"""What surrounds the face: the background, neck and clothes, and glasses."""

import numpy as np

from ignm.data.faces.colours import Planes, hue_colour, paint, plane, skin_colour
from ignm.data.faces.fields import cover, noise, ridge, smoothstep
from ignm.data.faces.geometry import EYE_X, EYE_Y, HALF_WIDTH, Surface, View, rows_between
from ignm.data.faces.hair import Layer
from ignm.data.faces.names import CLASS_NAMES
from ignm.data.faces.parameters import Array, FaceParameters
from ignm.data.faces.shading import Light, lit

# Rows are backgrounds: how much each of slope, bokeh, blocks and horizon mixes the two colours; saturation.
_BACKGROUNDS = np.array(
    [
        [0.15, 0.0, 0.0, 0.0, 0.18],  # plain
        [0.9, 0.0, 0.0, 0.0, 0.3],  # gradient
        [0.25, 0.8, 0.0, 0.0, 0.5],  # bokeh
        [0.2, 0.15, 0.8, 0.0, 0.3],  # indoor
        [0.0, 0.3, 0.0, 1.0, 0.45],  # outdoor
    ],
    dtype=np.float32,
)
_OUTDOOR = CLASS_NAMES["background"].index("outdoor")
_CLEAR = CLASS_NAMES["glasses"].index("clear")
_SUNGLASSES = CLASS_NAMES["glasses"].index("sunglasses")


def draw_background(p: FaceParameters, size: int) -> Planes:
    """Return the blurred room, wall, lights or landscape behind the face."""
    slope, bokeh, blocks, horizon, colourful = np.moveaxis(_BACKGROUNDS[p.background], -1, 0)
    axis = ((np.arange(size, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / size) - 1).astype(np.float32)
    full = np.zeros((len(p), size, size), dtype=np.float32)
    u, v = full + axis[None, None, :], full - axis[None, :, None]
    angle = np.deg2rad(p.background_angle)
    ramp = (u * np.cos(angle) + v * np.sin(angle)) * np.float32(0.45)
    place = p.background_texture
    blobs = noise(u * np.float32(1.1), v * np.float32(1.1), place, smoothness=14)
    panel = u * (np.float32(1.2) + place) + place * 5
    steps = np.floor(panel)
    soft = smoothstep(0.42, 0.58, panel - steps)
    tone = np.sin(steps * np.float32(2.4)) + (np.sin((steps + 1) * np.float32(2.4)) - np.sin(steps * 2.4)) * soft
    shelf = smoothstep(-0.06, 0.06, v - (place - np.float32(0.5))) - np.float32(0.5)
    land = np.tanh((v - (np.float32(0.9) * place - np.float32(0.5)) + np.float32(0.12) * blobs) * np.float32(5))
    mix = slope * ramp + np.float32(0.45) * bokeh * blobs + blocks * (np.float32(0.35) * tone + np.float32(0.3) * shelf)
    mix = np.clip(
        np.float32(0.5) + p.background_contrast * np.float32(0.75) * (mix + np.float32(0.5) * horizon * land), 0, 1
    )
    outdoor = (p.background == _OUTDOOR).astype(np.float32)
    hue, bright = p.background_hue, p.background_brightness
    low_hue = hue + (np.float32(0.22) + np.float32(0.14) * hue - hue) * outdoor
    high_hue = hue + np.float32(0.05) + (np.float32(0.56) - hue) * outdoor
    low = hue_colour(low_hue, colourful, np.float32(0.15) + np.float32(0.6) * bright)
    high = hue_colour(high_hue, colourful * np.float32(0.6), np.float32(0.35) + np.float32(0.62) * bright)
    return low + (high - low) * mix


def draw_body(canvas: Planes, rays: View, p: FaceParameters, lamp: Light, curtain: Layer | None) -> None:
    """Paint neck, clothes and hair that hangs behind the face, back to front, in place."""
    if curtain:
        paint(canvas, curtain.colour, curtain.alpha)
    rows = rows_between(rays.upright_y, -9, -0.1)
    below = canvas[:, :, rows]
    # The neck follows the head only part of the way when it turns.
    x = (rays.upright_x - np.float32(0.25) * rays.dx)[:, rows]
    y = (rays.upright_y - np.float32(0.3) * rays.dy)[:, rows]
    half = (np.float32(0.41) + np.float32(0.05) * p.jaw) * p.face_width
    flare = half + np.float32(0.22) * smoothstep(-0.9, -1.35, y)
    neck = _cylinder(x, y, flare)
    under_chin = smoothstep(-1.4, -0.85, y)
    alpha = cover(flare - np.abs(x), rays.pixel) * cover(np.float32(-0.3) - y, rays.pixel)
    shade = 1 - np.float32(0.85) * under_chin
    paint(below, skin_colour(p) * lit(neck, lamp, shade, 1 - np.float32(0.6) * under_chin), alpha)

    shoulders = np.float32(-1.13) - np.float32(0.45) * np.maximum(np.abs(x) - half, 0)
    scoop = np.float32(-1.2) - np.float32(0.3) * p.neckline + np.abs(x) * np.float32(0.3) / half
    inside = np.minimum(shoulders - y, np.maximum(scoop - y, np.abs(x) - half * np.float32(1.05)))
    cloth = hue_colour(p.clothing_hue, np.float32(0.15) + np.float32(0.5) * p.neckline, p.clothing_shade)
    folds = 1 + np.float32(0.12) * noise(x * 3, y * 2, p.background_texture, smoothness=6)
    hem = 1 - np.float32(0.3) * ridge(inside - np.float32(0.05), 0.02)
    body = _cylinder(x, y, np.float32(1.6) + 0 * half)
    shine = lit(body, lamp, np.float32(0.85) * folds * hem, np.float32(1))
    paint(below, cloth * shine, cover(inside, rays.pixel * np.float32(1.5)))
    if curtain:
        in_front = smoothstep(0.9, 1.1, np.abs(x) / half) * cover(np.float32(-0.4) - y, rays.pixel)
        paint(below, curtain.colour[:, :, rows], curtain.alpha[:, rows] * in_front)


def draw_far_ears(canvas: Planes, rays: View, p: FaceParameters, lamp: Light, shown: Array) -> None:
    """Paint the ears that stand out from the head's outline; the head is laid over them."""
    x, y = rays.on_plane(np.float32(-0.08))
    side = HALF_WIDTH * p.face_width * np.float32(1.02)
    out = (np.abs(x) - side) / np.float32(0.105)
    up = (y + np.float32(0.1) + np.float32(0.0126) * out) / np.float32(0.2)
    radius = np.sqrt(out * out + up * up)
    nx = np.sign(x) * np.float32(0.55)
    ny = np.float32(0.3) * np.clip(up, -1, 1)
    ear = Surface(x, y, x, x, (nx, ny, np.sqrt(1 - nx * nx - ny * ny)), radius)
    fold = 1 - np.float32(0.4) * ridge(radius - np.float32(0.55), 0.22)
    colour = skin_colour(p) * plane((252, 222, 214)) * lit(ear, lamp, fold, fold)
    paint(canvas, colour, cover((1 - radius) * np.float32(0.12), rays.pixel) * shown)


def draw_glasses(canvas: Planes, rays: View, face: Surface, p: FaceParameters, lamp: Light) -> None:
    """Paint frames, lenses and temples; lenses stand in a plane before the eyes, so they shift when the head turns."""
    worn = (p.glasses > 0).astype(np.float32)
    if not worn.any():
        return
    x, y = rays.on_plane(np.float32(0.83))
    dark = (p.glasses == _SUNGLASSES).astype(np.float32)
    eye, level = EYE_X * p.eye_spacing, EYE_Y + p.eye_height - np.float32(0.015)
    half, high = np.float32(0.212) * p.frame_size, (np.float32(0.145) + np.float32(0.05) * p.frame_round) * p.frame_size
    across, up = np.abs(np.abs(x) - eye) / half, np.abs(y - level) / high
    ring = np.sqrt(across * across + up * up)
    box = np.maximum(across, up)
    rounded = np.float32(0.35) + np.float32(0.65) * p.frame_round
    inside = (1 - (box + (ring * np.float32(0.9) - box) * rounded)) * high
    thick = np.float32(0.014) + np.float32(0.014) * (1 - p.frame_shade) + np.float32(0.008) * dark
    rim = cover(thick - np.abs(inside), rays.pixel)
    bar = cover(np.minimum(thick - np.abs(y - level - np.float32(0.05)), eye - half - np.abs(x)), rays.pixel)
    temple = (
        cover(face.inside, rays.pixel)
        * smoothstep(0.0, 0.03, np.abs(face.x) - eye - half + np.float32(0.05))
        * smoothstep(-0.15, -0.1, face.z)
    )
    temple = temple * cover(thick - np.abs(face.y - level - np.float32(0.05)), rays.pixel)
    light = lamp.ambient + lamp.direct * np.float32(0.7)
    lens = cover(inside, rays.pixel)
    glint = np.float32(0.5) + np.float32(0.5) * np.sin((x * lamp.x + y * np.float32(1.2)) * 7)
    tint = (
        plane((22, 22, 26)) + (np.float32(0.02) + np.float32(0.10) * glint * smoothstep(-0.1, 0.2, y - level)) * light
    )
    paint(canvas, tint, lens * dark)
    clear = (p.glasses == _CLEAR).astype(np.float32)
    canvas += light * (np.float32(0.035) * glint * lens * clear)
    frame = plane((24, 20, 20)) + (plane((150, 96, 52)) - plane((24, 20, 20))) * p.frame_shade
    paint(canvas, frame * light + np.float32(0.01), np.clip(rim + bar + temple, 0, 1) * worn)


def _cylinder(x: Array, y: Array, half: Array) -> Surface:
    nx = np.clip(x / half, -0.97, 0.97)
    return Surface(x, y, x, nx, (nx, np.full_like(nx, -0.05), np.sqrt(1 - nx * nx)), nx)
