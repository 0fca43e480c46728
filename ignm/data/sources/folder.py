"""A folder on a local disk, and a single file in one."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NoReturn

from ignm.data.sources.files import Files, printable, visible
from ignm.data.sources.source import UnreadableImageError, check_size, digest
from ignm.errors import IgnmError


def folder_files(root: Path) -> Files:
    """List a folder recursively, without hidden files.

    Links to folders are followed once, so that a link to a parent ends. Raises IgnmError for one that may not be read.
    """
    return _listed(root, _walk(root), f"The folder {root}", printable(root.resolve().name))


def single_file(path: Path) -> Files:
    """List one file of a folder."""
    return _listed(path.parent, [(path.name, _stamp(path.stat))], str(path), printable(path.name))


def files_beside(path: Path, names: Sequence[str]) -> Files | None:
    """List those of the named files that lie in the folder of `path`; None if there are none."""
    parent = path.absolute().parent
    there = [(name, _stamp((parent / name).stat)) for name in names if (parent / name).is_file()]
    return _listed(parent, there, f"The folder {parent}", printable(parent.name)) if there else None


def refuse(path: Path, error: OSError) -> NoReturn:
    """Turn an error of the disk into an IgnmError."""
    where = error.filename or path
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        raise IgnmError(
            f"There is no {where}. Give a folder of images or a .zip (relative paths start at {Path.cwd()})."
        ) from None
    raise IgnmError(f"{where} cannot be read: {error.strerror or error}. Check its permissions.") from None


def _listed(root: Path, found: Iterable[tuple[str, str]], where: str, title: str) -> Files:
    files: dict[str, str] = {}
    total = 0
    for file, stamp in found:
        name = printable(file)
        if name in files:
            raise IgnmError(f"{printable(str(root))} holds two files that are both written {name!r}. Rename one.")
        if name == file:
            file = name  # one string, not two alike, for each of what may be millions
        files[name] = file
        # A sum, because a folder is listed in no particular order.
        total += int.from_bytes(hashlib.sha256(f"{name}\0{stamp}".encode()).digest())

    return Files(
        where=where,
        title=title,
        names=tuple(files),
        read=lambda name: _read(root / files[name]),
        identity=digest(total),
        open=lambda name: _open(root / files[name]),
        beside=lambda names: files_beside(root, names),
        folder=root,
    )


def _walk(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the visible files' paths within root, with their stamps; no more than one at a time is held."""
    seen: set[tuple[int, int]] = set()
    pending = [""]
    while pending:
        inside = pending.pop()
        try:
            status = (root / inside).stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            folders = []
            with os.scandir(root / inside) as found:
                for entry in found:
                    name = f"{inside}/{entry.name}" if inside else entry.name
                    if visible(entry.name) and entry.is_dir():
                        folders.append(name)
                    elif visible(entry.name):
                        yield name, _stamp(entry.stat)
        except OSError as error:
            refuse(root, error)
        pending += sorted(folders, reverse=True)


def _stamp(stat: Callable[[], os.stat_result]) -> str:
    try:
        status = stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"


def _read(file: Path) -> bytes:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImageError("not a regular file")
        check_size(status.st_size)
        return file.read_bytes()
    except OSError as error:
        raise UnreadableImageError((error.strerror or str(error)).lower()) from None


def _open(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        refuse(file, error)
