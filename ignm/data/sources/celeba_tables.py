"""The tables that CelebA is published with: lines of integers, one for each image, as .txt or, from Kaggle, .csv."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ignm.errors import IgnmError

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Kind:
    """One table: its columns (None: the file names them), and the values that may stand in it."""

    columns: tuple[str, ...] | None
    allowed: Callable[[Numbers], npt.NDArray[np.bool_]]
    says: str


LANDMARKS = tuple(
    f"{point}_{axis}" for point in ("lefteye", "righteye", "nose", "leftmouth", "rightmouth") for axis in "xy"
)
ATTRIBUTES, LANDMARK, IDENTITY, PARTITION = (
    "list_attr_celeba",
    "list_landmarks_align_celeba",
    "identity_CelebA",
    "list_eval_partition",
)
KINDS = {
    ATTRIBUTES: Kind(None, lambda values: abs(values) == 1, "-1 (no) or 1 (yes)"),
    LANDMARK: Kind(None, lambda values: abs(values) < 10_000, "a position in pixels"),
    IDENTITY: Kind(("identity",), lambda values: values >= 0, "the number of a person"),
    PARTITION: Kind(
        ("partition",), lambda values: (values >= 0) & (values <= 2), "0 (train), 1 (validation) or 2 (test)"
    ),
}
FILES = tuple(f"{name}{extension}" for name in KINDS for extension in (".txt", ".csv"))


@dataclass(frozen=True)
class Table:
    """`columns` and their `values` (rows, columns), each row belonging to the image of a number ("000001")."""

    file: str
    columns: tuple[str, ...]
    numbers: tuple[str, ...]
    values: Numbers


def parse_table(data: bytes, file: str) -> Table:
    """Read a table by its file name; raise IgnmError with the line for anything it may not hold."""
    name, _, extension = file.rpartition(".")
    reader = _Reader(file, KINDS[name], "," if extension == "csv" else None)
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise reader.error(data.count(b"\n", 0, error.start) + 1, "is not text") from None
    while lines and not lines[-1].strip():
        lines.pop()
    columns, start = reader.header(lines)
    return reader.rows(lines, columns, start)


@dataclass(frozen=True)
class _Reader:
    file: str
    kind: Kind
    separator: str | None

    def header(self, lines: list[str]) -> tuple[tuple[str, ...], int]:
        """Return the columns and the index of the first row."""
        if self.separator is not None:
            return self.columns(lines, 0, 1), 1
        if self.kind.columns is not None:
            return self.kind.columns, 0
        columns = self.columns(lines, 1, 0)
        count = lines[0].strip()
        if count != str(len(lines) - 2):
            raise self.error(1, f"says {count[:20]!r}, but {len(lines) - 2} rows follow its header")
        return columns, 2

    def columns(self, lines: list[str], line: int, skipped: int) -> tuple[str, ...]:
        cells = lines[line].split(self.separator)[skipped:] if line < len(lines) else []
        columns = tuple(cell.strip() for cell in cells)
        if not columns or len(set(columns)) < len(columns) or "" in columns:
            raise self.error(line + 1, "should name the columns, each once")
        if self.kind.columns is not None and len(columns) != len(self.kind.columns):
            raise self.error(line + 1, f"names {len(columns)} columns, not {len(self.kind.columns)}")
        return self.kind.columns or columns

    def rows(self, lines: list[str], columns: tuple[str, ...], start: int) -> Table:
        found = array("i")
        seen: dict[str, int] = {}
        for index, line in enumerate(lines[start:]):
            image, *cells = line.split(self.separator) or [""]
            number = image.strip().rpartition(".")[0]
            if not number:
                raise self.error(start + index + 1, f"names no image ({line[:40]!r})")
            if len(cells) != len(columns):
                raise self.error(start + index + 1, f"has {len(cells)} values, not {len(columns)}")
            if seen.setdefault(number, index) != index:
                raise self.error(start + index + 1, f"repeats {image} of line {start + seen[number] + 1}")
            try:
                found.extend(map(int, cells))
            except (ValueError, OverflowError):
                raise self.wrong(start + index + 1, next(cell for cell in cells if not _is_integer(cell))) from None
        values = np.frombuffer(found, np.int32).reshape(len(seen), len(columns))
        foreign = np.argwhere(~self.kind.allowed(values))
        if len(foreign):
            row, column = foreign[0]
            raise self.wrong(start + int(row) + 1, str(values[row, column]))
        return Table(self.file, columns, tuple(seen), values)

    def wrong(self, line: int, value: str) -> IgnmError:
        return self.error(line, f"says {value.strip()[:20]!r} where {self.kind.says} belongs")

    def error(self, line: int, problem: str) -> IgnmError:
        return IgnmError(
            f"{self.file}: line {line} {problem}. Download the file again, or take it away to do without it."
        )


def _is_integer(cell: str) -> bool:
    try:
        return abs(int(cell)) < 2**31
    except ValueError:
        return False
