"""The images of parquet files, read one row group at a time, the latest few kept."""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ignm.data.sources.files import Files
from ignm.data.sources.source import UnreadableImageError, check_size
from ignm.errors import IgnmError

# Decoding threads read a few hundred images around one place: that many bytes of row groups, at least two of them.
BUDGET = 512 << 20
_AT_LEAST = 2


@dataclass(frozen=True)
class ParquetFile:
    """One file's footer; `rows` and `sizes` (bytes of images) of each of its row groups."""

    name: str
    schema: pa.Schema
    metadata: pq.FileMetaData
    rows: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def count(self) -> int:
        """Rows in the file."""
        return sum(self.rows)


def read_footer(files: Files, name: str, image: str | None = None) -> ParquetFile:
    """Read what a parquet file says about itself; `image` is its image column. Raises IgnmError if it is damaged."""
    try:
        with files.opened(name) as file:
            parquet = pq.ParquetFile(file)
            metadata, schema = parquet.metadata, parquet.schema_arrow
    except (OSError, pa.ArrowException) as error:
        raise damaged(files, name, error) from None
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    sizes = tuple(_image_bytes(group, image) for group in groups)
    return ParquetFile(name, schema, metadata, tuple(group.num_rows for group in groups), sizes)


def read_columns(files: Files, parquet: ParquetFile, columns: Sequence[str]) -> pa.Table:
    """Read whole columns of a file; raise IgnmError if it is damaged."""
    try:
        with files.opened(parquet.name) as file:
            return pq.ParquetFile(file, metadata=parquet.metadata).read(columns=list(columns), use_threads=False)
    except (OSError, pa.ArrowException) as error:
        raise damaged(files, parquet.name, error) from None


def damaged(files: Files, name: str, error: Exception) -> IgnmError:
    """Return the error for a parquet file that cannot be read."""
    reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
    return IgnmError(f"{files.where}: {name} is truncated or damaged, or no parquet file ({reason}). Copy it again.")


class RowGroups:
    """Reads any row's image; safe to call from several threads, each of which loads what it is the first to need."""

    def __init__(self, files: Files, parquets: Sequence[ParquetFile], image: str) -> None:
        self._files, self._image = files, image
        self._places = [(parquet, index) for parquet in parquets for index in range(len(parquet.rows))]
        self._starts = [0, *accumulate(parquet.rows[index] for parquet, index in self._places)]
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Future[pa.ChunkedArray | str]] = OrderedDict()

    def read(self, row: int) -> bytes:
        """Return the bytes of an image; raise UnreadableImageError if there are none, or they cannot be read."""
        number = bisect_right(self._starts, row) - 1
        group = self._group(number)
        if isinstance(group, str):
            raise UnreadableImageError(f"damaged in the parquet file: {group}")
        buffer = group[row - self._starts[number]].as_buffer()
        if buffer is None:
            raise UnreadableImageError("the row holds no image")
        check_size(buffer.size)
        return bytes(buffer)

    def _group(self, number: int) -> pa.ChunkedArray | str:
        with self._lock:
            found = self._kept.pop(number, None)
            future: Future[pa.ChunkedArray | str] = found or Future()
            self._kept[number] = future
            self._shrink()
        if found is None:
            self._resolve(number, future)
        return future.result()

    def _resolve(self, number: int, future: "Future[Any]") -> None:
        try:
            future.set_result(self._load(number))
        except BaseException as error:
            with self._lock:
                self._kept.pop(number, None)
            future.set_exception(error)

    def _load(self, number: int) -> pa.ChunkedArray | str:
        """Read a row group's images, or what is wrong with it."""
        parquet, index = self._places[number]
        try:
            with self._files.opened(parquet.name) as file:
                reader = pq.ParquetFile(file, metadata=parquet.metadata)
                column = reader.read_row_group(index, columns=[self._image], use_threads=False).column(0)
        except (OSError, pa.ArrowException) as error:
            return (str(error).splitlines() or [type(error).__name__])[0]
        return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column

    def _shrink(self) -> None:
        sizes = {number: self._size(number) for number in self._kept}
        total = sum(sizes.values())
        for number in list(self._kept)[:-_AT_LEAST]:
            if total <= BUDGET:
                return
            del self._kept[number]
            total -= sizes[number]

    def _size(self, number: int) -> int:
        parquet, index = self._places[number]
        return parquet.sizes[index]


def _image_bytes(group: Any, image: str | None) -> int:
    columns = (group.column(index) for index in range(group.num_columns))
    return sum(
        column.total_uncompressed_size
        for column in columns
        if image is not None and (column.path_in_schema == image or column.path_in_schema.startswith(f"{image}."))
    )
