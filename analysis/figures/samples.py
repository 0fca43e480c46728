"""Samples of many models side by side, from the same latents."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from analysis.figures.style import INK, clip, styled
from analysis.figures.style import blank as blank_figure

SHOWN = 8
"""Samples of a model in a row."""

WIDTH, LETTER = 3.5, 0.073
"""Inches: of a row's samples, and of a letter of its label."""

LONGEST_LABEL = 32


@dataclass(frozen=True)
class Strip:
    """A model's samples in one row. pixels: uint8 (height, width) or (height, width, 3)."""

    label: str
    pixels: np.ndarray


def read_strip(path: Path, label: str, tile: int, count: int = SHOWN) -> Strip | None:
    """Read the first `count` images, each `tile` pixels wide, of a grid with gaps of one pixel.

    None where the file is missing or cannot be decoded, or holds no image of this size.
    """
    try:
        with Image.open(path) as opened:
            picture = opened.convert("L" if opened.mode in ("L", "1", "I;16") else "RGB")
            pixels = np.asarray(picture)
    except Exception:
        # Decoders answer damage with nearly any error, and no picture is worth the report.
        return None
    columns = (pixels.shape[1] + 1) // (tile + 1)
    rows = (pixels.shape[0] + 1) // (tile + 1)
    if columns * rows < 1:
        return None
    tiles = [
        pixels[row * (tile + 1) : row * (tile + 1) + tile, column * (tile + 1) : column * (tile + 1) + tile]
        for row, column in ((at // columns, at % columns) for at in range(min(count, columns * rows)))
    ]
    gap = np.full((tile, 1, *pixels.shape[2:]), 255, np.uint8)
    parts = [part for one in tiles for part in (one, gap)][:-1]
    return Strip(label, np.concatenate(parts, axis=1))


@styled
def sample_rows(strips: Sequence[Strip]) -> Figure | None:
    """Draw one row of samples a model; what stands in one column comes from one latent. None without a strip."""
    if not strips:
        return None
    labels = [clip(each.label, LONGEST_LABEL) for each in strips]
    heights = [WIDTH * each.pixels.shape[0] / each.pixels.shape[1] + 0.04 for each in strips]
    figure = blank_figure((WIDTH + LETTER * max(map(len, labels)) + 0.15, sum(heights)))
    panels = figure.subplots(len(strips), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, each, label in zip(panels, strips, labels, strict=True):
        axes.imshow(each.pixels, cmap="gray" if each.pixels.ndim == 2 else None, vmin=0, vmax=255, interpolation="none")
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8.5, color=INK)
        axes.set_anchor("E")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    return figure
