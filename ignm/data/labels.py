"""What is known about each image, as class attributes and continuous attributes, whichever table it comes from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # a source carries a table of labels, so at run time it is the one that imports
    pass

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


@dataclass(frozen=True, eq=False)
class Column:
    """One attribute of a source's N images, in their order.

    With `classes`, `values` is an integer (N,) array of indices into them, -1 = missing; without, the attribute is
    continuous and `values` is float32 (N,), NaN = missing.
    """

    name: str
    values: npt.NDArray[Any]
    classes: tuple[str, ...] | None = None

    @property
    def continuous(self) -> bool:
        """Whether the attribute is a measurement rather than a class."""
        return self.classes is None


@dataclass(frozen=True)
class LabelTable:
    """Labels matched to a source's images.

    `unlabelled` images have no row, `unknown` rows have no image, `left_out` columns are no labels (each with its
    reason); `title` is how messages call the table.
    """

    columns: tuple[Column, ...]
    unlabelled: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    title: str = "labels.csv"

    def encode(self, kept: Sequence[int]) -> Labels:
        """Return the labels of the images at these indices; class names are those that occur among them, sorted."""
        rows = np.asarray(kept, np.int64)
        continuous = [column for column in self.columns if column.classes is None]
        numbers = np.empty((len(rows), len(continuous)), np.float32)
        for place, column in enumerate(continuous):
            numbers[:, place] = column.values[rows]
        discrete = [column for column in self.columns if column.classes is not None]
        classes = np.empty((len(rows), len(discrete)), np.int64)
        class_names = {}
        for place, column in enumerate(discrete):
            classes[:, place], class_names[column.name] = _compact(column.values[rows], column.classes or ())
        return Labels(classes, class_names, numbers, tuple(column.name for column in continuous))


def infer_column(
    name: str,
    texts: Sequence[str],
    codes: npt.NDArray[np.integer[Any]],
    wrong: Callable[[int, str], Exception],
) -> Column:
    """Return the column whose image i says `texts[codes[i]]` (-1 = nothing), the texts being distinct.

    Numbers with more than 20 distinct fractions make it continuous, anything else a class attribute; "" and `nan` are
    missing values. Raises `wrong(image, text)` for text among measurements.
    """
    known = [text.lower() not in _MISSING for text in texts]
    numbers = {code: _number(texts[code]) for code in range(len(texts)) if known[code]}
    fractions = sum(value is not None and not value.is_integer() for value in numbers.values())
    if fractions <= MAX_FRACTIONS:
        # One more for -1, which as an index means the last.
        lookup = np.array([code if known[code] else MISSING_CLASS for code in range(len(texts))] + [MISSING_CLASS])
        return Column(name, lookup.astype(np.int32)[codes], tuple(texts))
    foreign = [code for code, value in numbers.items() if value is None]
    if foreign:
        image = int(np.flatnonzero(np.isin(codes, foreign))[0])
        raise wrong(image, texts[codes[image]])
    values = [numbers.get(code) for code in range(len(texts))] + [None]
    return Column(name, np.array([math.nan if value is None else value for value in values], np.float32)[codes])


def _compact(codes: npt.NDArray[Any], names: tuple[str, ...]) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Number anew the classes that occur, in sorted order."""
    present = {names[code]: code for code in np.unique(codes) if code != MISSING_CLASS}
    ordered = _sorted_classes(set(present))
    lookup = np.full(len(names) + 1, MISSING_CLASS, np.int64)
    lookup[[present[name] for name in ordered]] = np.arange(len(ordered))
    return lookup[codes], ordered


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
