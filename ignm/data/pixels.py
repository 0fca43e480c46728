"""The file of pixels while it is written: rows are appended, hashed on the way, and taken up again after a kill."""

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

_COPY_ROWS = 256
_READ_BYTES = 1 << 20


class PixelFile:
    """A .npy file of uint8 (N, R, R, C) that grows row by row.

    Plain writes, not a writable map: on a full disk a write raises ENOSPC where a map kills the process (SIGBUS).
    """

    def __init__(self, path: Path, resolution: int, channels: int) -> None:
        self.path, self.resolution, self.channels, self.count = path, resolution, channels, 0
        self._digest = hashlib.sha256()
        self.file: BinaryIO = path.open("w+b")
        self._write_header()

    @classmethod
    def resume(
        cls, path: Path, resolution: int, channels: int, claims: Sequence[tuple[int, str]]
    ) -> tuple["PixelFile", int] | None:
        """Take up a file whose first rows have the digests claimed, pairs of a number of rows and a digest, rising.

        Returns the file, cut behind the last claim that holds, and the number of that claim; None if none holds.
        """
        try:
            file = path.open("r+b")
        except FileNotFoundError:
            return None
        pixels = cls.__new__(cls)
        pixels.path, pixels.resolution, pixels.channels, pixels.file = path, resolution, channels, file
        pixels.count, pixels._digest = 0, hashlib.sha256()
        pixels._write_header()
        held = _verify(pixels, claims)
        if held is None:
            file.close()
            return None
        file.truncate(file.tell())
        return pixels, held

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of the array so far."""
        return self.count, self.resolution, self.resolution, self.channels

    @property
    def digest(self) -> str:
        """The digest of the pixels so far."""
        return self._digest.hexdigest()

    def append(self, rows: npt.NDArray[np.uint8]) -> None:
        """Append (N, R, R, C) with C the file's channels, or 1, which then stands for all of them."""
        whole = np.broadcast_to(rows, (*rows.shape[:-1], self.channels))
        data = np.ascontiguousarray(whole, dtype=np.uint8).data
        self.file.write(data)
        self._digest.update(data)
        self.count += len(rows)

    def rows(self) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield the images so far, (R, R, C) each."""
        self.file.flush()
        with self.path.open("rb") as file:
            _seek_first_row(file)
            for _ in range(self.count):
                yield np.frombuffer(file.read(math.prod(self.shape[1:])), np.uint8).reshape(self.shape[1:])

    def to_colour(self, path: Path) -> "PixelFile":
        """Return the same rows in a new file of three channels; this one is closed and stays where it is."""
        self.file.flush()
        colour = PixelFile(path, self.resolution, 3)
        try:
            _seek_first_row(self.file)
            while data := self.file.read(_COPY_ROWS * self.resolution**2):
                colour.append(np.frombuffer(data, np.uint8).reshape(-1, *self.shape[1:]))
        except BaseException:
            colour.discard()
            path.unlink()
            raise
        self.discard()
        return colour

    def flush(self) -> None:
        """Hand everything to the system, which keeps it if this process dies."""
        self.file.flush()

    def sync(self) -> None:
        """Put everything onto the disk."""
        self.file.flush()
        os.fsync(self.file.fileno())

    def close(self) -> "hashlib._Hash":
        """Put the final count into the header and the file onto the disk; return the digest of the pixels."""
        self.file.seek(0)
        self._write_header()
        self.sync()
        self.file.close()
        return self._digest

    def discard(self) -> None:
        """Let go of the file; what the system has not got yet may be lost."""
        try:
            self.file.close()
        except OSError:  # a full disk: the rows before are what counts
            return

    def _write_header(self) -> None:
        # numpy pads the header so that the first dimension may grow in place.
        header = {"descr": "|u1", "fortran_order": False, "shape": self.shape}
        np.lib.format.write_array_header_1_0(self.file, header)


def _seek_first_row(file: BinaryIO) -> None:
    file.seek(0)
    np.lib.format.read_magic(file)
    np.lib.format.read_array_header_1_0(file)


def _verify(pixels: PixelFile, claims: Sequence[tuple[int, str]]) -> int | None:
    """Read as many rows as claims hold of, and stand behind the last of them."""
    held = None
    start = pixels.file.tell()
    width = pixels.resolution**2 * pixels.channels
    digest, rows = hashlib.sha256(), 0
    for number, (count, claimed) in enumerate(claims):
        if not _read_into(digest, pixels.file, (count - rows) * width):
            break
        rows = count
        if digest.hexdigest() != claimed:
            break
        held, pixels.count, pixels._digest = number, rows, digest.copy()
    pixels.file.seek(start + pixels.count * width)
    return held


def _read_into(digest: "hashlib._Hash", file: BinaryIO, size: int) -> bool:
    while size > 0:
        data = file.read(min(size, _READ_BYTES))
        if not data:
            return False
        digest.update(data)
        size -= len(data)
    return size == 0
