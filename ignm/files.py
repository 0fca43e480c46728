"""Writes that are either whole or absent, whatever kills the process; paths as people give them."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ignm.errors import IgnmError

_ASIDE = ".old"


@contextmanager
def atomic_file(path: Path, make_folder: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path`, on any error it is removed.

    Without `make_folder`, FileNotFoundError where its folder is not there: on storage that is away, a folder made anew
    would take what is written, and hide it when the storage is back.
    """
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=f".partial{path.suffix}", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory beside `path`; on success it becomes `path` (replacing an older one).

    A killed process leaves `path` whole, old or new, or in the one instant between two renames set aside:
    `restore_directory` then brings it back, which the next call does by itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    restore_directory(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            _replace(path, temporary)
        else:
            temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def restore_directory(path: Path) -> bool:
    """Bring back a directory that a killed `atomic_directory` had set aside; True if `path` was missing and is back."""
    old = None if path.exists() else set_aside(path)
    if old is None:
        return False
    old.rename(path)
    shutil.rmtree(old.parent, ignore_errors=True)
    return True


def set_aside(path: Path) -> Path | None:
    """Return the newest older version of the directory `path` that waits for its replacement; None if none does."""
    if not path.parent.is_dir():
        return None
    aside = [folder / path.name for folder in path.parent.iterdir() if _is_aside(folder.name, path.name)]
    kept = [old for old in aside if old.is_dir()]
    return max(kept, key=lambda old: old.parent.stat().st_mtime_ns, default=None)


def _replace(path: Path, new: Path) -> None:
    outgoing = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=_ASIDE, dir=path.parent))
    try:
        path.rename(outgoing / path.name)
        new.rename(path)
    finally:
        restore_directory(path)
        # Where neither version could be put in place, the one set aside is all there is.
        if path.exists():
            shutil.rmtree(outgoing, ignore_errors=True)


def _is_aside(name: str, original: str) -> bool:
    return name.startswith(f".{original}.") and name.endswith(_ASIDE)


def sweep(directory: Path) -> None:
    """Remove what killed writers left half-written in a directory; only for whoever holds it for writing alone."""
    for partial in directory.glob(".*.partial*"):
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str, make_folder: bool = True) -> None:
    """Write UTF-8 text atomically; `make_folder` as for `atomic_file`."""
    with atomic_file(path, make_folder) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, make_folder: bool = True) -> None:
    """Write JSON atomically; NaN is refused because other readers refuse it. `make_folder` as for `atomic_file`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", make_folder)


def read_json(path: Path, *required: str) -> dict[str, Any]:
    """Read a JSON object that has at least the `required` keys; raise IgnmError where the file does not hold one."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IgnmError(f"{path}: cannot be read as JSON: {error}") from None
    missing = [key for key in required if not isinstance(value, dict) or key not in value]
    if missing or not isinstance(value, dict):
        wanted = f" with {', '.join(required)}" if required else ""
        raise IgnmError(f"{path}: damaged, or of another version: expected an object{wanted}")
    return value


def expanded(path: str | Path, said_by: str = "") -> Path:
    """Return a path with the home folder in place of a leading `~` or `~user`.

    said_by: the field or variable that gives the path, for the message. Raises IgnmError where there is no such home.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        before = f"{said_by}: " if said_by else ""
        raise IgnmError(
            f"{before}{path}: there is no home folder {Path(path).parts[0]} here; write the path without ~"
        ) from None


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal; OSError where it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
