"""A table as a plain value: columns, rows of cells, and what must be said beside them."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from analysis.formatting import ABSENT, amount, interval
from analysis.statistics.estimates import NotEstimable

Mark = Literal["best", "tied"]
"""`tied`: not distinguishable from the best."""


@dataclass(frozen=True)
class Column:
    """A column, of numbers or of words; always: shown though every row says the same."""

    key: str
    title: str
    numeric: bool = False
    always: bool = False


@dataclass(frozen=True)
class Cell:
    """One cell: words, or a number with what is known of it.

    text: as shown, empty where the number's own; low, high: of its interval; n: what it rests on; lost: seeds asked for
    that left nothing; why: why there is no number, or no interval, told below the table.
    """

    value: float | None = None
    text: str = ""
    low: float | None = None
    high: float | None = None
    n: int | None = None
    lost: int | None = None
    mark: Mark | None = None
    why: str = ""

    @property
    def shown(self) -> str:
        """The cell as a reader sees it, without its mark."""
        return self.text or interval(self.value, self.low, self.high)


@dataclass(frozen=True)
class Table:
    """One table; where it has no rows, `empty` says why, and what would make them: words within a sentence.

    caption: what it shows and on what it rests; notes: sentences below it.
    """

    name: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    empty: str = ""

    def __post_init__(self) -> None:
        """Hold rows to the columns: a shifted row would say something else."""
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"table {self.name}: every row must have {len(self.columns)} cells")

    def said_once(self) -> "Table":
        """Return it without those columns of words that say one thing in all of several rows; the caption says it."""
        same = {at: texts.pop() for at, texts in enumerate(map(set, self._texts())) if self._is_same(at, texts)}
        if not same:
            return self
        told = ", ".join(f"{self.columns[at].title} {text}" for at, text in same.items())
        kept = [at for at in range(len(self.columns)) if at not in same]
        return dataclasses.replace(
            self,
            caption=f"{self.caption} In every row: {told}.",
            columns=tuple(self.columns[at] for at in kept),
            rows=tuple(tuple(row[at] for at in kept) for row in self.rows),
        )

    def _texts(self) -> list[list[str]]:
        return [[row[at].shown for row in self.rows] for at in range(len(self.columns))]

    def _is_same(self, at: int, texts: set[str]) -> bool:
        several, words = len(self.rows) > 1, not (self.columns[at].numeric or self.columns[at].always)
        return several and words and len(texts) == 1 and texts != {ABSENT}

    @property
    def marked(self) -> bool:
        """Whether any cell is marked, so that the marks must be explained."""
        return any(cell.mark for row in self.rows for cell in row)

    @property
    def reasons(self) -> dict[str, str]:
        """The letter of each different `why`, in order of appearance."""
        found = dict.fromkeys(cell.why for row in self.rows for cell in row if cell.why)
        return {why: letter(position) for position, why in enumerate(found)}

    def column(self, key: str) -> list[Cell]:
        """Return a column's cells; KeyError where there is none of this key."""
        keys = [column.key for column in self.columns]
        if key not in keys:
            raise KeyError(key)
        return [row[keys.index(key)] for row in self.rows]


def letter(position: int) -> str:
    """Return a, b, ..., z, aa, ab, ... for 0, 1, ..."""
    found = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        found = chr(ord("a") + rest) + found
    return found


def words(text: Any) -> Cell:
    """Return a cell of words; a dash for none."""
    return Cell(text=str(text) if text not in (None, "") else ABSENT)


def whole(value: float | None, why: str = "") -> Cell:
    """Return a cell of a plain number, as a count or a length."""
    return Cell(value, amount(value), why=why)


def estimate(found: Any, mark: Mark | None = None) -> Cell:
    """Return a cell of any result of the statistics: its value and interval, or the reason why there is none."""
    if isinstance(found, NotEstimable):
        return Cell(found.value, n=found.n, lost=found.lost, mark=mark, why=found.reason)
    return Cell(found.value, low=found.low, high=found.high, n=found.n, lost=getattr(found, "lost", None), mark=mark)


def probability(p: float | None) -> Cell:
    """Return a cell of a p-value."""
    if p is None:
        return Cell(text=ABSENT)
    return Cell(p, "< 0.001" if p < 0.001 else f"{p:.3f}")


def share(value: float | None) -> Cell:
    """Return a cell of a fraction, shown in percent."""
    if value is None:
        return Cell(text=ABSENT)
    percent = round(100 * value)
    return Cell(value, f"−{-percent}%" if percent < 0 else f"{percent}%")


def joined(names: Iterable[Any]) -> str:
    """Return "a, b" of what is there."""
    return ", ".join(str(name) for name in names)
