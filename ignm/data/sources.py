"""Where images come from: a folder or a zip, listed in a stable order and read one at a time, never extracted."""

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn

from ignm.errors import IgnmError

EXTENSIONS = ("png", "jpg", "jpeg", "webp", "bmp", "tif", "tiff", "gif", "ppm", "pgm")
LABELS_FILE = "labels.csv"
MAX_BYTES = 1 << 30


class UnreadableImageError(Exception):
    """One image cannot be used; the message is the reason shown beside its name. The import goes on."""


@dataclass(frozen=True)
class Source:
    """An opened folder or zip.

    `title` is its file name only; `names` are the images' paths within it, `/`-separated, in natural order;
    `read(index)` returns the bytes of one image (raises UnreadableImageError; safe to call from several threads);
    `labels` holds the bytes of labels.csv, None without one; `top` is the one folder that holds everything, or "".
    """

    title: str
    names: tuple[str, ...]
    read: Callable[[int], bytes]
    labels: bytes | None
    top: str
    test: frozenset[int] = frozenset()
    """Indices of the images that the source itself holds out."""
    identity: str = ""
    """Digest of what the source holds as far as a look at names, sizes and times tells; "" where nothing does."""


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """Open a folder (searched recursively) or a zip of images.

    Hidden files and `__MACOSX` are passed over. Raises IgnmError if the source is missing, unreadable, neither folder
    nor zip, damaged, encrypted, unsafe (an entry that points outside the archive), or holds no image.
    """
    path = Path(path)
    with suppress(RuntimeError):  # ~name of nobody: a folder may be called so
        path = path.expanduser()
    try:
        mode = path.stat().st_mode
    except OSError as error:
        _refuse(path, error)
    if stat.S_ISDIR(mode):
        yield _open_folder(path)
    elif stat.S_ISREG(mode):
        with _open_archive(path) as archive:
            yield _list_archive(path, archive)
    else:
        raise IgnmError(f"{path} is neither a folder nor a zip file. Give a folder of images or a .zip.")


def natural_key(name: str) -> tuple[str, str]:
    """Sort key under which `img2` comes before `img10`."""
    # A number sorts by its length, then its digits: int() refuses the very long ones that a hostile archive may hold.
    return re.sub("[0-9]+", lambda digits: f"{len(number := digits[0].lstrip('0')):05}{number}", name), name


def _open_folder(root: Path) -> Source:
    found = _by_printable_name(root)
    names = _image_names(found, f"The folder {root}")
    top = _top_folder(names)
    labels = next((root / found[name] for name in _label_names(top) if name in found), None)
    try:
        table = None if labels is None else _read_file(labels)
    except UnreadableImageError as error:
        raise IgnmError(f"{labels} cannot be read: {error}. Mend it, or take it away to do without labels.") from None
    files = [found[name] for name in names]
    return Source(_printable(root.resolve().name), names, lambda index: _read_file(root / files[index]), table, top)


def _by_printable_name(root: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in _walk(root):
        name = _printable(file)
        if name in found:
            raise IgnmError(f"{_printable(str(root))} holds two files that are both written {name!r}. Rename one.")
        found[name] = file
    return found


def _walk(root: Path) -> Iterator[str]:
    """Yield the visible files' paths within root, following links to folders once, so that a link to a parent ends."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, files in os.walk(root, followlinks=True, onerror=lambda error: _refuse(root, error)):
        try:
            status = Path(folder).stat()
        except OSError as error:
            _refuse(root, error)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if _visible(name))
        inside = Path(folder).relative_to(root)
        yield from ((inside / name).as_posix() for name in files if _visible(name))


def _printable(name: str) -> str:
    r"""Write bytes that are not UTF-8, which no JSON file could hold, as \xe9, so that two names stay two."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _read_file(file: Path) -> bytes:
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImageError("not a regular file")
        _check_size(status.st_size)
        return file.read_bytes()
    except OSError as error:
        raise UnreadableImageError((error.strerror or str(error)).lower()) from None


@contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except OSError as error:
        _refuse(path, error)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        with path.open("rb") as file:
            is_zip = file.read(4) == b"PK\x03\x04"
        if is_zip:
            raise IgnmError(
                f"{path} is a truncated or damaged zip ({error}). Copy or download it again; `unzip -t` checks it."
            ) from None
        raise IgnmError(f"{path} is neither a folder nor a zip file. Give a folder of images or a .zip.") from None
    with archive:
        yield archive


def _list_archive(path: Path, archive: zipfile.ZipFile) -> Source:
    found: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        _check_entry(path, info)
        name = _printable(info.filename)
        if info.is_dir() or not _visible(name):
            continue
        if name in found:
            raise IgnmError(f"{path} holds the entry {name!r} twice. Pack it again with each file once.")
        found[name] = info
    names = _image_names(found, f"The zip {path}")
    top = _top_folder(names)
    labels = next((found[name] for name in _label_names(top) if name in found), None)
    try:
        table = None if labels is None else _read_entry(archive, labels)
    except UnreadableImageError as error:
        raise IgnmError(f"{path}: {LABELS_FILE} cannot be read: {error}. Pack the zip again.") from None
    entries = [found[name] for name in names]
    return Source(_printable(path.name), names, lambda index: _read_entry(archive, entries[index]), table, top)


def _check_entry(path: Path, info: zipfile.ZipInfo) -> None:
    """Refuse an archive that was made to reach outside itself: nothing else in it deserves trust."""
    for name in (info.filename, info.orig_filename):
        plain = name.replace("\\", "/")
        if plain.startswith("/") or re.match(r"[A-Za-z]:", plain) or ".." in plain.split("/") or "\0" in plain:
            raise IgnmError(
                f"{path} is refused: its entry {name!r} points outside the archive. Use a zip from a source you trust."
            )
    if stat.S_ISLNK(info.external_attr >> 16):
        raise IgnmError(
            f"{path} is refused: its entry {info.filename!r} is a symbolic link. Pack the files themselves (zip -r)."
        )
    if info.flag_bits & 0x1:
        raise IgnmError(f"{path}: the entry {info.filename!r} is encrypted. Unpack it and import the folder.")


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    _check_size(info.file_size)
    try:
        return archive.read(info)
    except MemoryError:
        raise
    except Exception as error:  # every compression has its own
        raise UnreadableImageError(f"damaged in the zip: {error or type(error).__name__}") from None


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise UnreadableImageError(f"larger than {MAX_BYTES >> 20} MiB")


def _visible(name: str) -> bool:
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _image_names(found: Iterable[str], where: str) -> tuple[str, ...]:
    everything = list(found)
    names = [name for name in everything if PurePosixPath(name).suffix.lower()[1:] in EXTENSIONS]
    if not names:
        raise IgnmError(
            f"{where} holds no image: {len(everything)} files, none of them ending in "
            f"{', '.join('.' + extension for extension in EXTENSIONS)}. Check the path."
        )
    return tuple(sorted(names, key=natural_key))


def _top_folder(names: tuple[str, ...]) -> str:
    """Return the folder that holds every image, without a trailing slash; "" if there is none."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    return tops.pop() if len(tops) == 1 else ""


def _label_names(top: str) -> tuple[str, ...]:
    return (LABELS_FILE, f"{top}/{LABELS_FILE}") if top else (LABELS_FILE,)


def _refuse(path: Path, error: OSError) -> NoReturn:
    where = error.filename or path
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        raise IgnmError(
            f"There is no {where}. Give a folder of images or a .zip (relative paths start at {Path.cwd()})."
        ) from None
    raise IgnmError(f"{where} cannot be read: {error.strerror or error}. Check its permissions.") from None
