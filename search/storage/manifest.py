"""What was last transferred, kept beside the files, so that only what changed is transferred again."""

import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

_T = TypeVar("_T")
_TABLE = "CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, size INTEGER, mtime_ns INTEGER, version TEXT)"
_AFTER = "\U0010ffff"


@dataclass(frozen=True)
class Seen:
    """A file as it was when it was transferred."""

    size: int
    mtime_ns: int
    version: str = ""
    """The object's, where it was read from the store."""

    def is_now(self, path: Path) -> bool:
        """Tell whether the local file is still the one that was transferred."""
        return path.exists() and (self.size, self.mtime_ns) == seen_now(path)


def seen_now(path: Path) -> tuple[int, int]:
    """Return size and time of change of a file, in bytes and ns."""
    now = path.stat()
    return now.st_size, now.st_mtime_ns


class Manifest:
    """Names of files, relative to a folder, and how each was last seen; lost, it costs transfers and nothing else."""

    def __init__(self, path: Path) -> None:
        """Keep it in `path`, which is made when there is something to keep."""
        self._path = path

    def read(self, beginning: str = "") -> dict[str, Seen]:
        """Return what is known of names that begin so."""
        if not self._path.exists():
            return {}
        query = "SELECT name, size, mtime_ns, version FROM seen WHERE name >= ? AND name < ?"
        rows = self._run(lambda database: database.execute(query, (beginning, beginning + _AFTER)).fetchall())
        return {name: Seen(size, mtime_ns, version) for name, size, mtime_ns, version in rows}

    def note(self, seen: Mapping[str, Seen]) -> None:
        """Add to it."""
        if seen:
            rows = [(name, each.size, each.mtime_ns, each.version) for name, each in seen.items()]
            insert = "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)"
            self._run(lambda database: database.executemany(insert, rows))

    def forget(self, names: Iterable[str]) -> None:
        """Take names out of it."""
        rows = [(name,) for name in names]
        if rows and self._path.exists():
            self._run(lambda database: database.executemany("DELETE FROM seen WHERE name = ?", rows))

    def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return self._connected(work)
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:
                raise
            # Not a database any more: begun anew.
            self._path.unlink(missing_ok=True)
            return self._connected(work)

    def _connected(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self._path, timeout=60)) as database, database:
            database.execute(_TABLE)
            return work(database)
