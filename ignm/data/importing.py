"""Import: images of any kind -> one decoded, fingerprinted dataset in the cache; what a kill has cut short goes on."""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ignm.data.cache import (
    Description,
    Skipped,
    check_name,
    check_resolution,
    data_root,
)
from ignm.data.decoding import decoding_identity, one_if_grey
from ignm.data.labels import Labels, LabelTable
from ignm.data.partial import UNKNOWN, PartialImport, Target, discard, partial_import
from ignm.data.sources import Source, open_source
from ignm.data.splitting import arrange, check_share
from ignm.data.store import EMBEDDED
from ignm.data.workers import Decoders, Result, decoders, decoding
from ignm.data.writing import dataset_lock, storage_errors
from ignm.errors import IgnmError

_SHOWN = 3

Filter = Callable[[npt.NDArray[np.uint8]], str | None]
"""Says of one image, uint8 (R, R, C), why it is left out; None keeps it. If it has a `name`, it is counted under that.

Filters see the images in order, each those that the filters before it keep. One that remembers images comes last: after
an interruption it is made anew and shown those that were kept.
"""


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    `count` images, of which `test` are held out; `skipped` could not be read, `left_out` were refused by filters, by
    reason; `resumed` were done by an earlier import that was interrupted; `warnings` are sentences for the user,
    `seconds` is wall time.
    """

    path: Path
    count: int
    test: int
    channels: int
    fingerprint: str
    skipped: tuple[Skipped, ...]
    left_out: dict[str, int]
    class_names: dict[str, tuple[str, ...]]
    continuous_names: tuple[str, ...]
    warnings: tuple[str, ...]
    resumed: int
    seconds: float
    images_per_second: float


def import_dataset(
    source: str | Path,
    name: str,
    resolution: int,
    *,
    channels: int | None = None,
    test_share: float | None = None,
    filters: Sequence[Filter] = (),
    filter_settings: Mapping[str, Any] | None = None,
    licence: str | None = None,
    root: Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
    tell: Callable[[str], None] | None = None,
    workers: int | None = None,
) -> ImportReport:
    """Decode every image of a source into the cache: those to train on, then those held out, each in natural order.

    Images that cannot be read are passed over and reported. `channels` 1 or 3 forces grey or colour; None makes the
    dataset grey if every image is. `test_share` in [0, 0.5] is held out by a hash of the images' names; None keeps to
    the source's own partition. `filters` leave images out; `filter_settings` (JSON) say what they were made from, are
    kept with the dataset, and without them an import with filters cannot go on after an interruption. `licence` says
    what the images may be used for, and stands on the cards of models; None: what their publisher says, if known.
    `progress` gets images done and total, `tell` what becomes of an import that was interrupted. The number of
    `workers` does not change the result.

    An import that is killed or stopped, or whose disk is full, keeps what it has done, hidden: the same call goes on
    from there. Raises IgnmError if the name, resolution, source or labels are not valid, the dataset exists and
    `overwrite` is not set, no image is left to train on, or memory or disk is full.
    """
    started = time.perf_counter()
    root = data_root(root)
    _check_request(name, resolution, channels, test_share)
    target = Target(root / name / str(resolution), name, resolution, channels)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source))
        stack.enter_context(storage_errors(root))
        stack.enter_context(dataset_lock(root, name, resolution, timeout=0))
        _check_absent(target.path, overwrite)
        # Processes start while the labels are read.
        using = stack.enter_context(decoders(len(opened.names), resolution, channels, workers))
        labels = opened.labels()
        order, train = arrange(opened, test_share)
        request = _request(opened, target, order, train, filters, filter_settings)
        with partial_import(target, request, tell or _ignore) as partial, storage_errors(root, partial.kept):
            _replay(filters, partial, channels)
            _decode_all(opened, partial, order, using, filters, progress or _ignore)
            kept, test = _kept(partial, order, train)
            _check_kept(opened, partial, target, len(kept) - test)
            description = partial.writer.finish(
                Labels.none(len(kept)) if labels is None else labels.encode(kept.tolist()),
                [Skipped(name=opened.names[index], reason=reason) for index, reason in partial.outcome.skipped],
                opened.title,
                test=test,
                filters=filter_settings,
                left_out=Counter(reason for _, reason in partial.outcome.left_out),
                licence=licence or opened.licence,
            )
            partial.publish(target.path)
        warnings = _warnings(opened, description, partial, labels)
    return _report(target.path, description, partial, warnings, time.perf_counter() - started)


def _ignore(*_: object) -> None:
    return


def _check_request(name: str, resolution: int, channels: int | None, test_share: float | None) -> None:
    check_name(name)
    check_resolution(resolution)
    check_share(test_share)
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


def _request(
    source: Source,
    target: Target,
    order: npt.NDArray[np.int64],
    train: int,
    filters: Sequence[Filter],
    filter_settings: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return all that decides the pixels, under names that a message can use."""
    return {
        "source": source.identity or UNKNOWN,
        "resolution": target.resolution,
        "number of channels": target.channels,
        "split": [train, hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()],
        "selection": UNKNOWN if filters and filter_settings is None else dict(filter_settings or {}),
        "version of decoding": decoding_identity(),
    }


def _replay(filters: Sequence[Filter], partial: PartialImport, channels: int | None) -> None:
    """Show the filters what was kept before an interruption, as they would have seen it."""
    if filters and partial.resumed:
        for image in partial.writer.pixels.rows():
            shown = image if channels else one_if_grey(image)
            for judge in filters:
                judge(shown)


def _decode_all(
    source: Source,
    partial: PartialImport,
    order: npt.NDArray[np.int64],
    using: Decoders,
    filters: Sequence[Filter],
    progress: Callable[[int, int], None],
) -> None:
    outcome = partial.outcome
    with decoding(source, order[outcome.done :], using) as decoded:
        for results in decoded:
            indices = order[outcome.done : outcome.done + len(results)].tolist()
            partial.writer.append(_chosen(indices, results, partial, filters))
            outcome.done += len(results)
            partial.note()
            progress(outcome.done, len(order))
    partial.note_now()


def _chosen(
    indices: list[int], results: list[Result], partial: PartialImport, filters: Sequence[Filter]
) -> list[npt.NDArray[np.uint8]]:
    chosen = []
    for index, result in zip(indices, results, strict=True):
        if isinstance(result, str):
            partial.outcome.skipped.append((index, result))
            continue
        refusal = next((_counted_as(judge, reason) for judge in filters if (reason := judge(result.pixels))), None)
        if refusal is not None:
            partial.outcome.left_out.append((index, refusal))
            continue
        partial.outcome.enlarged += result.enlarged
        chosen.append(result.pixels)
    return chosen


def _counted_as(judge: Filter, reason: str) -> str:
    return getattr(judge, "name", reason)


def _kept(partial: PartialImport, order: npt.NDArray[np.int64], train: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the indices of the images that are in the dataset, in its order, and how many of them are held out."""
    keep = np.ones(len(order), bool)
    keep[[index for index, _ in [*partial.outcome.skipped, *partial.outcome.left_out]]] = False
    return order[keep[order]], int(keep[order[train:]].sum())


def _check_kept(source: Source, partial: PartialImport, target: Target, train: int) -> None:
    outcome = partial.outcome
    if train > 0:
        return
    discard(target)
    if len(outcome.skipped) == outcome.done:
        raise IgnmError(
            f"None of the {outcome.done} images in {source.title} can be read: {_some_skipped(source, partial)}. "
            "Check the source; nothing was imported."
        )
    raise IgnmError(
        f"Of the {outcome.done} images in {source.title} none is left to train on: {len(outcome.skipped)} could not be "
        f"read, {len(outcome.left_out)} were left out, the others are held out. Ask for less; nothing was imported."
    )


def _warnings(
    source: Source, description: Description, partial: PartialImport, labels: LabelTable | None
) -> tuple[str, ...]:
    count, size, outcome = description.count, description.resolution, partial.outcome
    unread = f"of {outcome.done} images could not be read: {_some_skipped(source, partial)}"
    found: list[tuple[int, str]] = [
        (len(outcome.skipped), unread),
        (outcome.enlarged, f"of {count} images were smaller than {size}x{size} and were enlarged"),
    ]
    if labels is not None:
        found += [
            (len(labels.unlabelled), f"images have no row in {labels.title}: {_some(labels.unlabelled)}"),
            (len(labels.unknown), f"rows of {labels.title} name no image of the source: {_some(labels.unknown)}"),
            (len(labels.left_out), f"columns of {labels.title} are no labels: {_some(labels.left_out)}"),
        ]
    return tuple(f"{number} {text}." for number, text in found if number)


def _some_skipped(source: Source, partial: PartialImport) -> str:
    skipped = partial.outcome.skipped
    return _some([f"{source.names[index]} ({reason})" for index, reason in skipped[:_SHOWN]], len(skipped))


def _some(things: Sequence[str], count: int | None = None) -> str:
    count = len(things) if count is None else count
    return ", ".join(things[:_SHOWN]) + (f", and {count - _SHOWN} more" if count > _SHOWN else "")


def _report(
    path: Path, description: Description, partial: PartialImport, warnings: tuple[str, ...], seconds: float
) -> ImportReport:
    return ImportReport(
        path=path,
        count=description.count,
        test=description.test,
        channels=description.channels,
        fingerprint=description.fingerprint,
        skipped=tuple(description.skipped),
        left_out=description.left_out,
        class_names={name: tuple(names) for name, names in description.class_names.items()},
        continuous_names=tuple(description.continuous_names),
        warnings=warnings,
        resumed=partial.resumed,
        seconds=seconds,
        images_per_second=(partial.outcome.done - partial.resumed) / seconds,
    )
