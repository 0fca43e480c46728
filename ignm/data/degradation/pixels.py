"""What is done to pixels, in the order in which a camera does it: downscale, blur, noise, JPEG."""

import io
from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import gaussian_filter1d

from ignm.config.data import DegradeConfig

Pixels: TypeAlias = npt.NDArray[np.uint8]
Settings: TypeAlias = dict[str, Any]
"""The degradations that change anything, by name, each with its level; and the seed where one draws numbers."""

VERSION = 1
"""Raised whenever the same settings give other pixels."""


def pixel_settings(config: DegradeConfig, side: int) -> Settings:
    """Return what of a config changes the pixels of images of this side; empty if nothing does."""
    shrunk = max(1, round(side / config.downscale))
    levels: tuple[tuple[str, Any, Any], ...] = (
        ("downscale", shrunk, side),
        ("blur", config.blur, 0.0),
        ("noise", config.noise, 0.0),
        ("jpeg", config.jpeg, None),
    )
    settings = {name: level for name, level, none in levels if level != none}
    return settings | {"seed": config.seed} if "noise" in settings else settings


def degrade_pixels(images: Pixels, settings: Settings, first: int = 0) -> Pixels:
    """Degrade images (N, R, R, C), which are images first, first + 1, ... of their dataset; returns new ones.

    Each depends on itself, its number and the settings alone.
    """
    for name, degrade in _CHAIN.items():
        if name in settings:
            images = degrade(images, settings[name], settings.get("seed", 0), first)
    return images


def _downscale(images: Pixels, side: int, seed: int, first: int) -> Pixels:
    """Shrink to `side` pixels with PIL's Lanczos, as an import at that resolution does, and enlarge by its bicubic."""

    def resample(image: Image.Image) -> Image.Image:
        small = image.resize((side, side), Image.Resampling.LANCZOS)
        return small.resize(image.size, Image.Resampling.BICUBIC)

    return _each(images, resample)


def _blur(images: Pixels, sigma: float, seed: int, first: int) -> Pixels:
    """Convolve with a Gaussian of `sigma` pixels, the images mirrored at their borders."""
    matrix = _blur_matrix(images.shape[1], sigma)
    planes = images.transpose(0, 3, 1, 2).astype(np.float64)
    return _rounded(matrix @ planes @ matrix.T).transpose(0, 2, 3, 1)


def _noise(images: Pixels, level: float, seed: int, first: int) -> Pixels:
    """Add Gaussian noise of standard deviation 255 * `level`, each channel its own; an image's pattern has its number.

    At another level it is the same pattern, stronger or weaker.
    """
    noisy = np.empty(images.shape, np.uint8)
    for row, image in enumerate(images):
        pattern = np.random.default_rng((seed, first + row)).standard_normal(image.shape, dtype=np.float32)
        noisy[row] = _rounded(image + np.float32(255 * level) * pattern)
    return noisy


def _jpeg(images: Pixels, quality: int, seed: int, first: int) -> Pixels:
    """Save as JPEG of this quality with PIL, colours at half the resolution, and open again."""

    def through(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, subsampling="4:2:0")
        return Image.open(buffer)

    return _each(images, through)


_CHAIN: dict[str, Callable[[Pixels, Any, int, int], Pixels]] = {
    "downscale": _downscale,
    "blur": _blur,
    "noise": _noise,
    "jpeg": _jpeg,
}


def _each(images: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    changed = np.empty(images.shape, np.uint8)
    grey = images.shape[3] == 1
    for row, pixels in enumerate(images):
        image = Image.fromarray(pixels[:, :, 0] if grey else pixels)
        changed[row] = np.asarray(change(image)).reshape(pixels.shape)
    return changed


@cache
def _blur_matrix(side: int, sigma: float) -> npt.NDArray[np.float64]:
    """The blur along one axis as a matrix (side, side): as fast however wide the Gaussian is."""
    return gaussian_filter1d(np.eye(side), sigma, axis=0, mode="reflect")


def _rounded(values: npt.NDArray[Any]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
