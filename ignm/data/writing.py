"""Writing the decoded cache: streamed, whole or not at all, one writer at a time."""

import errno
import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from ignm.data.cache import Description, Skipped, check_arrays
from ignm.data.decoding import RESIZE_METHOD
from ignm.data.fingerprint import fingerprint_of, fingerprint_of_recipe
from ignm.data.labels import Labels
from ignm.data.pixels import PixelFile
from ignm.errors import IgnmError
from ignm.files import atomic_directory, restore_directory, write_json

_ROWS = 64
JOURNAL = "journal"


class DatasetWriter:
    """Streams one dataset into a folder that does not show until it is whole.

    The pixels are in a file named after their channels until `finish`; `pixels` takes up one that was begun.
    """

    def __init__(
        self, folder: Path, name: str, resolution: int, channels: int | None, pixels: PixelFile | None = None
    ) -> None:
        self._folder, self._name, self._resolution = folder, name, resolution
        self._shapes = ((resolution, resolution, 1), (resolution, resolution, 3))
        self._grow_to_colour = channels is None
        self._pixels = pixels or PixelFile(pixel_path(folder, channels or 1), resolution, channels or 1)

    @property
    def count(self) -> int:
        """Images written so far."""
        return self._pixels.count

    @property
    def pixels(self) -> PixelFile:
        """The file that the images are in."""
        return self._pixels

    def append(self, images: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Append uint8 (R, R, 1) or (R, R, 3) images; the dataset is grey as long as all of them are."""
        for shape, alike in groupby(images, key=np.shape):
            if shape not in self._shapes:
                raise ValueError(f"an image of shape {shape}, not {self._shapes[0]} or {self._shapes[1]}")
            if shape[2] > self._pixels.channels:
                if not self._grow_to_colour:
                    raise ValueError(f"a colour image for the grey dataset {self._name}")
                self._pixels = self._pixels.to_colour(pixel_path(self._folder, shape[2]))
            while rows := list(islice(alike, _ROWS)):
                self._pixels.append(np.stack(rows))

    def finish(
        self,
        labels: Labels,
        skipped: Sequence[Skipped],
        source: str,
        recipe: str | None = None,
        *,
        test: int = 0,
        filters: Mapping[str, Any] | None = None,
        left_out: Mapping[str, int] | None = None,
        licence: str | None = None,
    ) -> Description:
        """Write labels and description; `labels` has one row per appended image, the last `test` are held out.

        The fingerprint is that of pixels and labels, or, with a `recipe` that says all that decides them, its own.
        `filters` says what images had to be like, `left_out` how many were not, by reason; `licence` what they may be
        used for.
        """
        digest = self._pixels.close()
        described = Description(
            format=1,
            name=self._name,
            resolution=self._resolution,
            channels=self._pixels.channels,
            count=self.count,
            fingerprint="",
            resize=RESIZE_METHOD,
            source=source,
            class_names={name: list(names) for name, names in labels.class_names.items()},
            continuous_names=list(labels.continuous_names),
            skipped=list(skipped),
            test=test,
            filters=dict(filters or {}),
            left_out=dict(left_out or {}),
            licence=licence,
        )
        if recipe is None:
            fingerprint = fingerprint_of(described, digest, labels.classes, labels.continuous)
        else:
            fingerprint = fingerprint_of_recipe(recipe, described)
        description = described.model_copy(update={"fingerprint": fingerprint})
        images = np.load(self._pixels.path, mmap_mode="r")
        check_arrays(description, images, labels.classes, labels.continuous)
        _save(self._folder / "classes.npy", labels.classes)
        _save(self._folder / "continuous.npy", labels.continuous)
        write_json(self._folder / "dataset.json", description.model_dump())
        self.drop_outgrown()
        self._pixels.path.replace(self._folder / "images.npy")
        return description

    def drop_outgrown(self) -> None:
        """Remove the grey file that a colour file has taken the place of."""
        if self._pixels.channels > 1:
            pixel_path(self._folder, 1).unlink(missing_ok=True)

    def discard(self) -> None:
        """Let go of the open file."""
        self._pixels.discard()


def pixel_path(folder: Path, channels: int) -> Path:
    """Return where pixels of so many channels are until their dataset is finished."""
    return folder / f"pixels-{channels}.npy"


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    # numpy's own write to a file does not say why it failed.
    buffer = io.BytesIO()
    np.save(buffer, array)
    path.write_bytes(buffer.getvalue())


@contextmanager
def dataset_lock(root: Path, name: str, resolution: int, timeout: float = -1) -> Iterator[None]:
    """Hold the right to write this dataset, waiting `timeout` seconds for it (-1: for ever).

    Brings back the dataset that a writer killed while replacing it had set aside, and removes what else such a writer
    left behind, but for an import that can go on. Raises IgnmError if another writer keeps the lock.
    """
    locks = root / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"{name}-{resolution}.lock")
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise IgnmError(f"Another import of {name!r} at {resolution} is running. Wait until it has ended.") from None
    try:
        path = root / name / str(resolution)
        restore_directory(path)
        _sweep(path)
        yield
    finally:
        lock.release()


def partial_folder(path: Path) -> Path:
    """Return where an import into the dataset's folder `path` is kept until it is whole."""
    return path.with_name(f".{path.name}.import.partial")


def _sweep(path: Path) -> None:
    kept = partial_folder(path)
    for pattern in (f".{path.name}.*.partial", f".{path.name}.*.old"):
        for leftover in path.parent.glob(pattern):
            # Killed on the way from its own name to the dataset's.
            if not kept.exists() and (leftover / JOURNAL).exists():
                leftover.replace(kept)
            elif leftover != kept:
                shutil.rmtree(leftover, ignore_errors=True)


@contextmanager
def write_dataset(root: Path, name: str, resolution: int, channels: int | None) -> Iterator[DatasetWriter]:
    """Yield a writer; on success the dataset appears (replacing an older one), on any error nothing is left.

    `channels` None lets the images decide. To be called under `dataset_lock`.
    Raises IgnmError if the disk is full or may not be written.
    """
    path = root / name / str(resolution)
    try:
        with storage_errors(root, lambda: "Nothing of this dataset was kept."), atomic_directory(path) as folder:
            writer = DatasetWriter(folder, name, resolution, channels)
            try:
                yield writer
            finally:
                writer.discard()
    finally:
        remove_if_empty(path.parent)


def remove_if_empty(folder: Path) -> None:
    """Remove the folder of a name under which there is no dataset."""
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


@contextmanager
def storage_errors(root: Path, kept: Callable[[], str] = str) -> Iterator[None]:
    """Turn an operating system error under `root` into an IgnmError; its last sentence is what `kept` returns."""
    try:
        yield
    except OSError as error:
        advice = "Check its permissions, or set IGNM_HOME to another disk."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "Free some space, or set IGNM_HOME to another disk."
        raise IgnmError(f"Cannot write under {root}: {error.strerror or error}. {advice} {kept()}".strip()) from None
