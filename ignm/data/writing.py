"""Writing the decoded cache: streamed, whole or not at all, one writer at a time."""

import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from ignm.data.cache import Description, Skipped, check_arrays
from ignm.data.decoding import RESIZE_METHOD
from ignm.data.labels import Labels
from ignm.errors import IgnmError
from ignm.files import atomic_directory, restore_directory, write_json

_COPY_ROWS = 256


class DatasetWriter:
    """Streams one dataset into a folder that does not show until `write_dataset` ends without an error."""

    def __init__(self, folder: Path, name: str, resolution: int, channels: int | None) -> None:
        self._folder, self._name, self._resolution = folder, name, resolution
        self._shapes = ((resolution, resolution, 1), (resolution, resolution, 3))
        self._grow_to_colour = channels is None
        self._pixels = _PixelFile(folder / "images.npy", resolution, channels or 1)

    @property
    def count(self) -> int:
        """Images written so far."""
        return self._pixels.count

    def append(self, images: Iterable[npt.NDArray[np.uint8]]) -> None:
        """Append uint8 (R, R, 1) or (R, R, 3) images; the dataset is grey as long as all of them are."""
        for image in images:
            if image.shape not in self._shapes:
                raise ValueError(f"an image of shape {image.shape}, not {self._shapes[0]} or {self._shapes[1]}")
            if image.shape[2] > self._pixels.channels:
                if not self._grow_to_colour:
                    raise ValueError(f"a colour image for the grey dataset {self._name}")
                self._pixels = self._pixels.to_colour()
            self._pixels.append(image)

    def finish(self, labels: Labels, skipped: Sequence[Skipped], source: str, recipe: str | None = None) -> Description:
        """Write labels and description; `labels` has one row per appended image.

        The fingerprint is that of pixels and labels, or, with a `recipe` that says all that decides them, its own.
        """
        pixels = self._pixels.close()
        class_names = {name: list(names) for name, names in labels.class_names.items()}
        continuous_names = list(labels.continuous_names)
        if recipe is None:
            digest = pixels
            digest.update(json.dumps([self._pixels.shape, RESIZE_METHOD, class_names, continuous_names]).encode())
            digest.update(labels.classes.astype("<i8").tobytes())
            digest.update(labels.continuous.astype("<f4").tobytes())
        else:
            digest = hashlib.sha256(json.dumps([recipe, self._pixels.shape]).encode())
        description = Description(
            format=1,
            name=self._name,
            resolution=self._resolution,
            channels=self._pixels.channels,
            count=self.count,
            fingerprint=digest.hexdigest()[:16],
            resize=RESIZE_METHOD,
            source=source,
            class_names=class_names,
            continuous_names=continuous_names,
            skipped=list(skipped),
        )
        check_arrays(
            description, np.load(self._folder / "images.npy", mmap_mode="r"), labels.classes, labels.continuous
        )
        _save(self._folder / "classes.npy", labels.classes)
        _save(self._folder / "continuous.npy", labels.continuous)
        write_json(self._folder / "dataset.json", description.model_dump())
        return description

    def discard(self) -> None:
        """Let go of the open file."""
        self._pixels.file.close()


class _PixelFile:
    """A .npy file that grows row by row.

    Plain writes, not a writable map: on a full disk a write raises ENOSPC where a map kills the process (SIGBUS).
    """

    def __init__(self, path: Path, resolution: int, channels: int) -> None:
        self.path, self.resolution, self.channels, self.count = path, resolution, channels, 0
        self._digest = hashlib.sha256()
        self.file = path.open("wb")
        self._write_header()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.count, self.resolution, self.resolution, self.channels

    def append(self, image: npt.NDArray[np.uint8]) -> None:
        """Append (..., C) with C the file's channels, or 1, which then stands for all of them."""
        rows = np.broadcast_to(image, (*image.shape[:-1], self.channels)).reshape(-1, *self.shape[1:])
        data = np.ascontiguousarray(rows, dtype=np.uint8).data
        self.file.write(data)
        self._digest.update(data)
        self.count += len(rows)

    def to_colour(self) -> "_PixelFile":
        """Return the same rows in a file of three channels, which takes this one's place."""
        self.close()
        path, self.path = self.path, self.path.rename(self.path.with_suffix(".grey"))
        colour = _PixelFile(path, self.resolution, 3)
        with self.path.open("rb") as grey:
            np.lib.format.read_magic(grey)
            np.lib.format.read_array_header_1_0(grey)
            while data := grey.read(_COPY_ROWS * self.resolution**2):
                colour.append(np.frombuffer(data, np.uint8).reshape(-1, *self.shape[1:]))
        self.path.unlink()
        return colour

    def close(self) -> "hashlib._Hash":
        """Put the final count into the header and the file onto the disk; return the digest of the pixels."""
        self.file.seek(0)
        self._write_header()
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return self._digest

    def _write_header(self) -> None:
        # numpy pads the header so that the first dimension may grow in place.
        header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self.file, header)


def _save(path: Path, array: npt.NDArray[Any]) -> None:
    # numpy's own write to a file does not say why it failed.
    buffer = io.BytesIO()
    np.save(buffer, array)
    path.write_bytes(buffer.getvalue())


@contextmanager
def dataset_lock(root: Path, name: str, resolution: int, timeout: float = -1) -> Iterator[None]:
    """Hold the right to write this dataset, waiting `timeout` seconds for it (-1: for ever).

    Brings back the dataset that a writer killed while replacing it had set aside, and removes what else such a writer
    left behind. Raises IgnmError if another writer keeps the lock.
    """
    locks = root / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"{name}-{resolution}.lock")
    try:
        lock.acquire(timeout=timeout)
    except Timeout:
        raise IgnmError(f"Another import of {name!r} at {resolution} is running. Wait until it has ended.") from None
    try:
        restore_directory(root / name / str(resolution))
        for pattern in (f".{resolution}.*.partial", f".{resolution}.*.old"):
            for leftover in (root / name).glob(pattern):
                shutil.rmtree(leftover, ignore_errors=True)
        yield
    finally:
        lock.release()


@contextmanager
def write_dataset(root: Path, name: str, resolution: int, channels: int | None) -> Iterator[DatasetWriter]:
    """Yield a writer; on success the dataset appears (replacing an older one), on any error nothing is left.

    `channels` None lets the images decide. To be called under `dataset_lock`.
    Raises IgnmError if the disk is full or may not be written.
    """
    path = root / name / str(resolution)
    try:
        with storage_errors(root), atomic_directory(path) as folder:
            writer = DatasetWriter(folder, name, resolution, channels)
            try:
                yield writer
            finally:
                writer.discard()
    finally:
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()


@contextmanager
def storage_errors(root: Path) -> Iterator[None]:
    """Turn an operating system error under `root` into an IgnmError."""
    try:
        yield
    except OSError as error:
        advice = "Check its permissions, or set IGNM_HOME to another disk."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            advice = "Free some space, or set IGNM_HOME to another disk. Nothing of this dataset was kept."
        raise IgnmError(f"Cannot write under {root}: {error.strerror or error}. {advice}") from None
