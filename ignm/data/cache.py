"""The decoded cache on disk: one folder per dataset and resolution, opened memory-mapped.

<root>/<name>/<resolution>/images.npy      uint8 (N, R, R, C), those held out for testing last
                           classes.npy     int64 (N, A), -1 = missing
                           continuous.npy  float32 (N, K), NaN = missing
                           dataset.json    what it is
"""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from ignm.config.data import Resolution
from ignm.data.kept import DAMAGE, mapped
from ignm.errors import IgnmError
from ignm.words import first_line

RESOLUTIONS: tuple[int, ...] = get_args(Resolution)


class DamagedDatasetError(IgnmError):
    """A dataset on disk is not, or not wholly, what was imported."""


class Skipped(BaseModel):
    """An image of the source that is not in the dataset, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    reason: str


class Description(BaseModel):
    """The content of dataset.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    format: Literal[1]
    name: str
    resolution: int
    channels: int
    count: int
    fingerprint: str
    resize: str
    source: str
    class_names: dict[str, list[str]]
    continuous_names: list[str]
    skipped: list[Skipped]
    test: int = 0
    """How many of the images, the last ones, are held out."""
    filters: dict[str, Any] = {}
    """What the images had to be like to get in."""
    left_out: dict[str, int] = {}
    """How many images were not, by reason."""
    licence: str | None = None
    """What the images may be used for, as far as whoever imported them, or published them, says."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """One decoded dataset, opened read-only.

    `images` uint8 (N, R, R, C), memory-mapped, C 1 or 3; `classes` int64 (N, A), -1 = missing, A in the order of
    `class_names`; `continuous` float32 (N, K), NaN = missing; `test_images`, `test_classes` and `test_continuous` the
    same of the images that are held out, views of the same files; `class_names` are those of all images. Equal
    fingerprints mean equal pixels, labels, resolution, resize and split (`licence` is what the images may be used for,
    None where nobody said); of `embedded`, equal faces, whose pixels
    differ by 1/255 here and there between processors. Pickles as its path: a process that receives it maps the same
    files, and all processes share their pages.
    """

    name: str
    resolution: int
    channels: int
    fingerprint: str
    images: npt.NDArray[np.uint8]
    classes: npt.NDArray[np.int64]
    continuous: npt.NDArray[np.float32]
    class_names: dict[str, tuple[str, ...]]
    continuous_names: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    source: str
    path: Path
    test_images: npt.NDArray[np.uint8]
    test_classes: npt.NDArray[np.int64]
    test_continuous: npt.NDArray[np.float32]
    left_out: dict[str, int] = field(default_factory=dict)
    licence: str | None = None

    def __len__(self) -> int:
        """Return the number of images to train on."""
        return len(self.images)

    def __reduce__(self) -> tuple[Any, ...]:
        return read_dataset, (self.path,)


def data_root(root: Path | None = None) -> Path:
    """Return where datasets live: `root`, else `data` in IGNM's home."""
    return ignm_home() / "data" if root is None else Path(root)


def ignm_home() -> Path:
    """Return where IGNM keeps what is not in a study: `$IGNM_HOME`, else `~/.ignm`; IgnmError without a home folder."""
    try:
        return Path(os.environ.get("IGNM_HOME") or "~/.ignm").expanduser()
    except RuntimeError:
        raise IgnmError("This account has no home folder. Set IGNM_HOME to a folder for IGNM's data.") from None


def check_name(name: str) -> None:
    """Raise IgnmError unless `name` can name a dataset (and so a folder, on every file system)."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,99}", name):
        raise IgnmError(
            f"{name!r} cannot name a dataset. Use lower-case letters, digits, '.', '_' and '-', at most 100, "
            "beginning with a letter or digit."
        )


def check_resolution(resolution: int) -> None:
    """Raise IgnmError unless the resolution is one that the cache holds."""
    if resolution not in RESOLUTIONS:
        raise IgnmError(f"The resolution {resolution} is not one of {', '.join(map(str, RESOLUTIONS))}.")


def read_dataset(path: Path) -> Dataset:
    """Open the dataset in this folder.

    Raises FileNotFoundError if there is none, DamagedDatasetError if it is incomplete, damaged or of another version,
    IgnmError if it may not be opened.
    """
    description, images, classes, continuous = read_parts(path)
    train = description.count - description.test
    return Dataset(
        name=description.name,
        resolution=description.resolution,
        channels=description.channels,
        fingerprint=description.fingerprint,
        images=images[:train],
        classes=classes[:train],
        continuous=continuous[:train],
        class_names={name: tuple(names) for name, names in description.class_names.items()},
        continuous_names=tuple(description.continuous_names),
        skipped=tuple(description.skipped),
        source=description.source,
        path=path,
        test_images=images[train:],
        test_classes=classes[train:],
        test_continuous=continuous[train:],
        left_out=description.left_out,
        licence=description.licence,
    )


def read_parts(
    path: Path,
) -> tuple[Description, npt.NDArray[np.uint8], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Open what is in a dataset's folder: what it is, images, classes, continuous; raises as `read_dataset`."""
    _check_folder(path)
    try:
        description = Description.model_validate_json((path / "dataset.json").read_bytes())
        images, classes, continuous = (mapped(path / name) for name in ("images.npy", "classes.npy", "continuous.npy"))
        check_arrays(description, images, classes, continuous)
    except DAMAGE as error:
        detail = _first_line(error)
        raise DamagedDatasetError(
            f"The dataset in {path} is incomplete, damaged or of another version ({detail}). Import it again: "
            f"ignm data import SOURCE --name {path.parent.name} --resolution {path.name} --overwrite"
        ) from None
    return description, images, classes, continuous


def _check_folder(path: Path) -> None:
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_folder = False
    except OSError as error:
        raise IgnmError(
            f"{path} cannot be opened: {error.strerror or error}. Check its permissions, or set IGNM_HOME to another "
            "folder."
        ) from None
    if not is_folder:
        raise FileNotFoundError(path)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"dataset.json: {'.'.join(map(str, first['loc']))} {first['msg']}".lower()
    return first_line(error)


def check_arrays(description: Description, *arrays: npt.NDArray[Any]) -> None:
    """Raise ValueError unless images, classes and continuous have the types and shapes that are described."""
    count, side = description.count, description.resolution
    if not 0 <= description.test <= count:
        raise ValueError(f"{description.test} of {count} images held out")
    expected = (
        ("images.npy", np.uint8, (count, side, side, description.channels)),
        ("classes.npy", np.int64, (count, len(description.class_names))),
        ("continuous.npy", np.float32, (count, len(description.continuous_names))),
    )
    for array, (name, dtype, shape) in zip(arrays, expected, strict=True):
        if array.dtype != dtype or array.shape != shape:
            raise ValueError(f"{name} is {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")
