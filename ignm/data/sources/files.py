"""The files of a folder, a zip or an object store, seen alike by every layout."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ignm.data.sources.source import UnreadableImageError
from ignm.errors import IgnmError


@dataclass(frozen=True)
class Files:
    """Visible files, listed once.

    `where` is how messages call the place ("The folder /data/faces"), `title` its file name only; `names` are paths
    within it, `/`-separated, in no particular order; `read(name)` returns a file's bytes (raises UnreadableImageError;
    safe to call from several threads); `identity` is a digest of names, sizes and times.
    """

    where: str
    title: str
    names: Sequence[str]
    read: Callable[[str], bytes]
    identity: str
    open: Callable[[str], BinaryIO] | None = None
    """Opens a file for random access; None inside a zip. Raises IgnmError."""
    beside: Callable[[Sequence[str]], "Files | None"] = lambda _: None
    """Lists those of the given files that lie next to this folder or zip; None where there is no such place."""
    folder: Path | None = None
    """The folder on a local disk that the files lie in, for libraries that want a path."""

    def opened(self, name: str) -> BinaryIO:
        """Open a file for random access; raise IgnmError if it cannot be."""
        if self.open is None:
            raise IgnmError(f"{self.where}: {name} cannot be read inside a zip. Unpack the zip.")
        return self.open(name)

    def table(self, name: str) -> bytes:
        """Return the bytes of a file that the import cannot do without; raise IgnmError if it cannot be read."""
        try:
            return self.read(name)
        except UnreadableImageError as error:
            raise IgnmError(
                f"{self.where}: {name} cannot be read: {error}. Mend it, or take it away to do without labels."
            ) from None


def printable(name: str) -> str:
    r"""Write bytes that are not UTF-8, which no JSON file could hold, as \xe9, so that two names stay two."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def visible(name: str) -> bool:
    """Say whether neither a file nor a folder on its way is hidden."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
