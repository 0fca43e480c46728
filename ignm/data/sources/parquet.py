"""Parquet files with a column of images, as Hugging Face publishes datasets: data/train-00000-of-00002.parquet."""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ignm.data.labels import MISSING_CLASS, Column, LabelTable, infer_column
from ignm.data.sources.files import Files
from ignm.data.sources.row_groups import ParquetFile, RowGroups, read_columns, read_footer
from ignm.data.sources.source import NamesOnDemand, Source, natural_key
from ignm.errors import IgnmError

_HELD_OUT = re.compile(r"(test|validation|valid|val)(?![a-z])", re.IGNORECASE)
# As many distinct texts or whole numbers as rows are names, not classes, unless the rows are few.
_FEW_ROWS = 20


def parquet_names(files: Files) -> tuple[str, ...]:
    """Return the parquet files in natural order; none in a zip, where they cannot be read at random."""
    names = [] if files.open is None else [name for name in files.names if name.lower().endswith(".parquet")]
    return tuple(sorted(names, key=natural_key))


def has_image_column(files: Files, name: str) -> bool:
    """Say whether a parquet file holds images."""
    return bool(_image_columns(read_footer(files, name).schema))


def open_parquet(files: Files, names: Sequence[str]) -> Source:
    """Open the images of these parquet files, one after the other.

    Files (or their folders) whose name begins with test or validation are held out, unless all do. Raises IgnmError
    for a damaged file, a file without images or with other columns than the first.
    """
    image = _image_column(files, names[0], read_footer(files, names[0]).schema)
    parquets = [read_footer(files, name, image) for name in names]
    _check_alike(files, parquets, image)
    groups = RowGroups(files, parquets, image)
    rows = RowNames.of(parquets)
    if not len(rows):
        raise IgnmError(f"{files.where} holds no image: its parquet files have no rows.")
    return Source(
        title=files.title,
        names=rows,
        read=groups.read,
        labels=lambda: _Labels(files, parquets, image).read(),
        test=_held_out(parquets),
        identity=files.identity,
    )


@dataclass(frozen=True)
class RowNames(NamesOnDemand):
    """The images' names, FILE:ROW."""

    files: Sequence[str]
    starts: Sequence[int]
    """The number of rows before each file, and that of all rows."""

    @classmethod
    def of(cls, parquets: Sequence[ParquetFile]) -> "RowNames":
        """Return the names of all rows of these files."""
        return cls([parquet.name for parquet in parquets], starts_of(parquets))

    def __len__(self) -> int:
        return self.starts[-1]

    def name_of(self, index: int) -> str:
        """Return FILE:ROW."""
        file = bisect_right(self.starts, index) - 1
        return f"{self.files[file]}:{index - self.starts[file]}"


def starts_of(parquets: Sequence[ParquetFile]) -> list[int]:
    """Return the number of rows before each file, and that of all rows."""
    return [0, *accumulate(parquet.count for parquet in parquets)]


def _held_out(parquets: Sequence[ParquetFile]) -> frozenset[int]:
    starts = starts_of(parquets)
    held = [
        any(_HELD_OUT.match(part) for part in PurePosixPath(parquet.name).parts) and parquet.count > 0
        for parquet in parquets
    ]
    if all(out or not parquet.count for out, parquet in zip(held, parquets, strict=True)):
        return frozenset()
    ranges = (range(starts[place], starts[place + 1]) for place, out in enumerate(held) if out)
    return frozenset(row for rows in ranges for row in rows)


def _image_column(files: Files, name: str, schema: pa.Schema) -> str:
    found = _image_columns(schema)
    if len(found) > 1 and "image" in found:
        return "image"
    if len(found) != 1:
        problem = f"several columns of images: {', '.join(found)}" if found else "no column of images"
        columns = ", ".join(f"{field.name} ({field.type})" for field in schema)
        raise IgnmError(
            f"{files.where}: {name} has {problem}. Needed is one column of bytes, or of {{bytes, path}} as Hugging "
            f"Face writes it; its columns: {columns or 'none'}."
        )
    return found[0]


def _image_columns(schema: pa.Schema) -> list[str]:
    """Return the columns that Hugging Face's metadata calls images, or else those that hold bytes."""
    able = [field.name for field in schema if _holds_bytes(field.type)]
    called = [name for name, feature in _features(schema).items() if feature.get("_type") == "Image"]
    return [name for name in able if name in called] or able


def _holds_bytes(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_bytes(kind.field(index).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _features(schema: pa.Schema) -> dict[str, Mapping[str, Any]]:
    try:
        written = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature for name, feature in written.items() if isinstance(feature, dict)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _check_alike(files: Files, parquets: Sequence[ParquetFile], image: str) -> None:
    first = parquets[0]
    for other in parquets[1:]:
        if _kinds(other.schema) != _kinds(first.schema) or image not in _image_columns(other.schema):
            raise IgnmError(
                f"{files.where}: {other.name} has the columns {', '.join(other.schema.names)}, but {first.name} has "
                f"{', '.join(first.schema.names)}, or they differ in type. Give the files of one dataset."
            )


def _kinds(schema: pa.Schema) -> set[tuple[str, str]]:
    return {(field.name, str(field.type)) for field in schema}


@dataclass(frozen=True)
class _Labels:
    """The other columns of a dataset's files."""

    files: Files
    parquets: Sequence[ParquetFile]
    image: str

    def read(self) -> LabelTable | None:
        schema = self.parquets[0].schema
        columns: list[Column] = []
        left_out: list[str] = []
        for field in schema:
            if field.name == self.image:
                continue
            if not _is_plain(field.type):
                left_out.append(f"{field.name} ({field.type} is no label)")
                continue
            column = self.column(field.name, _features(schema).get(field.name, {}))
            if column is None:
                left_out.append(f"{field.name} (another value for every image)")
            else:
                columns.append(column)
        if not columns and not left_out:
            return None
        return LabelTable(tuple(columns), left_out=tuple(left_out), title="the parquet files")

    def column(self, name: str, feature: Mapping[str, Any]) -> Column | None:
        tables = [read_columns(self.files, parquet, [name]) for parquet in self.parquets]
        values = pa.chunked_array([chunk for table in tables for chunk in table.column(name).chunks])
        names = feature.get("names")
        if feature.get("_type") == "ClassLabel" and isinstance(names, list):
            return Column(name, self.class_codes(name, values, len(names)), tuple(map(str, names)))
        texts, codes = _distinct(values)
        if len(texts) == len(values) > _FEW_ROWS and not pa.types.is_floating(values.type):
            return None
        return infer_column(name, texts, codes, lambda row, text: self.wrong(row, f"{text!r} in the column", name))

    def class_codes(self, name: str, values: pa.ChunkedArray, count: int) -> npt.NDArray[np.int32]:
        codes = pc.fill_null(pc.cast(values, pa.int64()), MISSING_CLASS).to_numpy()
        outside = np.flatnonzero((codes < MISSING_CLASS) | (codes >= count))
        if len(outside):
            row = int(outside[0])
            raise self.wrong(row, f"class {codes[row]} (of {count}, from 0) in the column", name)
        return codes.astype(np.int32)

    def wrong(self, row: int, problem: str, name: str) -> IgnmError:
        where = RowNames.of(self.parquets)[row]
        return IgnmError(f"{self.files.where}: row {where} says {problem} {name!r}. Mend it, or leave it empty.")


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    tests: Iterable[Any] = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
    )
    return any(test(kind) for test in tests)


def _distinct(values: pa.ChunkedArray) -> tuple[list[str], npt.NDArray[np.int32]]:
    """Return the distinct texts of a column and, for each row, which one it is (-1: null)."""
    plain = pc.cast(values, values.type.value_type) if pa.types.is_dictionary(values.type) else values
    texts = pc.utf8_trim_whitespace(pc.cast(plain, pa.string()))
    encoded = texts.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    codes = pc.fill_null(encoded.indices, MISSING_CLASS).to_numpy()
    return encoded.dictionary.to_pylist(), codes.astype(np.int32)
