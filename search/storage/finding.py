"""From what a person calls a study to the study: a folder, a URI, or its name under a storage."""

from pathlib import Path

from search.storage.location import Location, locate
from search.storage.studies import read_study
from search.study.folder import StudyFolder, open_study


def place_of(study: str | Path, storage: str | Path) -> Location:
    """Where a study that was given by its folder, its URI or its name lies."""
    itself = "://" in str(study) or Path(study).exists() or Path(study).is_absolute()
    return locate(study) if itself else locate(storage).join(str(study))


def find_study(study: str | Path, storage: str | Path) -> StudyFolder:
    """Open a study for reading, or a copy of one that lies in an object store; raise IgnmError where there is none."""
    return open_study(read_study(place_of(study, storage)))
