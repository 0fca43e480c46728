"""From what the user writes to an opened source: the layouts that are known, and where each may lie."""

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from ignm.config.messages import nearest
from ignm.data.sources.archive import archive_at
from ignm.data.sources.celeba import open_celeba
from ignm.data.sources.ffhq import open_ffhq
from ignm.data.sources.files import Files
from ignm.data.sources.folder import folder_files, refuse, single_file
from ignm.data.sources.lsun import open_lsun
from ignm.data.sources.plain import open_plain
from ignm.data.sources.source import Source
from ignm.data.sources.stores import connect, is_local, stored_files
from ignm.errors import IgnmError

LAYOUTS: dict[str, Callable[[Files, ExitStack], Source]] = {
    "celeba": open_celeba,
    "ffhq": open_ffhq,
    "lsun": open_lsun,
}
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PREFIXED = re.compile(r"([A-Za-z][A-Za-z0-9_+.-]*):(.*)", re.DOTALL)


@contextmanager
def open_source(spec: str | Path) -> Iterator[Source]:
    """Open images where they lie.

    `spec` is a folder (searched recursively, hidden files and `__MACOSX` passed over), a zip, a parquet file or a
    folder of them, each on a disk or as a URI (`s3://bucket/faces.zip`), with a name of `LAYOUTS` before it, as
    `celeba:`, where it holds that dataset as published. Raises IgnmError if it is missing, unreadable, of no such kind,
    damaged, encrypted, unsafe (a zip's entry that points outside), not what its layout says, or holds no image.
    """
    layout, place = _split(spec)
    with ExitStack() as stack:
        yield layout(_files(place, stack), stack)


def _split(spec: str | Path) -> tuple[Callable[[Files, ExitStack], Source], str | Path]:
    if isinstance(spec, Path) or _exists(Path(spec)) or _URI.match(spec):
        return open_plain, spec
    prefixed = _PREFIXED.fullmatch(spec)
    if prefixed is None:
        return open_plain, spec
    name, place = prefixed.groups()
    if name not in LAYOUTS:
        raise IgnmError(
            f"There is no layout '{name}'{nearest(name, list(LAYOUTS))}, nor a file {spec}. "
            f"Layouts: {', '.join(LAYOUTS)}, as in celeba:DIR; without one, give a folder of images or a .zip."
        )
    if not place:
        raise IgnmError(f"'{spec}' names no place. Write {name}:DIR.")
    return LAYOUTS[name], place


def _files(place: str | Path, stack: ExitStack) -> Files:
    if isinstance(place, str) and _URI.match(place):
        store, path = connect(place)
        return _local_files(Path(path), stack) if is_local(store) else stored_files(store, path, place, stack)
    folder = Path(place)
    with suppress(RuntimeError):  # ~name of nobody: a folder may be called so
        folder = folder.expanduser()
    return _local_files(folder, stack)


def _local_files(path: Path, stack: ExitStack) -> Files:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        refuse(path, error)
    if stat.S_ISDIR(mode):
        return folder_files(path)
    if not stat.S_ISREG(mode):
        raise IgnmError(f"{path} is neither a folder nor a zip file. Give a folder of images or a .zip.")
    return single_file(path) if path.suffix == ".parquet" else archive_at(path, stack)


def _exists(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.exists()
    return False
