"""Arguments that several commands share: a study, and where studies lie."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from search.storage.location import Location
    from search.study.folder import StudyFolder

STORAGE = typer.Option("studies", help="Where studies lie: a folder, or a URI like s3://BUCKET/PREFIX.")
FOLDER = typer.Argument(help="A study's folder or URI, or its name under --storage.", show_default=False)


def place_of(folder: str, storage: str) -> "Location":
    """Where a study that was given by its folder, its URI or its name lies."""
    from search.storage.location import locate

    itself = "://" in folder or Path(folder).exists() or Path(folder).is_absolute()
    return locate(folder) if itself else locate(storage).join(folder)


def open_folder(folder: str, storage: str) -> "StudyFolder":
    """Open a study for reading, or a copy of one that lies in an object store; raise IgnmError where there is none."""
    from search.storage.studies import read_study
    from search.study.folder import open_study

    return open_study(read_study(place_of(folder, storage)))
