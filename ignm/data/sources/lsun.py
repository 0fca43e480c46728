"""LSUN as published: one LMDB environment for training and one for validation, keys -> encoded images.

Yu et al. 2015, https://www.yf.io/p/lsun: `bedroom_train_lmdb/data.mdb`, `bedroom_val_lmdb/data.mdb`.
"""

import re
import subprocess
import sys
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import lmdb

from ignm.data.sources.files import Files
from ignm.data.sources.plain import open_images
from ignm.data.sources.source import NamesOnDemand, Source, UnreadableImageError, check_size, digest, is_image
from ignm.errors import IgnmError

_DATA = "data.mdb"
# LMDB answers some damage by ending the process, so the pages that reading walks on are tried in another one.
_TRIAL = """
import lmdb, sys
with lmdb.open(sys.argv[1], readonly=True, lock=False, readahead=False, create=False) as opened, opened.begin() as all:
    for _ in all.cursor().iternext(values=False): pass
"""
_PUBLISHED = re.compile(r"(?P<category>.+)_(?P<part>train|val)_lmdb")


def open_lsun(files: Files, stack: ExitStack) -> Source:
    """Open LSUN's LMDB environments, or the folder of images they were exported to; the val environment is held out.

    Images are named by their keys, in the LMDB's order. Raises IgnmError for a damaged environment, or several
    categories at once.
    """
    found = [name.rpartition("/")[0] for name in files.names if name.rpartition("/")[2] == _DATA]
    if not found:
        return _open_exported(files)
    if files.folder is None:
        raise IgnmError(f"{files.where} holds an LMDB, which is read where it lies: unpack it onto a local disk.")
    chosen = _one_category(files, found)
    parts = [_open(files.folder / name, name, stack) for name in chosen]
    counts = [len(part.keys) for part in parts]
    if not sum(counts):
        raise IgnmError(f"{files.where} holds no image: its LMDB is empty.")
    starts = [0, *accumulate(counts)]
    held = [] if len(parts) == 1 else [place for place, name in enumerate(chosen) if _part(name) == "val"]
    return Source(
        title=files.title,
        names=KeyNames(parts),
        read=lambda index: _read(*_place(parts, index)),
        test=frozenset(index for place in held for index in range(starts[place], starts[place + 1])),
        identity=digest([(part.name, part.identity) for part in parts]),
    )


def _open_exported(files: Files) -> Source:
    packed = [name for name in files.names if name.endswith("_lmdb.zip")]
    if packed and not any(is_image(name) for name in files.names):
        raise IgnmError(f"{files.where}: {packed[0]} is packed. Unpack it: an LMDB is read where it lies.")
    return open_images(files)


def _one_category(files: Files, found: Sequence[str]) -> list[str]:
    """Return the environments in the order train, val; the only one if it is called otherwise."""
    published = {name: match for name in found if (match := _PUBLISHED.fullmatch(name.rpartition("/")[2]))}
    if len(found) == 1:
        return list(found)
    categories = {match["category"] for match in published.values()}
    parts = [match["part"] for match in published.values()]
    if len(published) < len(found) or len(categories) > 1 or len(set(parts)) < len(parts):
        raise IgnmError(
            f"{files.where} holds several LMDB environments: {', '.join(sorted(found))}. Give one of them "
            "(lsun:DIR/bedroom_train_lmdb), or a folder with one category's NAME_train_lmdb and NAME_val_lmdb."
        )
    return sorted(found, key=lambda name: published[name]["part"])


def _part(name: str) -> str | None:
    match = _PUBLISHED.fullmatch(name.rpartition("/")[2])
    return match["part"] if match else None


@dataclass(frozen=True)
class PackedKeys:
    """Byte strings, one after the other: no object for each of millions."""

    data: bytearray = field(default_factory=bytearray)
    ends: "array[int]" = field(default_factory=lambda: array("Q"))

    def append(self, key: bytes) -> None:
        """Add a key."""
        self.data.extend(key)
        self.ends.append(len(self.data))

    def __len__(self) -> int:
        return len(self.ends)

    def __getitem__(self, index: int) -> bytes:
        return bytes(self.data[self.ends[index - 1] if index else 0 : self.ends[index]])


@dataclass(frozen=True)
class _Environment:
    """An opened LMDB; `name` is its folder within the source."""

    name: str
    lmdb: "lmdb.Environment"
    keys: PackedKeys
    identity: str


@dataclass(frozen=True)
class KeyNames(NamesOnDemand):
    """The keys as text, below their environment's name where there are two."""

    parts: Sequence[_Environment]

    def __len__(self) -> int:
        return sum(len(part.keys) for part in self.parts)

    def name_of(self, index: int) -> str:
        """Return a key as text."""
        part, key = _place(self.parts, index)
        text = key.decode("ascii") if key.isascii() and key.decode("ascii").isprintable() else key.hex()
        return f"{part.name}/{text}" if len(self.parts) > 1 else text


def _place(parts: Sequence[_Environment], index: int) -> tuple[_Environment, bytes]:
    for part in parts:
        if index < len(part.keys):
            return part, part.keys[index]
        index -= len(part.keys)
    raise IndexError(index)


def _open(folder: Path, name: str, stack: ExitStack) -> _Environment:
    try:
        environment = stack.enter_context(
            lmdb.open(str(folder), readonly=True, lock=False, readahead=False, create=False, max_spare_txns=64)
        )
        _check_whole(folder, environment)
        _check_pages(folder)
        keys = PackedKeys()
        with environment.begin() as transaction:
            for key in transaction.cursor().iternext(keys=True, values=False):
                keys.append(key)
            entries = transaction.stat()["entries"]
    except (lmdb.Error, OSError) as error:
        raise _damaged(folder, str(error)) from None
    if entries != len(keys):
        raise _damaged(folder, f"{len(keys)} keys, but it says {entries}")
    written = environment.info()
    return _Environment(name, environment, keys, digest(entries, written["last_txnid"], written["last_pgno"]))


def _check_whole(folder: Path, environment: "lmdb.Environment") -> None:
    """Refuse a file shorter than its pages: it is memory-mapped, and to read past its end kills the process."""
    needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    size = (folder / _DATA).stat().st_size
    if size < needed:
        raise _damaged(folder, f"{size} bytes of {needed}")


def _check_pages(folder: Path) -> None:
    trial = subprocess.run([sys.executable, "-c", _TRIAL, str(folder)], capture_output=True, check=False)
    if trial.returncode:
        said = trial.stderr.decode(errors="replace").strip().splitlines() or ["unreadable pages"]
        raise _damaged(folder, said[-1].strip())


def _damaged(folder: Path, reason: str) -> IgnmError:
    return IgnmError(f"{folder} is a truncated or damaged LMDB ({reason}). Copy or download it again.")


def _read(part: _Environment, key: bytes) -> bytes:
    try:
        with part.lmdb.begin(buffers=True) as transaction:
            value = transaction.get(key)
            if value is None:
                raise UnreadableImageError("no such key in the LMDB")
            check_size(len(value))
            return bytes(value)
    except lmdb.Error as error:
        raise UnreadableImageError(f"damaged in the LMDB: {error}") from None
