"""Arguments that several commands share: a study's folder, and where studies lie."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from search.study.folder import StudyFolder

STORAGE = typer.Option(Path("studies"), help="Folder that holds the studies.")
FOLDER = typer.Argument(help="A study's folder, or its name under --storage.", show_default=False)


def place_of(folder: Path, storage: Path) -> Path:
    """Where a study that was given by its folder or its name lies."""
    return folder if folder.exists() or folder.is_absolute() else storage / folder


def open_folder(folder: Path, storage: Path) -> "StudyFolder":
    """Open a study that was given by its folder or its name; raise IgnmError where there is none."""
    from search.study.folder import open_study

    return open_study(place_of(folder, storage))
