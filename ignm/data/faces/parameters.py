"""What decides one face: every attribute as an array, and how a population of faces is sampled."""

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ignm.data.faces.names import CLASS_NAMES
from ignm.errors import IgnmError

Array: TypeAlias = NDArray[np.float32]
Labels: TypeAlias = NDArray[np.int64]
Uniforms: TypeAlias = NDArray[np.float64]

# Uniform numbers reserved for each face; a multiple of 4, because Philox yields four to a counter step.
_DRAWS_PER_FACE = 128


@dataclass(frozen=True)
class FaceParameters:
    """Everything that decides N faces; each field is an array of shape (N,).

    Classes (int64) index `CLASS_NAMES`. Of the continuous fields (float32), angles are degrees: `yaw` > 0 turns the
    face to the picture's right, `pitch` > 0 up, `roll` > 0 anticlockwise; `light_azimuth` is 0 from the camera and
    > 0 from the picture's right, `light_elevation` > 0 from above, `background_angle` is the gradient's direction.
    `age` is years. `scale` is half the head's height, and `centre_x`, `centre_y` (upwards) its place, in half
    pictures. `blur` is a standard deviation in pictures, `grain` one in display values of 0..1; `light_intensity`,
    `ambient`, `exposure`, `contrast` and `saturation` are factors around 1. `skin_tone` is 0 (light) to 1 (dark),
    `light_warmth` -1 (blue) to 1 (orange), `smile` -1 to 1, `mouth_open`, `eye_open`, `teeth`, `blush`, `freckles`,
    `lip_red`, `beard_density`, `frame_round`, the hues, the textures and `grain_seed` 0 to 1. All others are relative
    to a common face: 0, or 1 where they multiply a size.
    """

    hair_style: Labels
    hair_colour: Labels
    eye_colour: Labels
    facial_hair: Labels
    glasses: Labels
    expression: Labels
    background: Labels
    skin_tone: Array
    undertone: Array
    age: Array
    blush: Array
    freckles: Array
    face_width: Array
    jaw: Array
    chin: Array
    eye_spacing: Array
    eye_size: Array
    eye_height: Array
    eye_tilt: Array
    eye_open: Array
    gaze_x: Array
    gaze_y: Array
    brow_thickness: Array
    brow_raise: Array
    brow_arch: Array
    brow_furrow: Array
    nose_length: Array
    nose_width: Array
    nose_height: Array
    mouth_width: Array
    mouth_height: Array
    lip_fullness: Array
    lip_red: Array
    smile: Array
    mouth_open: Array
    teeth: Array
    hair_volume: Array
    hairline: Array
    hair_part: Array
    hair_wave: Array
    hair_shade: Array
    hair_texture: Array
    beard_density: Array
    frame_size: Array
    frame_shade: Array
    frame_round: Array
    background_hue: Array
    background_contrast: Array
    background_brightness: Array
    background_angle: Array
    background_texture: Array
    clothing_hue: Array
    clothing_shade: Array
    neckline: Array
    light_azimuth: Array
    light_elevation: Array
    light_intensity: Array
    light_warmth: Array
    ambient: Array
    yaw: Array
    pitch: Array
    roll: Array
    scale: Array
    centre_x: Array
    centre_y: Array
    exposure: Array
    contrast: Array
    saturation: Array
    blur: Array
    grain: Array
    grain_seed: Array

    def __post_init__(self) -> None:
        count = len(self)
        for field in fields(self):
            values = getattr(self, field.name)
            if values.shape[:1] != (count,):
                raise IgnmError(f"face parameter {field.name!r} has shape {values.shape}; all must have {count} rows")
            names = CLASS_NAMES.get(field.name)
            if names and count and not (values.min() >= 0 and values.max() < len(names)):
                raise IgnmError(f"face parameter {field.name!r} must hold class indices 0 to {len(names) - 1}")

    def __len__(self) -> int:
        return len(self.yaw)

    def columns(self, chosen: NDArray[np.int64]) -> "FaceParameters":
        """Return the chosen faces with every field as (n, 1, 1), which broadcasts over pictures."""
        cut: dict[str, Any] = {f.name: getattr(self, f.name)[chosen].reshape(-1, 1, 1) for f in fields(self)}
        return FaceParameters(**cut)


class _Draws:
    """Hands out one column of uniform numbers after another; face i's row depends on (seed, i) alone."""

    def __init__(self, count: int, seed: int, start: int) -> None:
        bits = np.random.Philox(seed)
        bits.advance(start * (_DRAWS_PER_FACE // 4))
        self._table = np.random.Generator(bits).random((count, _DRAWS_PER_FACE))
        self._next = 0

    def uniform(self, low: float = 0.0, high: float = 1.0) -> Uniforms:
        column = self._table[:, self._next]
        self._next += 1
        return low + (high - low) * column

    def normal(self, mean: Any = 0.0, deviation: Any = 1.0, bound: float = 2.5) -> Uniforms:
        """Normal numbers, clipped at `bound` standard deviations so that no face is a monster."""
        return mean + deviation * np.clip(ndtri(self.uniform(1e-9, 1 - 1e-9)), -bound, bound)

    def choice(self, weights: NDArray[np.float64]) -> Labels:
        """Classes drawn with (unnormalised) weights, a row each face or one row for all."""
        edges = np.cumsum(np.broadcast_to(weights, (len(self._table), np.shape(weights)[-1])), axis=-1)
        return (self.uniform()[:, None] * edges[:, -1:] >= edges[:, :-1]).sum(axis=-1).astype(np.int64)


# Rows are expressions: smile, mouth_open, brow_raise, brow_furrow, eye_open, teeth.
_EXPRESSIONS = np.array(
    [
        [0.05, 0.02, 0.0, 0.0, 0.78, 0.0],
        [0.65, 0.05, 0.1, 0.0, 0.70, 0.2],
        [0.90, 0.50, 0.15, 0.0, 0.58, 0.9],
        [-0.6, 0.02, 0.15, 0.0, 0.64, 0.0],
        [-0.05, 0.75, 0.95, 0.0, 1.0, 0.25],
        [-0.45, 0.12, -0.55, 1.0, 0.68, 0.3],
    ]
)


def sample_parameters(count: int, seed: int = 0, start: int = 0) -> FaceParameters:
    """Sample faces start..start+count-1 of the endless population `seed`.

    Attributes are correlated as they are in people: hair style, jaw, brows and lips share a hidden trait, age greys
    hair and deepens folds, skin tone goes with hair and eye colour, expressions move mouth, lids and brows together.

    Raises IgnmError if count, seed or start is not a whole number or is negative.
    """
    for name, value in (("count", count), ("seed", seed), ("start", start)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 0:
            raise IgnmError(f"{name} of the embedded faces must be a whole number of 0 or more, not {value!r}")
    draws = _Draws(int(count), int(seed), int(start))
    values: dict[str, Any] = {}
    tone = draws.uniform() ** 1.25
    age = 18 + 58 * draws.uniform() ** 1.5
    # A hidden trait between soft (0) and rugged (1) features; only its effects are kept.
    rugged = np.clip(0.5 + 0.42 * np.sign(draws.uniform(-1, 1)) + 0.16 * draws.normal(), 0, 1)
    values |= {"skin_tone": tone, "age": age, "undertone": draws.normal(0, 0.5)}
    values |= _sample_head(draws, tone, age, rugged)
    values |= _sample_expression(draws)
    values |= _sample_hair(draws, tone, age, rugged)
    values |= _sample_scene(draws)
    values |= _sample_view(draws, tone)
    return FaceParameters(**{k: v if k in CLASS_NAMES else v.astype(np.float32) for k, v in values.items()})


def _sample_head(draws: _Draws, tone: Uniforms, age: Uniforms, rugged: Uniforms) -> dict[str, Any]:
    brown, dark = 0.25 + 3 * tone, 0.9 * (1 - tone) ** 2
    iris = np.stack([brown, 0.3 + 0 * tone, 0.35 * dark, 0.9 * dark, 0.3 * dark], axis=-1)
    made_up = draws.uniform() < 0.55 * (1 - rugged)
    return {
        "eye_colour": draws.choice(iris),
        "blush": np.clip(draws.normal(0.45, 0.22), 0, 1),
        "freckles": np.clip(draws.normal(-0.2, 0.5) * (1 - tone), 0, 1),
        "face_width": draws.normal(1, 0.045),
        "jaw": 1.5 * rugged - 0.75 + draws.normal(0, 0.35),
        "chin": draws.normal(0, 0.5) + 0.3 * rugged,
        "eye_spacing": draws.normal(1, 0.04),
        "eye_size": draws.normal(1.06 - 0.1 * rugged, 0.07),
        "eye_height": draws.normal(0, 0.025),
        "eye_tilt": draws.normal(0.05, 0.07),
        "brow_thickness": draws.normal(0.75 + 0.55 * rugged, 0.2),
        "brow_arch": draws.normal(0.9 - 0.5 * rugged, 0.25),
        "nose_length": draws.normal(1, 0.07),
        "nose_width": draws.normal(0.92 + 0.14 * rugged + 0.22 * tone, 0.09),
        "nose_height": draws.normal(1 - 0.15 * tone, 0.13),
        "mouth_width": draws.normal(1 + 0.04 * rugged, 0.08),
        "mouth_height": draws.normal(0, 0.02),
        "lip_fullness": draws.normal(1.1 - 0.25 * rugged + 0.35 * tone - 0.005 * (age - 18), 0.15),
        "lip_red": np.clip(draws.normal(0.2, 0.1) + made_up * draws.uniform(0.1, 0.75), 0, 1),
        "glasses": draws.choice(np.stack([3 + 0 * age, 0.5 + 0.014 * age, 0.32 + 0 * age], axis=-1)),
        "frame_size": draws.normal(1, 0.09),
        "frame_shade": draws.uniform() ** 2,
        "frame_round": draws.uniform(),
    }


def _sample_expression(draws: _Draws) -> dict[str, Any]:
    expression = draws.choice(np.array([0.30, 0.26, 0.20, 0.07, 0.08, 0.09]))
    smile, mouth_open, raised, furrow, eye_open, teeth = _EXPRESSIONS[expression].T
    strength = draws.uniform(0.75, 1.15)
    blink = (draws.uniform() < 0.025) * 0.65
    return {
        "expression": expression,
        "smile": np.clip(smile * strength + draws.normal(0, 0.08), -1, 1),
        "mouth_open": np.clip(mouth_open * strength + 0.08 * draws.normal() * (mouth_open > 0.1), 0, 1),
        "teeth": np.clip(teeth + draws.normal(0, 0.1), 0, 1),
        "brow_raise": raised * strength + draws.normal(0, 0.15),
        "brow_furrow": furrow * strength + draws.normal(0, 0.08),
        "eye_open": np.clip(eye_open + draws.normal(0, 0.07) - blink, 0.08, 1),
        "gaze_x": np.clip(draws.normal(0.5, 0.16), 0, 1),
        "gaze_y": np.clip(draws.normal(0.5, 0.12), 0, 1),
    }


def _sample_hair(draws: _Draws, tone: Uniforms, age: Uniforms, rugged: Uniforms) -> dict[str, Any]:
    soft, old, fair = 1 - rugged, np.clip((age - 35) / 40, 0, 1), (1 - tone) ** 2
    styles = [0.22 * rugged * (0.4 + 2 * old), 0.2 * rugged, 0.7 * rugged + 0.08, 0.5 * rugged + 0.15,
              0.2 + 0.25 * soft, 0.55 * soft, 1.1 * soft + 0.04, 0.12 + 0.25 * tone]  # fmt: skip
    colours = [0.6 + 1.5 * tone, 0.8 + 0 * tone, 0.15 + 0.8 * fair, 0.8 * fair, 0.25 * fair, 0.02 + 1.5 * old**1.5]
    grown = (rugged > 0.55).astype(np.float64)
    beards = [1 - 0.5 * grown, 0.22 * grown, 0.1 * grown, 0.1 * grown, 0.2 * grown]
    return {
        "hair_style": draws.choice(np.stack(styles, axis=-1)),
        "hair_colour": draws.choice(np.stack(colours, axis=-1)),
        "facial_hair": draws.choice(np.stack(beards, axis=-1)),
        "hair_volume": draws.normal(1, 0.22),
        "hairline": draws.normal(0.05 * old * rugged, 0.04),
        "hair_part": np.where(draws.uniform() < 0.5, -1, 1) * draws.uniform(0.05, 0.4),
        "hair_wave": draws.uniform() ** 2,
        "hair_shade": draws.normal(0, 0.5),
        "hair_texture": draws.uniform(),
        "beard_density": draws.uniform(0.7, 1),
    }


def _sample_scene(draws: _Draws) -> dict[str, Any]:
    return {
        "background": draws.choice(np.array([0.2, 0.2, 0.2, 0.2, 0.2])),
        "background_hue": (draws.normal(0.06, 0.06) + (draws.uniform() < 0.4) * draws.uniform()) % 1,
        "background_contrast": draws.uniform(0.4, 1),
        "background_brightness": draws.uniform(0.02, 1) ** 1.2,
        "background_angle": draws.uniform(0, 360),
        "background_texture": draws.uniform(),
        "clothing_hue": draws.uniform(),
        "clothing_shade": draws.uniform(),
        "neckline": draws.uniform(),
    }


def _sample_view(draws: _Draws, tone: Uniforms) -> dict[str, Any]:
    azimuth = draws.normal(0, 32, bound=2.2)
    return {
        "light_azimuth": azimuth,
        "light_elevation": np.clip(draws.normal(28, 16), -10, 65),
        "light_intensity": draws.normal(1, 0.14),
        "light_warmth": draws.normal(0.08, 0.33),
        "ambient": draws.normal(0.95, 0.3),
        "yaw": draws.normal(0, 15, bound=2.3),
        "pitch": draws.normal(0, 7, bound=2.2),
        "roll": draws.normal(0, 6),
        "scale": draws.normal(1.06, 0.055),
        "centre_x": draws.normal(0, 0.025),
        "centre_y": draws.normal(0.07, 0.03),
        "exposure": draws.normal(1.12 + 0.4 * tone, 0.15),
        "contrast": draws.normal(1.08, 0.1),
        "saturation": draws.normal(1, 0.16),
        "blur": 0.001 + 0.009 * draws.uniform() ** 3,
        "grain": 0.002 + 0.016 * draws.uniform() ** 3,
        "grain_seed": draws.uniform(),
    }
