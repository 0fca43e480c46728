"""labels.csv: what is known about each image, as class attributes and continuous attributes."""

import csv
import io
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ignm.data.sources import EXTENSIONS, LABELS_FILE, Source
from ignm.errors import IgnmError

MISSING_CLASS = -1
# More distinct fractions than this and a numeric column is a measurement, not a set of classes.
MAX_FRACTIONS = 20
_MISSING = ("", "nan")


@dataclass(frozen=True, eq=False)
class Labels:
    """Attributes of N images.

    `classes` int64 (N, A), an index into the attribute's names, -1 = missing; `class_names` maps each of the A
    attributes to its class names; `continuous` float32 (N, K), NaN = missing; `continuous_names` its K columns.
    """

    classes: npt.NDArray[np.int64]
    class_names: dict[str, tuple[str, ...]]
    continuous: npt.NDArray[np.float32]
    continuous_names: tuple[str, ...]

    @classmethod
    def none(cls, count: int) -> "Labels":
        """Return the labels of images about which nothing is known."""
        return cls(np.zeros((count, 0), np.int64), {}, np.zeros((count, 0), np.float32), ())


@dataclass(frozen=True)
class Column:
    """One attribute: its values in the order of the source's images, None = missing."""

    name: str
    values: tuple[str | None, ...]
    continuous: bool


@dataclass(frozen=True)
class LabelTable:
    """labels.csv matched to a source's images; `unlabelled` images have no row, `unknown` rows have no image."""

    columns: tuple[Column, ...]
    unlabelled: tuple[str, ...]
    unknown: tuple[str, ...]

    def encode(self, kept: Sequence[int]) -> Labels:
        """Return the labels of the images at these indices; class names are those that occur among them, sorted."""
        classes, class_names, continuous, continuous_names = [], {}, [], []
        for column in self.columns:
            values = [column.values[index] for index in kept]
            if column.continuous:
                continuous.append([math.nan if value is None else float(value) for value in values])
                continuous_names.append(column.name)
            else:
                names = _sorted_classes({value for value in values if value is not None})
                codes = {value: code for code, value in enumerate(names)}
                classes.append([MISSING_CLASS if value is None else codes[value] for value in values])
                class_names[column.name] = names
        return Labels(
            np.array(classes, np.int64).reshape(len(classes), len(kept)).T.copy(),
            class_names,
            np.array(continuous, np.float32).reshape(len(continuous), len(kept)).T.copy(),
            tuple(continuous_names),
        )


def read_labels(source: Source) -> LabelTable | None:
    """Read and match the source's labels.csv; None if it has none.

    The first column names the image: its path within the source (or within its one top folder), or its base name
    where only one image has it. A column whose values are numbers with more than 20 distinct fractions is
    continuous, every other one a class attribute; an empty cell or `nan` is a missing value.
    Raises IgnmError with the line number for a table that cannot be trusted.
    """
    if source.labels is None:
        return None
    header, records = _parse(source)
    matched, unknown = _match(source, records)
    unlabelled = tuple(name for index, name in enumerate(source.names) if index not in matched)
    columns = tuple(_column(source, position, name, matched) for position, name in enumerate(header[1:], start=1))
    return LabelTable(columns, unlabelled, unknown)


Record = tuple[int, list[str]]  # line number, cells


def _parse(source: Source) -> tuple[list[str], list[Record]]:
    try:
        text = (source.labels or b"").decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = (source.labels or b"").count(b"\n", 0, error.start) + 1
        raise _error(source, line, "is not UTF-8 text", "Save the table as UTF-8.") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, [sys.intern(cell.strip()) for cell in row]) for row in reader if any(row)]
    except csv.Error as error:
        raise _error(source, reader.line_num, f"is not valid CSV ({error})", "Check its quotes.") from None
    if not rows:
        raise _error(source, 1, "is empty", "Its first line names the columns: file,attribute,...")
    header = rows[0][1]
    _check_header(source, *rows[0])
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise _error(source, line, f"has {len(cells)} columns, the header {len(header)}", "Check its commas.")
    return header, rows[1:]


def _check_header(source: Source, line: int, header: list[str]) -> None:
    if header[0].rpartition(".")[2].lower() in EXTENSIONS:
        raise _error(source, line, f"names an image ({header[0]!r}) where the header belongs", "Put file,... above it.")
    for position, name in enumerate(header, start=1):
        if not name or header.index(name) != position - 1:
            problem = f"repeats the column {name!r}" if name else f"gives column {position} no name"
            raise _error(source, line, problem, "Every column needs its own name.")


def _match(source: Source, records: list[Record]) -> tuple[dict[int, Record], tuple[str, ...]]:
    lookup = _lookup(source)
    matched: dict[int, Record] = {}
    unknown = []
    for line, cells in records:
        file = cells[0].replace("\\", "/").removeprefix("./")
        candidates = lookup.get(cells[0]) or lookup.get(file, [])
        if not candidates:
            unknown.append(cells[0])
            continue
        if len(candidates) > 1:
            both = " and ".join(repr(source.names[index]) for index in candidates[:2])
            raise _error(source, line, f"says {file!r}, which may be {both}", "Write the path within the source.")
        if candidates[0] in matched:
            raise _error(
                source, line, f"repeats {file!r} of line {matched[candidates[0]][0]}", "Keep one row for each image."
            )
        matched[candidates[0]] = (line, cells)
    return matched, tuple(unknown)


def _lookup(source: Source) -> dict[str, list[int]]:
    """Map every accepted spelling to the images it may mean; a full path beats a shorter spelling."""
    exact = {name: [index] for index, name in enumerate(source.names)}
    below_top = {name.removeprefix(f"{source.top}/"): [index] for index, name in enumerate(source.names)}
    short: dict[str, list[int]] = {}
    for index, name in enumerate(source.names):
        short.setdefault(name.rpartition("/")[2], []).append(index)
    return short | below_top | exact


def _column(source: Source, position: int, name: str, matched: dict[int, Record]) -> Column:
    lines = {index: line for index, (line, _) in matched.items()}
    values = {
        index: cells[position] for index, (_, cells) in matched.items() if cells[position].lower() not in _MISSING
    }
    numbers = {value: _number(value) for value in set(values.values())}
    fractions = sum(number is not None and not number.is_integer() for number in numbers.values())
    continuous = fractions > MAX_FRACTIONS
    if continuous and None in numbers.values():
        index = next(index for index, value in values.items() if numbers[value] is None)
        raise _error(
            source, lines[index], f"says {values[index]!r} in the numeric column {name!r}", "Leave unknown cells empty."
        )
    return Column(name, tuple(values.get(index) for index in range(len(source.names))), continuous)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= float(np.finfo(np.float32).max) else None


def _sorted_classes(names: set[str]) -> tuple[str, ...]:
    numbers = {name: _number(name) for name in names}
    if None in numbers.values():
        return tuple(sorted(names))
    return tuple(sorted(names, key=lambda name: (numbers[name], name)))


def _error(source: Source, line: int, problem: str, advice: str) -> IgnmError:
    return IgnmError(f"{LABELS_FILE} in {source.title}: line {line} {problem}. {advice}")
