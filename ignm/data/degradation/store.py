"""Degraded images on disk: computed once, memory-mapped by all trials.

<root>/.derived/<id>/images.npy      uint8 (N, R, R, C)
                     derived.json    what it is
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from ignm.config.data import DegradeConfig
from ignm.data.degradation.pixels import VERSION, Pixels, Settings, degrade_pixels, pixel_settings
from ignm.data.degradation.selection import Rows, kept_rows, shown_labels
from ignm.data.kept import DAMAGE, mapped_as, sole_maker
from ignm.data.pixels import PixelFile
from ignm.data.writing import storage_errors
from ignm.files import atomic_directory, write_json

DERIVED = ".derived"
_DIGITS = 16
_CHUNK_BYTES = 1 << 20

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Degraded:
    """A dataset's images as a config degrades them.

    `images` uint8 (N, R, R, C), read-only: all of them, memory-mapped, or the very array that came in where no pixel
    changes; `rows` int64 (M,), sorted: which are kept; `labels` int64 (M,): whose labels each of these is shown with.
    Equal fingerprints mean an equal dataset and equal degradations; `fingerprint` is the dataset's own if there is
    none.
    """

    images: Pixels
    rows: Rows
    labels: Rows
    fingerprint: str


def degraded(
    images: Pixels, fingerprint: str, config: DegradeConfig, root: Path, progress: Progress | None = None
) -> Degraded:
    """Return images uint8 (N, R, R, C) of the dataset `fingerprint` as `config` degrades them, made on first use.

    The pixels are those of `degrade_pixels`, and shared by all configs that differ in `keep` and `label_noise` only;
    these choose as `kept_rows` and `shown_labels` do. `progress` gets done and total while pixels are made. Whoever
    comes second waits; where files under `root` are damaged or of something else, they are made again. Raises IgnmError
    if the disk is full or may not be written; then nothing is left.
    """
    count = len(images)
    settings = pixel_settings(config, images.shape[1])
    rows = kept_rows(count, config.keep, config.seed)
    labels = shown_labels(rows, count, config.label_noise, config.seed)
    selection: Settings = {}
    if len(rows) < count:
        selection["keep"] = len(rows)
    if swapped := int((labels != rows).sum()):
        selection["label_noise"] = swapped
    if selection:
        selection["seed"] = config.seed
    return Degraded(
        images=_derived(images, fingerprint, settings, root, progress) if settings else images,
        rows=rows,
        labels=labels,
        fingerprint=_digest([fingerprint, VERSION, count, settings, selection])
        if settings or selection
        else fingerprint,
    )


def _digest(decides: Any) -> str:
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _derived(images: Pixels, fingerprint: str, settings: Settings, root: Path, progress: Progress | None) -> Pixels:
    recipe = {"version": VERSION, "dataset": fingerprint, "shape": list(images.shape), "settings": settings}
    path = root / DERIVED / _digest(recipe)
    current = _current(path, recipe)
    if current is not None:
        return current
    with storage_errors(root, lambda: "Nothing of the degraded images was kept."), sole_maker(path, root):
        # Another process may have made them while this one waited.
        current = _current(path, recipe)
        if current is None:
            with atomic_directory(path) as folder:
                _make(images, settings, folder / "images.npy", progress)
                write_json(folder / "derived.json", recipe)
            current = mapped_as(path / "images.npy", np.uint8, images.shape)
    return current


def _current(path: Path, recipe: dict[str, Any]) -> Pixels | None:
    """Return what is at `path` if it is whole and was made by this recipe."""
    try:
        if json.loads((path / "derived.json").read_bytes()) == recipe:
            return mapped_as(path / "images.npy", np.uint8, tuple(recipe["shape"]))
    except DAMAGE:
        pass
    return None


def _make(images: Pixels, settings: Settings, file: Path, progress: Progress | None) -> None:
    count, side, _, channels = images.shape
    chunk = max(1, _CHUNK_BYTES // (side * side * channels))
    pixels = PixelFile(file, side, channels)
    try:
        for start in range(0, count, chunk):
            pixels.append(degrade_pixels(images[start : start + chunk], settings, start))
            if progress is not None:
                progress(pixels.count, count)
        pixels.close()
    finally:
        pixels.discard()
