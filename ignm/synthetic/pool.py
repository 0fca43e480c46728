"""The synthetic pool on disk: made once, memory-mapped by all trials.

<data root>/.pools/<fingerprint>/images.npy    uint8 (count, R, R, C)
                                 sources.npy   int64 (count,), -1 = made from no real image
                                 pool.json     what it is
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ignm.config.data import SyntheticConfig
from ignm.data.cache import Dataset, data_root
from ignm.data.kept import DAMAGE, mapped_as, sole_maker
from ignm.data.pixels import PixelFile
from ignm.data.writing import storage_errors
from ignm.errors import IgnmError
from ignm.files import atomic_directory, write_json
from ignm.synthetic.recipe import Recipe
from ignm.synthetic.sources import SOURCES
from ignm.words import first_line

POOLS = ".pools"
_FORMAT = 1
_DIGITS = 16

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Pool:
    """Synthetic images, opened read-only.

    `images` uint8 (count, R, R, C), memory-mapped, as large and with as many channels as the dataset's; `sources` int64
    (count,), memory-mapped: the index of the real training image that each was made from, -1 where there is none and
    labels are unknown. Equal fingerprints mean equal settings, dataset and teacher; pixels may differ by 1/255 here
    and there between processors. Pickles as its path: a process that receives it maps the same files.
    """

    images: npt.NDArray[np.uint8]
    sources: npt.NDArray[np.int64]
    fingerprint: str
    path: Path

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def __reduce__(self) -> tuple[Any, ...]:
        return read_pool, (self.path,)


def open_pool(
    config: SyntheticConfig, dataset: Dataset, root: Path | None = None, progress: Progress | None = None
) -> Pool:
    """Open the pool that `config` describes, made from or for `dataset`; it is made on first use.

    `progress` gets done and total while it is made. Whoever comes second waits for it. Where its files are damaged, it
    is made again. Raises IgnmError if the teacher cannot be used (beginning with the setting's path), or if the disk is
    full or may not be written; then nothing is left.
    """
    recipe = SOURCES[config.source](config, dataset)
    fingerprint = _fingerprint(recipe, config)
    root = data_root(root)
    path = root / POOLS / fingerprint
    shape = (config.count, dataset.resolution, dataset.resolution, dataset.channels)
    current = _current(path, shape)
    if current is not None:
        return current
    with storage_errors(root, lambda: "Nothing of this pool was kept."), sole_maker(path, root):
        # Another process may have made it while this one waited.
        current = _current(path, shape)
        if current is not None:
            return current
        with atomic_directory(path) as folder:
            _make(recipe, folder, shape, progress)
            described = {"format": _FORMAT, "fingerprint": fingerprint, "shape": shape, "source": config.source}
            write_json(folder / "pool.json", described | {"recipe": recipe.identity})
    return read_pool(path)


def fingerprint_of(config: SyntheticConfig, dataset: Dataset) -> str:
    """Return the digest of all that decides the pool: source, count, what matters to that source, its code's version.

    Raises IgnmError where `open_pool` would, for the same reasons short of writing.
    """
    return _fingerprint(SOURCES[config.source](config, dataset), config)


def read_pool(path: Path) -> Pool:
    """Open the pool in this folder; raises IgnmError if there is none, or it is damaged or of another version."""
    try:
        described = json.loads((path / "pool.json").read_bytes())
        if described["format"] != _FORMAT or described["fingerprint"] != path.name:
            raise ValueError("another pool, or of another version")
        shape = tuple(described["shape"])
        images = mapped_as(path / "images.npy", np.uint8, shape)
        sources = mapped_as(path / "sources.npy", np.int64, shape[:1])
    except DAMAGE as error:
        reason = first_line(error)
        raise IgnmError(
            f"{path}: not a whole pool of this version ({reason}); it is made anew when asked for"
        ) from None
    return Pool(images, sources, path.name, path)


def _fingerprint(recipe: Recipe, config: SyntheticConfig) -> str:
    decides = {"format": _FORMAT, "source": config.source, "count": config.count, "recipe": recipe.identity}
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:_DIGITS]


def _current(path: Path, shape: tuple[int, ...]) -> Pool | None:
    try:
        pool = read_pool(path)
    except IgnmError:
        return None
    return pool if pool.images.shape == shape else None


def _make(recipe: Recipe, folder: Path, shape: tuple[int, ...], progress: Progress | None) -> None:
    count, resolution, _, channels = shape
    pixels = PixelFile(folder / "images.npy", resolution, channels)
    try:
        with (folder / "sources.npy").open("wb") as file:
            header = {"descr": "<i8", "fortran_order": False, "shape": (count,)}
            np.lib.format.write_array_header_1_0(file, header)
            for block in range(-(-count // recipe.block)):
                images, sources = recipe.make(block)
                wanted = count - pixels.count
                pixels.append(images[:wanted])
                file.write(sources[:wanted].astype("<i8").tobytes())
                if progress is not None:
                    progress(pixels.count, count)
            file.flush()
            os.fsync(file.fileno())
        pixels.close()
    finally:
        pixels.discard()
