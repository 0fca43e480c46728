"""The words of the embedded dataset: its classes, its continuous labels and its four groups of variation."""

from collections.abc import Mapping
from types import MappingProxyType

# Raised whenever the same seed would draw other faces: fingerprints and cached arrays follow it, not the pixels, which
# differ by 1/255 in a few of a million values between processors.
VERSION = 1

CLASS_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "hair_style": ("bald", "buzz", "short", "parted", "fringe", "bob", "long", "curly"),
        "hair_colour": ("black", "dark brown", "brown", "blond", "red", "grey"),
        "eye_colour": ("brown", "hazel", "green", "blue", "grey"),
        "facial_hair": ("none", "stubble", "moustache", "goatee", "beard"),
        "glasses": ("none", "clear", "sunglasses"),
        "expression": ("neutral", "smile", "laugh", "sad", "surprise", "anger"),
        "background": ("plain", "gradient", "bokeh", "indoor", "outdoor"),
    }
)

CONTINUOUS_NAMES: tuple[str, ...] = (
    "yaw",
    "pitch",
    "roll",
    "light_azimuth",
    "light_elevation",
    "light_intensity",
    "light_warmth",
    "skin_tone",
    "age",
    "smile",
    "mouth_open",
    "eye_open",
    "gaze_x",
    "gaze_y",
)

# What the synthetic-data strategy varies, one group at a time; every field of FaceParameters is in exactly one.
GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "object": (
            "hair_style", "hair_colour", "eye_colour", "facial_hair", "glasses", "expression",
            "skin_tone", "undertone", "age", "blush", "freckles", "face_width", "jaw", "chin",
            "eye_spacing", "eye_size", "eye_height", "eye_tilt", "eye_open", "gaze_x", "gaze_y",
            "brow_thickness", "brow_raise", "brow_arch", "brow_furrow",
            "nose_length", "nose_width", "nose_height",
            "mouth_width", "mouth_height", "lip_fullness", "lip_red", "smile", "mouth_open", "teeth",
            "hair_volume", "hairline", "hair_part", "hair_wave", "hair_shade", "hair_texture", "beard_density",
            "frame_size", "frame_shade", "frame_round",
        ),
        "scene": (
            "background", "background_hue", "background_contrast", "background_brightness", "background_angle",
            "background_texture", "clothing_hue", "clothing_shade", "neckline",
        ),
        "lighting": ("light_azimuth", "light_elevation", "light_intensity", "light_warmth", "ambient"),
        "pose": ("yaw", "pitch", "roll", "scale", "centre_x", "centre_y"),
        "camera": ("exposure", "contrast", "saturation", "blur", "grain", "grain_seed"),
    }
)  # fmt: skip
