"""Optuna's study as files that can be copied while it is being written."""

import sqlite3
from contextlib import closing
from pathlib import Path

from ignm.files import atomic_file

FOLDER = "optuna"


def snapshot(folder: Path, target: Path) -> None:
    """Copy Optuna's storage, in `folder`, to the folder `target`, each file as of one moment."""
    for path in sorted(folder.glob("*")):
        copy = _COPIES.get(path.suffix)
        if copy is not None:
            with atomic_file(target / path.name) as temporary:
                copy(path, temporary)


def _copy_database(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)


def _copy_journal(path: Path, target: Path) -> None:
    data = path.read_bytes()
    target.write_bytes(data[: data.rfind(b"\n") + 1])


_COPIES = {".db": _copy_database, ".log": _copy_journal}
