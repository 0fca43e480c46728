"""Studies to which things happen."""

import os
from pathlib import Path

import pytest
from support.disks import mount, unmount
from support.nothing_lost import assert_nothing_lost
from support.tiny_study import Study

INJECTED = Path(__file__).with_name("injected")


@pytest.fixture
def injected():
    """Environment of processes that are to write their progress at each step, and in which a `FAULT` can happen."""
    return {"PYTHONPATH": f"{INJECTED}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")}


@pytest.fixture
def study(tmp_path, environment, injected):
    """Make a tiny study, with some fields replaced; what is left of its drivers is killed."""
    made = []

    def make(storage=None, fault=None, **changes):
        own = {**environment, **injected, "FAULT_ONCE": str(tmp_path / "happened")}
        own |= {} if fault is None else {"FAULT": fault}
        made.append(Study(tmp_path / "here", own, storage or tmp_path / "studies", **changes))
        return made[-1]

    yield make
    for process in (each for study in made for each in study.begun):
        process.kill()
        process.communicate()


@pytest.fixture
def nothing_lost(record_property):
    """As `assert_nothing_lost`; what was repeated is noted in pytest's report (`--junitxml`), kimg by attempt."""

    def check(folder, **expected):
        repeated = assert_nothing_lost(folder, **expected)
        record_property("repeated", " ".join(f"{kimg:.3f}" for kimg in repeated.each))
        return repeated

    return check


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, of 8 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", path)
    yield path
    unmount(path)
