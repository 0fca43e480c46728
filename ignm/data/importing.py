"""Import: a folder or zip of images of any kind -> one decoded, fingerprinted dataset in the cache."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ignm.data.cache import (
    Description,
    Skipped,
    check_name,
    check_resolution,
    data_root,
)
from ignm.data.decoding import Decoded, decode
from ignm.data.labels import Labels, LabelTable, read_labels
from ignm.data.sources import Source, UnreadableImageError, open_source
from ignm.data.store import EMBEDDED
from ignm.data.writing import dataset_lock, storage_errors, write_dataset
from ignm.errors import IgnmError

# Images per task: one small picture is decoded faster than a task is handed over.
_BATCH = 16
_SHOWN = 3


@dataclass(frozen=True)
class ImportReport:
    """What an import did; `warnings` are sentences for the user, `seconds` is wall time."""

    path: Path
    count: int
    channels: int
    fingerprint: str
    skipped: tuple[Skipped, ...]
    class_names: dict[str, tuple[str, ...]]
    continuous_names: tuple[str, ...]
    warnings: tuple[str, ...]
    seconds: float
    images_per_second: float


def import_dataset(
    source: str | Path,
    name: str,
    resolution: int,
    *,
    channels: int | None = None,
    root: Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    threads: int | None = None,
) -> ImportReport:
    """Decode every image of a folder or zip into the cache, in the natural order of their names.

    Images that cannot be read are passed over and reported. `channels` 1 or 3 forces grey or colour; None makes the
    dataset grey if every image is. `progress` gets images done and total. The number of threads does not change
    the result. Raises IgnmError if the name, resolution, source or labels are not valid, the dataset exists and
    `overwrite` is not set, no image can be read, or memory or disk is full; then nothing is left behind.
    """
    started = time.perf_counter()
    root = data_root(root)
    _check_request(name, resolution, channels)
    with open_source(source) as opened, storage_errors(root), dataset_lock(root, name, resolution, timeout=0):
        _check_absent(root / name / str(resolution), overwrite)
        labels = read_labels(opened)
        outcome = _Outcome(progress, len(opened.names))
        with write_dataset(root, name, resolution, channels) as writer:
            for index, result in _decoded(opened, resolution, channels, threads or _cpus()):
                outcome.add(opened.names[index], index, result)
                if isinstance(result, Decoded):
                    writer.append([result.pixels])
            outcome.check(opened)
            found = Labels.none(writer.count) if labels is None else labels.encode(outcome.kept)
            description = writer.finish(found, outcome.skipped, opened.title)
    warnings = _warnings(description, outcome, labels)
    return _report(root / name / str(resolution), description, warnings, time.perf_counter() - started)


@dataclass
class _Outcome:
    """What became of each image."""

    progress: Callable[[int, int], None] | None
    total: int
    kept: list[int] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    enlarged: int = 0

    def add(self, name: str, index: int, result: Decoded | UnreadableImageError) -> None:
        if isinstance(result, Decoded):
            self.kept.append(index)
            self.enlarged += result.enlarged
        else:
            self.skipped.append(Skipped(name=name, reason=str(result)))
        done = len(self.kept) + len(self.skipped)
        if self.progress is not None and (done % _BATCH == 0 or done == self.total):
            self.progress(done, self.total)

    def check(self, source: Source) -> None:
        if not self.kept:
            raise IgnmError(
                f"None of the {self.total} images in {source.title} can be read: {_some(self.skipped)}. "
                "Check the source; nothing was imported."
            )


def _check_request(name: str, resolution: int, channels: int | None) -> None:
    check_name(name)
    check_resolution(resolution)
    if name == EMBEDDED:
        raise IgnmError(f"The name {EMBEDDED!r} belongs to the faces that IGNM draws itself. Choose another.")
    if channels not in (None, 1, 3):
        raise IgnmError(f"The number of channels is {channels}; allowed are 1 (grey) and 3 (colour).")


def _check_absent(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise IgnmError(
            f"There is already a dataset {path.parent.name!r} at {path.name} ({path}). "
            "Choose another name, or replace it with --overwrite."
        )


def _decoded(
    source: Source, resolution: int, channels: int | None, threads: int
) -> Iterator[tuple[int, Decoded | UnreadableImageError]]:
    """Yield every image in order, decoded by threads that run only a few batches ahead."""

    def decode_batch(batch: range) -> list[Decoded | UnreadableImageError]:
        return [_decode_one(source, index, resolution, channels) for index in batch]

    count = len(source.names)
    batches = (range(start, min(start + _BATCH, count)) for start in range(0, count, _BATCH))
    pending: deque[tuple[range, Future[list[Decoded | UnreadableImageError]]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for batch in batches:
            pending.append((batch, pool.submit(decode_batch, batch)))
            if len(pending) > 2 * threads:
                ready, future = pending.popleft()
                yield from zip(ready, future.result(), strict=True)
        for ready, future in pending:
            yield from zip(ready, future.result(), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _decode_one(source: Source, index: int, resolution: int, channels: int | None) -> Decoded | UnreadableImageError:
    try:
        return decode(source.read(index), resolution, channels)
    except UnreadableImageError as error:
        return error
    except MemoryError:
        # Not one image fewer: on a machine with more memory the same source would be another dataset.
        raise IgnmError(
            f"There is not enough memory to decode {source.names[index]}. Free some, or import on a larger machine."
        ) from None


def _cpus() -> int:
    """CPUs this process may use, which on a shared node are fewer than the node has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _warnings(description: Description, outcome: _Outcome, labels: LabelTable | None) -> tuple[str, ...]:
    count, size = description.count, description.resolution
    found: list[tuple[int, str]] = [
        (len(outcome.skipped), f"of {outcome.total} images could not be read: {_some(outcome.skipped)}"),
        (outcome.enlarged, f"of {count} images were smaller than {size}x{size} and were enlarged"),
    ]
    if labels is not None:
        found += [
            (len(labels.unlabelled), f"images have no row in labels.csv: {_some(labels.unlabelled)}"),
            (len(labels.unknown), f"rows of labels.csv name no image of the source: {_some(labels.unknown)}"),
        ]
    return tuple(f"{number} {text}." for number, text in found if number)


def _some(things: list[Skipped] | tuple[str, ...]) -> str:
    shown = [f"{thing.name} ({thing.reason})" if isinstance(thing, Skipped) else thing for thing in things[:_SHOWN]]
    return ", ".join(shown) + (f", and {len(things) - _SHOWN} more" if len(things) > _SHOWN else "")


def _report(path: Path, description: Description, warnings: tuple[str, ...], seconds: float) -> ImportReport:
    return ImportReport(
        path=path,
        count=description.count,
        channels=description.channels,
        fingerprint=description.fingerprint,
        skipped=tuple(description.skipped),
        class_names={name: tuple(names) for name, names in description.class_names.items()},
        continuous_names=tuple(description.continuous_names),
        warnings=warnings,
        seconds=seconds,
        images_per_second=description.count / seconds,
    )
