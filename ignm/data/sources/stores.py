"""Folders and files in object stores (S3, GCS, ...), through Arrow's file systems."""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from ignm.data.sources.archive import archive_files
from ignm.data.sources.files import Files, visible
from ignm.data.sources.source import UnreadableImageError, check_size, digest
from ignm.errors import IgnmError
from ignm.words import first_line

# One request brings an entry of a zip with its header, and often the next ones.
_BUFFER = 256 << 10


def connect(uri: str) -> tuple[fs.FileSystem, str]:
    """Return the file system that a URI names and the path within it; raise IgnmError where there is none."""
    with _store_errors(uri, "Check the address; a space is written %20."):
        return cast(tuple[fs.FileSystem, str], fs.FileSystem.from_uri(uri))


def is_local(store: fs.FileSystem) -> bool:
    """Say whether a file system is this machine's disk."""
    return bool(store.type_name == "local")


def stored_files(store: fs.FileSystem, path: str, uri: str, stack: ExitStack) -> Files:
    """List a folder, a zip (read by random access, never downloaded whole) or a parquet file of a store.

    Raises IgnmError if it is missing, may not be read, or the store cannot be reached.
    """
    path = path.rstrip("/")
    with _store_errors(uri):
        info = store.get_file_info(path)
    if info.type == fs.FileType.NotFound:
        raise IgnmError(f"There is no {without_secrets(uri)}. Give a folder of images, a .zip or a .parquet file.")
    if info.type == fs.FileType.Directory:
        with _store_errors(uri):
            found = store.get_file_info(fs.FileSelector(path, recursive=True))
        return _listed(store, path, uri, found)
    if path.endswith(".parquet"):
        return _listed(store, path.rpartition("/")[0], uri, [info])
    return archive_files(stack.enter_context(_open(store, path, uri)), without_secrets(uri), stack)


def without_secrets(uri: str) -> str:
    """Return a URI without the keys that it may carry."""
    parts = urlsplit(uri)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()


def _listed(store: fs.FileSystem, root: str, uri: str, found: Sequence[fs.FileInfo]) -> Files:
    below = len(root) + 1 if root else 0
    files = {info.path[below:]: info for info in found if info.type == fs.FileType.File}
    sizes = {name: info.size for name, info in files.items() if visible(name)}

    def read(name: str) -> bytes:
        check_size(sizes[name])
        with _store_errors(uri):
            try:
                with store.open_input_stream(f"{root}/{name}" if root else name) as stream:
                    return cast(bytes, stream.read())
            except FileNotFoundError:
                raise UnreadableImageError("no such file") from None

    return Files(
        where=f"The folder {without_secrets(uri)}",
        title=without_secrets(uri).rstrip("/").rpartition("/")[2],
        names=tuple(sizes),
        read=read,
        identity=digest(sorted((name, size, files[name].mtime_ns) for name, size in sizes.items())),
        open=lambda name: _open(store, f"{root}/{name}" if root else name, uri),
    )


def _open(store: fs.FileSystem, path: str, uri: str) -> BinaryIO:
    with _store_errors(uri):
        return io.BufferedReader(_StoredFile(store.open_input_file(path), uri), _BUFFER)


class _StoredFile(io.RawIOBase):
    """Random access to a file of a store, whose failures end the import: they say nothing about one image."""

    def __init__(self, file: Any, uri: str) -> None:
        self._file, self._uri = file, uri

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return int(self._file.tell())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset += self.tell()
        elif whence == io.SEEK_END:
            with _store_errors(self._uri):
                offset += self._file.size()
        # As Python's own files do, which zipfile relies on when it looks for a directory in a short file.
        if offset < 0:
            raise OSError(22, "Invalid argument")
        with _store_errors(self._uri):
            self._file.seek(offset)
        return offset

    def readinto(self, buffer: Any) -> int:
        with _store_errors(self._uri):
            return int(self._file.readinto(buffer))

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _store_errors(uri: str, advice: str = "Check the address, the permissions and the network.") -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise IgnmError(
            f"There is no {without_secrets(uri)} ({first_line(error).rstrip('.')}). Check the address."
        ) from None
    except (OSError, pa.ArrowException) as error:
        reason = first_line(error).rstrip(".").replace(uri, without_secrets(uri))
        raise IgnmError(f"{without_secrets(uri)} cannot be read: {reason}. {advice}") from None
