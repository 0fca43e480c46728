"""An import on its way: a hidden folder beside the target that the same import, after a kill, goes on from.

<root>/<name>/.<resolution>.import.partial/journal         what was asked, then line by line how far it has come
                                           pixels-C.npy    the images so far, C channels
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ignm.data.journal import Journal, Line, read_journal
from ignm.data.pixels import PixelFile
from ignm.data.writing import (
    JOURNAL,
    DatasetWriter,
    partial_folder,
    pixel_path,
    remove_if_empty,
)
from ignm.files import atomic_directory

# What a kill may cost. A line of the journal outlives the process; once a second it is made to outlive the machine.
_LINE_IMAGES, _DURABLE_SECONDS = 512, 1.0

Dropped = list[tuple[int, str]]  # index of an image in the source, and why it is not in the dataset


@dataclass
class Outcome:
    """What became of the first `done` images in the order of the import."""

    done: int = 0
    enlarged: int = 0
    skipped: Dropped = field(default_factory=list)
    """Could not be read."""
    left_out: Dropped = field(default_factory=list)
    """Could, but a filter said no."""


@dataclass(frozen=True)
class Target:
    """The dataset that is being made: its folder, name, resolution, and channels if they are decided."""

    path: Path
    name: str
    resolution: int
    channels: int | None


class PartialImport:
    """The writer of an import, and the account of how far it has come."""

    def __init__(self, folder: Path, journal: Journal, writer: DatasetWriter, outcome: Outcome) -> None:
        self.writer, self.outcome, self.resumed = writer, outcome, outcome.done
        self._folder, self._journal = folder, journal
        self._noted = self._counts()
        self._channels = writer.pixels.channels
        self._durable_at = time.monotonic()

    def note(self) -> None:
        """Write down how far the import has come, if that is worth a line."""
        durable = time.monotonic() - self._durable_at >= _DURABLE_SECONDS
        if durable or self.outcome.done - self._noted[0] >= _LINE_IMAGES:
            self.note_now(durable=durable)

    def note_now(self, *, durable: bool = True) -> None:
        """Write down how far the import has come.

        A grey file that has just become one of colour stays until a second line speaks of the new one, so that a torn
        line costs little.
        """
        done, skipped, left_out = self._counts()
        grown = self.writer.pixels.channels != self._channels
        half_way = self.writer.count != done - skipped - left_out  # stopped within a list of images
        if half_way or (done == self._noted[0] and not grown):
            return
        if durable or grown:
            self.writer.pixels.sync()
            self._durable_at = time.monotonic()
        else:
            self.writer.pixels.flush()
        line = {
            "done": done,
            "enlarged": self.outcome.enlarged,
            "rows": self.writer.count,
            "channels": self.writer.pixels.channels,
            "pixels": self.writer.pixels.digest,
            "skipped": self.outcome.skipped[self._noted[1] :],
            "left_out": self.outcome.left_out[self._noted[2] :],
        }
        self._journal.append(line, durable or grown)
        self._noted, self._channels = (done, skipped, left_out), self.writer.pixels.channels
        if not grown:
            self.writer.drop_outgrown()

    def publish(self, path: Path) -> None:
        """Make the finished dataset appear, replacing an older one, by one rename."""
        self._journal.close()
        with atomic_directory(path) as folder:
            # The journal comes along: killed here, the next import finds it and goes on.
            self._folder.replace(folder)
        (path / JOURNAL).unlink()

    def kept(self) -> str:
        """Say, where an error ends the import, what becomes of what is done."""
        with suppress(OSError, ValueError):
            self.note_now()
        if not self.noted:
            return "Nothing of this dataset was kept."
        return f"The first {self.noted} images are kept: the same command goes on from there."

    def close(self) -> None:
        """Let go of the files."""
        self.writer.discard()
        self._journal.close()

    @property
    def noted(self) -> int:
        """Images that the journal vouches for."""
        return self._noted[0]

    def _counts(self) -> tuple[int, int, int]:
        return self.outcome.done, len(self.outcome.skipped), len(self.outcome.left_out)


@contextmanager
def partial_import(target: Target, request: Mapping[str, Any], tell: Callable[[str], None]) -> Iterator[PartialImport]:
    """Yield what an interrupted import of this request has left, or else a new one; under `dataset_lock`.

    Whatever ends the import keeps what is done, unless that is nothing. `tell` hears whether it goes on or why not.
    """
    folder = partial_folder(target.path)
    partial = _resume(folder, target, request, tell) or _begin(folder, target, request)
    try:
        yield partial
    finally:
        with suppress(OSError, ValueError):  # a full disk, or files closed for good: earlier lines hold
            partial.note_now()
        partial.close()
        if not partial.noted:
            discard(target)
        remove_if_empty(target.path.parent)


def discard(target: Target) -> None:
    """Remove what an import has left."""
    shutil.rmtree(partial_folder(target.path), ignore_errors=True)


def _begin(folder: Path, target: Target, request: Mapping[str, Any]) -> PartialImport:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    journal = Journal(folder / JOURNAL)
    journal.append({"request": dict(request)}, durable=True)
    return PartialImport(folder, journal, _writer(folder, target), Outcome())


def _resume(
    folder: Path, target: Target, request: Mapping[str, Any], tell: Callable[[str], None]
) -> PartialImport | None:
    lines = read_journal(folder / JOURNAL)
    if len(lines) < 2:
        return None
    done = lines[-1].content["done"]
    began = f"an import of '{target.name}' at {target.resolution} was interrupted after {done} images"
    differing = _differing(lines[0].content.get("request", {}), request)
    if differing:
        tell(f"{began}, but of another {' and '.join(differing)}: beginning anew")
        return None
    found = _verified(folder, target, lines)
    if found is None:
        tell(f"{began}, but what it left is damaged: beginning anew")
        return None
    pixels, vouched = found
    tell(f"{began}: going on from image {vouched[-1].content['done'] + 1}")
    journal = Journal(folder / JOURNAL, vouched[-1])
    return PartialImport(folder, journal, _writer(folder, target, pixels), _outcome(vouched))


def _differing(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [key for key in now if before.get(key) != now[key] or now[key] == UNKNOWN]


UNKNOWN = "unknown"
"""In a request: something that cannot be compared, so that the import cannot go on."""


def _verified(folder: Path, target: Target, lines: Sequence[Line]) -> tuple[PixelFile, Sequence[Line]] | None:
    """Return the pixels that a line vouches for, cut to them, and the lines up to that one."""
    written = folder / "images.npy"
    if written.exists():  # killed when the dataset was finished and not yet in its place
        written.replace(pixel_path(folder, lines[-1].content["channels"]))
    for channels in (3, 1):
        speaking = [place for place, line in enumerate(lines) if line.content.get("channels") == channels]
        claims = [(lines[place].content["rows"], lines[place].content["pixels"]) for place in speaking]
        found = PixelFile.resume(pixel_path(folder, channels), target.resolution, channels, claims)
        if found is not None:
            pixels, held = found
            return pixels, lines[: speaking[held] + 1]
    return None


def _outcome(lines: Sequence[Line]) -> Outcome:
    notes = [line.content for line in lines[1:]]
    return Outcome(
        done=notes[-1]["done"],
        enlarged=notes[-1]["enlarged"],
        skipped=[(index, reason) for note in notes for index, reason in note["skipped"]],
        left_out=[(index, reason) for note in notes for index, reason in note["left_out"]],
    )


def _writer(folder: Path, target: Target, pixels: PixelFile | None = None) -> DatasetWriter:
    return DatasetWriter(folder, target.name, target.resolution, target.channels, pixels)
