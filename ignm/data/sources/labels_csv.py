"""labels.csv: a table beside the images, its rows found by file name."""

import csv
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ignm.data.labels import MISSING_CLASS, Column, LabelTable, infer_column
from ignm.data.sources.source import EXTENSIONS
from ignm.errors import IgnmError

LABELS_FILE = "labels.csv"

Record = tuple[int, list[str]]  # line number, cells


def label_names(top: str) -> tuple[str, ...]:
    """Return where labels.csv may lie."""
    return (LABELS_FILE, f"{top}/{LABELS_FILE}") if top else (LABELS_FILE,)


def read_labels_csv(data: bytes, title: str, names: Sequence[str], top: str) -> LabelTable:
    """Match a table to the images of a source of this title, names and top folder.

    The first column names the image: its path within the source (or within its one top folder), or its base name
    where only one image has it. A column whose values are numbers with more than 20 distinct fractions is
    continuous, every other one a class attribute; an empty cell or `nan` is a missing value.
    Raises IgnmError with the line number for a table that cannot be trusted.
    """
    table = _Table(title, names, top)
    header, records = table.parse(data)
    matched, unknown = table.match(records)
    unlabelled = tuple(name for index, name in enumerate(names) if index not in matched)
    columns = tuple(table.column(place, name, matched) for place, name in enumerate(header[1:], start=1))
    return LabelTable(columns, unlabelled, unknown, title=LABELS_FILE)


@dataclass(frozen=True)
class _Table:
    """The source that a table belongs to."""

    title: str
    names: Sequence[str]
    top: str

    def parse(self, data: bytes) -> tuple[list[str], list[Record]]:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise self.error(line, "is not UTF-8 text", "Save the table as UTF-8.") from None
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            rows = [(reader.line_num, [sys.intern(cell.strip()) for cell in row]) for row in reader if any(row)]
        except csv.Error as error:
            raise self.error(reader.line_num, f"is not valid CSV ({error})", "Check its quotes.") from None
        if not rows:
            raise self.error(1, "is empty", "Its first line names the columns: file,attribute,...")
        header = rows[0][1]
        self.check_header(*rows[0])
        for line, cells in rows[1:]:
            if len(cells) != len(header):
                raise self.error(line, f"has {len(cells)} columns, the header {len(header)}", "Check its commas.")
        return header, rows[1:]

    def check_header(self, line: int, header: list[str]) -> None:
        if header[0].rpartition(".")[2].lower() in EXTENSIONS:
            raise self.error(line, f"names an image ({header[0]!r}) where the header belongs", "Put file,... above it.")
        for position, name in enumerate(header, start=1):
            if not name or header.index(name) != position - 1:
                problem = f"repeats the column {name!r}" if name else f"gives column {position} no name"
                raise self.error(line, problem, "Every column needs its own name.")

    def match(self, records: list[Record]) -> tuple[dict[int, Record], tuple[str, ...]]:
        lookup = self.lookup()
        matched: dict[int, Record] = {}
        unknown = []
        for line, cells in records:
            file = cells[0].replace("\\", "/").removeprefix("./")
            candidates = lookup.get(cells[0]) or lookup.get(file, [])
            if not candidates:
                unknown.append(cells[0])
                continue
            if len(candidates) > 1:
                both = " and ".join(repr(self.names[index]) for index in candidates[:2])
                raise self.error(line, f"says {file!r}, which may be {both}", "Write the path within the source.")
            if candidates[0] in matched:
                first = matched[candidates[0]][0]
                raise self.error(line, f"repeats {file!r} of line {first}", "Keep one row for each image.")
            matched[candidates[0]] = (line, cells)
        return matched, tuple(unknown)

    def lookup(self) -> dict[str, list[int]]:
        """Map every accepted spelling to the images it may mean; a full path beats a shorter spelling."""
        exact = {name: [index] for index, name in enumerate(self.names)}
        below_top = {name.removeprefix(f"{self.top}/"): [index] for index, name in enumerate(self.names)}
        short: dict[str, list[int]] = {}
        for index, name in enumerate(self.names):
            short.setdefault(name.rpartition("/")[2], []).append(index)
        return short | below_top | exact

    def column(self, position: int, name: str, matched: dict[int, Record]) -> Column:
        places: dict[str, int] = {}
        codes = np.full(len(self.names), MISSING_CLASS, np.int32)
        for index, (_, cells) in matched.items():
            codes[index] = places.setdefault(cells[position], len(places))

        def wrong(index: int, text: str) -> IgnmError:
            problem = f"says {text!r} in the numeric column {name!r}"
            return self.error(matched[index][0], problem, "Leave unknown cells empty.")

        return infer_column(name, list(places), codes, wrong)

    def error(self, line: int, problem: str, advice: str) -> IgnmError:
        return IgnmError(f"{LABELS_FILE} in {self.title}: line {line} {problem}. {advice}")
