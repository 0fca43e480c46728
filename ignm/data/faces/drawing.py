"""Faces from parameters to pixels: the order of painting, then the camera."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ignm.data.faces.colours import Planes, luminance, paint
from ignm.data.faces.features import paint_face
from ignm.data.faces.fields import cover, noise, smoothstep
from ignm.data.faces.geometry import Surface, View, head, nose, relief, tilt, view
from ignm.data.faces.hair import Hair, draw_hair
from ignm.data.faces.names import CLASS_NAMES, CONTINUOUS_NAMES
from ignm.data.faces.parameters import Array, FaceParameters, sample_parameters
from ignm.data.faces.scene import draw_background, draw_body, draw_far_ears, draw_glasses
from ignm.data.faces.shading import Light, cast_shadow, gloss, light, lit
from ignm.errors import IgnmError

RESOLUTIONS = range(16, 257)
# Up to this resolution every output pixel is the mean of 2 x 2 rendered ones; above, soft edges are enough.
_SUPERSAMPLED = 96
# Rendered pixels held at a time: small enough for the processor's cache, and the bound on memory.
_CHUNK_PIXELS = 1 << 15
_SHOULDER = np.float32(0.75)


@dataclass(frozen=True)
class Faces:
    """N drawn faces: `images` uint8 (N, R, R, 3) RGB, `classes` int64 (N,) each, `continuous` float32 (N, K)."""

    images: NDArray[np.uint8]
    classes: dict[str, NDArray[np.int64]]
    continuous: NDArray[np.float32]


def draw_faces(count: int, resolution: int, *, seed: int = 0, start: int = 0) -> Faces:
    """Draw faces start..start+count-1 of population `seed`, each the same whatever is drawn beside it.

    `classes` follow `CLASS_NAMES`; the columns of `continuous` are `CONTINUOUS_NAMES` in the units that
    `FaceParameters` gives. `resolution` is 16 to 256 pixels; the same face keeps its looks at all of them. Pixels are
    the same at every call on one processor; another kind may round a few of a million to the neighbouring value.

    Raises IgnmError for a count, seed or start below 0 and a resolution out of range.
    """
    _check(resolution)
    parameters = sample_parameters(count, seed, start)
    return Faces(
        images=render(parameters, resolution),
        classes={name: getattr(parameters, name) for name in CLASS_NAMES},
        continuous=np.stack([getattr(parameters, name) for name in CONTINUOUS_NAMES], axis=-1),
    )


def render(parameters: FaceParameters, resolution: int, *, chunk_pixels: int = _CHUNK_PIXELS) -> NDArray[np.uint8]:
    """Draw the faces that `parameters` describe: uint8 (N, resolution, resolution, 3), RGB.

    `chunk_pixels` bounds the memory and does not change the pictures. Raises IgnmError for a resolution out of range.
    """
    _check(resolution)
    finer = 2 if resolution <= _SUPERSAMPLED else 1
    size = resolution * finer
    step = max(1, chunk_pixels // (size * size))
    images = np.empty((len(parameters), resolution, resolution, 3), dtype=np.uint8)
    # Faces of a kind are drawn together, so that what none of them wears is skipped.
    order = np.lexsort((parameters.facial_hair > 0, parameters.glasses > 0, parameters.hair_style))
    for first in range(0, len(parameters), step):
        chosen = order[first : first + step]
        p = parameters.columns(chosen)
        scene = _scene(p, size)
        if finer == 2:
            scene = np.float32(0.25) * (
                scene[:, :, ::2, ::2] + scene[:, :, 1::2, ::2] + scene[:, :, ::2, 1::2] + scene[:, :, 1::2, 1::2]
            )
        images[chosen] = _photograph(scene, p)
    return images


def _check(resolution: int) -> None:
    if isinstance(resolution, bool) or not isinstance(resolution, int | np.integer) or resolution not in RESOLUTIONS:
        raise IgnmError(
            f"embedded faces cannot be drawn at resolution {resolution!r}; "
            f"choose a whole number from {RESOLUTIONS[0]} to {RESOLUTIONS[-1]}"
        )


def _scene(p: FaceParameters, size: int) -> Planes:
    """Return the linear light (3, n, size, size) of the whole scene, painted back to front."""
    rays, lamp = view(p, size), light(p)
    face = head(rays, p)
    hair = draw_hair(rays, p, lamp)
    canvas = draw_background(p, size)
    draw_body(canvas, rays, p, lamp, hair.curtain)
    draw_far_ears(canvas, rays, p, lamp, 1 - hair.hides_ears)
    paint(canvas, hair.lining.colour, hair.lining.alpha)
    paint(canvas, _face(rays, face, p, lamp, hair), cover(face.inside, rays.pixel))
    draw_glasses(canvas, rays, face, p, lamp)
    paint(canvas, hair.shell.colour, hair.shell.alpha)
    return canvas


def _face(rays: View, face: Surface, p: FaceParameters, lamp: Light, hair: Hair) -> Planes:
    """Return the lit face with all its features."""
    towards = rays.to_head(lamp.x, lamp.y, lamp.z)
    painted = paint_face(rays, face, p, towards)
    nose_height = nose(p, face.x, face.y)
    shaped = tilt(face, relief(p, face.x, face.y, nose_height), rays.pixel)
    shade = cast_shadow(face, p, towards, nose_height)
    under_hair = 1 - np.float32(0.4) * smoothstep(-0.13, 0.02, hair.distance) * (hair.distance != 0)
    rim = np.float32(0.65) + np.float32(0.35) * np.clip(face.normal[2] * 2, 0, 1)
    glow = lit(shaped, lamp, shade * under_hair, under_hair * rim, skin=True)
    shine = gloss(shaped, lamp) * shade * under_hair
    strength = np.float32(0.06) + np.float32(0.35) * painted.wet * shine
    return painted.colour * glow + lamp.direct * (strength * shine + np.float32(0.75) * painted.highlight * shade)


def _photograph(scene: Planes, p: FaceParameters) -> NDArray[np.uint8]:
    """Blur, expose and develop linear light (3, n, size, size), add grain and quantise to (n, size, size, 3)."""
    size = scene.shape[-1]
    scene = _blur(scene, (p.blur * size) ** 2, size)
    display = np.maximum(scene * p.exposure, 0) ** np.float32(1 / 2.2)
    # Film's shoulder: what is brighter than 0.75 approaches white instead of clipping.
    over = np.maximum(display - _SHOULDER, 0)
    display += (1 - _SHOULDER) * np.tanh(over / (1 - _SHOULDER)) - over
    display = np.float32(0.5) + (display - np.float32(0.5)) * p.contrast
    grey = luminance(display)
    display = grey + (display - grey) * p.saturation
    row, column = (np.broadcast_to(g.astype(np.float32), grey.shape) for g in np.ogrid[:1, :size, :size][1:])
    for channel in range(3):
        place = (p.grain_seed + np.float32(0.17 * channel)) % 1
        display[channel] += p.grain * noise(column, row, place, smoothness=0)
    return np.moveaxis((np.clip(display, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8), 0, -1)


def _blur(scene: Planes, variance: Array, size: int) -> Planes:
    """Blur by small binomial steps until the variance (square pixels) is reached."""
    steps = int(np.ceil((0.011 * size) ** 2 / 0.5))
    weight = np.minimum(variance / (2 * steps), np.float32(0.25))
    for _ in range(steps):
        for axis in (2, 3):
            padded = np.pad(scene, [(1, 1) if a == axis else (0, 0) for a in range(4)], mode="edge")
            before, after = (np.take(padded, range(i, i + size), axis=axis) for i in (0, 2))
            scene = scene + weight * (before + after - 2 * scene)
    return scene
