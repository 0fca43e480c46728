"""Is a dataset on disk still the one that was imported?"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ignm.data.cache import DamagedDatasetError, Description, read_parts
from ignm.data.fingerprint import fingerprint_of, fingerprint_of_recipe
from ignm.data.labels import MISSING_CLASS
from ignm.data.store import EMBEDDED, open_dataset

_CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class Verification:
    """A dataset that is what it says; `unchecked` says what of it cannot be checked, "" where everything was."""

    description: Description
    unchecked: str


def verify_dataset(
    name: str, resolution: int, root: Path | None = None, *, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Compare a dataset's pixels, labels and split with its fingerprint, whatever its size in flat memory.

    `progress` gets images read and total. Raises DamagedDatasetError if they differ, labels are not possible ones or
    files are incomplete, another IgnmError if there is no such dataset. Of `embedded`, whose fingerprint is that of its
    recipe, only the structure is checked.
    """
    path = open_dataset(name, resolution, root, progress=progress).path
    description, images, classes, continuous = read_parts(path)
    _check_labels(path, description, classes, continuous)
    if name == EMBEDDED:
        found = fingerprint_of_recipe(description.source, description)
        unchecked = "pixels and labels: the fingerprint is that of the recipe they were drawn by"
    else:
        pixels = _digest_of(images, progress or (lambda done, total: None))
        found = fingerprint_of(description, pixels, classes, continuous)
        unchecked = ""
    if found != description.fingerprint:
        raise DamagedDatasetError(
            f"The dataset in {path} is not what was imported: its fingerprint is {found} and should be "
            f"{description.fingerprint}. {_again(path)}"
        )
    return Verification(description, unchecked)


def _digest_of(images: npt.NDArray[np.uint8], progress: Callable[[int, int], None]) -> "hashlib._Hash":
    digest = hashlib.sha256()
    rows = max(1, _CHUNK_BYTES // max(1, images[:1].nbytes))
    for start in range(0, len(images), rows):
        digest.update(np.ascontiguousarray(images[start : start + rows]).data)
        progress(min(start + rows, len(images)), len(images))
    return digest


def _check_labels(
    path: Path, description: Description, classes: npt.NDArray[np.int64], continuous: npt.NDArray[np.float32]
) -> None:
    problems = [
        f"the class attribute {name!r} has a value beyond its {len(names)} classes"
        for column, (name, names) in zip(classes.T, description.class_names.items(), strict=True)
        if len(column) and not MISSING_CLASS <= column.min() <= column.max() < len(names)
    ]
    problems += [
        f"the attribute {name!r} has an infinite value"
        for column, name in zip(continuous.T, description.continuous_names, strict=True)
        if np.isinf(column).any()
    ]
    if problems:
        raise DamagedDatasetError(
            f"The labels of the dataset in {path} are damaged: {'; '.join(problems)}. {_again(path)}"
        )


def _again(path: Path) -> str:
    return (
        f"Import it again: ignm data import SOURCE --name {path.parent.name} --resolution {path.name} --overwrite"
        if path.parent.name != EMBEDDED
        else f"Remove {path}: it is drawn again when next used."
    )
