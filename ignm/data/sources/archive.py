"""A zip, on a local disk or in an object store, read entry by entry."""

import re
import stat
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from ignm.data.sources.files import Files, printable, visible
from ignm.data.sources.folder import files_beside, refuse
from ignm.data.sources.source import UnreadableImageError, check_size, digest
from ignm.errors import IgnmError


def archive_at(path: Path, stack: ExitStack) -> Files:
    """Open a zip on a local disk until `stack` is closed.

    Raises IgnmError if it is no zip, damaged, encrypted, unsafe (an entry that points outside) or holds one name twice.
    """
    try:
        file = stack.enter_context(path.open("rb"))
    except OSError as error:
        refuse(path, error)
    return archive_files(file, str(path), stack, path)


def archive_files(file: BinaryIO, where: str, stack: ExitStack, path: Path | None = None) -> Files:
    """Open a zip that is being read from `file`; `where` is how messages call it, `path` where it lies on a disk."""
    archive = stack.enter_context(_opened(file, where))
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        _check_entry(where, info)
        name = printable(info.filename)
        if info.is_dir() or not visible(name):
            continue
        if name in entries:
            raise IgnmError(f"{where} holds the entry {name!r} twice. Pack it again with each file once.")
        entries[name] = info
    return Files(
        where=f"The zip {where}",
        title=printable(where.rpartition("/")[2]),
        names=tuple(entries),
        read=lambda name: _read(archive, entries[name]),
        identity=digest([(name, info.file_size, info.CRC) for name, info in entries.items()]),
        beside=lambda names: None if path is None else files_beside(path, names),
    )


def _opened(file: BinaryIO, where: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        file.seek(0)
        if file.read(4) == b"PK\x03\x04":
            raise IgnmError(
                f"{where} is a truncated or damaged zip ({error}). Copy or download it again; `unzip -t` checks it."
            ) from None
        raise IgnmError(
            f"{where} is neither a folder nor a zip file, nor .parquet. Give a folder of images or a .zip."
        ) from None


def _check_entry(where: str, info: zipfile.ZipInfo) -> None:
    """Refuse an archive that was made to reach outside itself: nothing else in it deserves trust."""
    for name in (info.filename, info.orig_filename):
        plain = name.replace("\\", "/")
        if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or ".." in plain.split("/") or "\0" in plain:
            raise IgnmError(
                f"{where} is refused: its entry {name!r} points outside the archive. Use a zip from a source you trust."
            )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise IgnmError(
            f"{where} is refused: its entry {info.filename!r} is a symbolic link. Pack the files themselves (zip -r)."
        )
    if info.flag_bits & 0x1:
        raise IgnmError(f"{where}: the entry {info.filename!r} is encrypted. Unpack it and import the folder.")


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    check_size(info.file_size)
    try:
        return archive.read(info)
    except (MemoryError, IgnmError):
        raise
    except Exception as error:  # every compression has its own
        raise UnreadableImageError(f"damaged in the zip: {error or type(error).__name__}") from None
