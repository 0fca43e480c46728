"""Variants of real training images: another background, turned, relit, at another colour temperature."""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ignm.config.data import SyntheticConfig
from ignm.data.cache import Dataset
from ignm.synthetic import temperature
from ignm.synthetic.background import replaced, scenes, surroundings
from ignm.synthetic.colours import from_bytes, to_bytes
from ignm.synthetic.draws import Purpose, seed_for, uniforms
from ignm.synthetic.light import developed, illumination
from ignm.synthetic.pose import turned
from ignm.synthetic.recipe import Block, Recipe, block_of

VERSION = 1


def variants(config: SyntheticConfig, dataset: Dataset) -> Recipe:
    """Each image of the pool is made from the next real image of one permutation, which is gone through again."""
    size = block_of(dataset.resolution)

    @cache
    def order() -> npt.NDArray[np.int64]:
        return np.random.default_rng(seed_for(config.seed, Purpose.ORDER)).permutation(len(dataset.images))

    def make(block: int) -> Block:
        start = block * size
        sources = order()[np.arange(start, start + size) % len(dataset.images)]
        return varied(dataset.images, sources, config, start), sources

    return Recipe(_identity(config, dataset), size, make)


def _identity(config: SyntheticConfig, dataset: Dataset) -> dict[str, Any]:
    coloured = {"temperature": config.temperature} if dataset.channels == 3 else {}
    return {
        "version": VERSION,
        "dataset": dataset.fingerprint,
        "light": config.light,
        "pose": config.pose,
        "background": config.background,
        "seed": config.seed,
    } | coloured


def varied(
    real: npt.NDArray[np.uint8], sources: npt.NDArray[np.int64], config: SyntheticConfig, start: int
) -> npt.NDArray[np.uint8]:
    """Make images start, ... of the pool, uint8 (n, R, R, C), from the `sources` among the real ones.

    What is set to 0 changes nothing: without any, these are the very images.
    """
    images = from_bytes(_rows(real, sources))
    images = _before_others(images, real, sources, config, start)
    if config.pose > 0:
        images = turned(images, config.pose, config.seed, start)
    return to_bytes(_relit(images, config, start))


def _relit(images: Tensor, config: SyntheticConfig, start: int) -> Tensor:
    count, channels, size, _ = images.shape
    tinted = config.temperature > 0 and channels == 3
    if not tinted and config.light == 0:
        return images
    gain, exponent = illumination(size, config.light, config.seed, start, count)
    if tinted:
        gain = gain * temperature.gains(config.temperature, config.seed, start, count)
    return developed(images, gain, exponent)


def _before_others(
    images: Tensor, real: npt.NDArray[np.uint8], sources: npt.NDArray[np.int64], config: SyntheticConfig, start: int
) -> Tensor:
    """Give a share of the images other backgrounds: half of them drawn, half of them from other real images."""
    draws = uniforms(config.seed, Purpose.BACKGROUND, start, len(images), 3)
    chosen = draws[:, 0] < config.background
    drawn, taken = chosen & (draws[:, 1] < 0.5), chosen & (draws[:, 1] >= 0.5)
    if not chosen.any():
        return images
    steps = 1 + (draws[:, 2] * max(1, len(real) - 1)).astype(np.int64)
    donors = _rows(real, (sources + steps)[taken] % len(real))
    behind = torch.empty_like(images)
    behind[taken] = surroundings(from_bytes(donors))
    where = torch.from_numpy(np.flatnonzero(drawn))
    behind[where] = scenes(where, images.shape[1], images.shape[-1], config.seed, start)
    result = images.clone()
    result[chosen] = replaced(images[chosen], behind[chosen])
    return result


def _rows(images: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    # In the file's order, which a disk reads faster.
    order = np.argsort(rows)
    gathered = np.empty((len(rows), *images.shape[1:]), np.uint8)
    gathered[order] = images[rows[order]]
    return gathered
