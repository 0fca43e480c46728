"""Studies to which things happen."""

import pytest
from support.disks import mount, unmount
from support.tiny_study import Study


@pytest.fixture
def study(tmp_path, environment):
    """Make a tiny study, with some fields replaced; what is left of its drivers is killed."""
    made = []

    def make(storage=None, **changes):
        made.append(Study(tmp_path / "here", environment, storage or tmp_path / "studies", **changes))
        return made[-1]

    yield make
    for process in (each for study in made for each in study.begun):
        process.kill()
        process.communicate()


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, of 8 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", path)
    yield path
    unmount(path)
