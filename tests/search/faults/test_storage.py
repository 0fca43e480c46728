"""Storage that is full, away or damaged under a whole study: its driver and its trials."""

import time
from pathlib import Path

import pytest
from support.disks import fill, free, mount, unmount
from support.nothing_lost import assert_kept, kept, lines
from support.tiny_study import is_gone, owner

pytestmark = pytest.mark.slow
MINUTE = 60.0


class Share:
    """A folder that can be taken away, and comes back as it was."""

    def __init__(self, path):
        self.path, self._real = path / "share", path / "real"
        self.path.mkdir()
        self._real.mkdir()
        self.come()

    def come(self):
        mount("--bind", self._real, self.path)

    def go(self):
        unmount(self.path)


@pytest.fixture
def share(tmp_path):
    share = Share(tmp_path)
    yield share
    share.go()


def until_said(process, words):
    """Read what a driver prints until it says so."""
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"it ended without saying {words!r}")


def test_a_full_disk(study, disk, nothing_lost):
    """Full three times: while trials train, when the first has ended, when half have; nobody notices but by waiting."""
    study = study(disk)
    process = study.start()
    for moment in (study.running, lambda: kept(study.path), lambda: len(kept(study.path)) >= 2):
        study.wait_until(moment, process)
        fill(disk)
        until_said(process, "cannot be written")
        free(disk)
    study.ended(process)
    assert nothing_lost(study.path).each == []


def test_storage_that_is_away_for_a_minute(study, share, nothing_lost):
    study = study(share.path)
    process = study.start()
    study.wait_until(lambda: kept(study.path) and study.running(), process)
    before = kept(study.path)
    share.go()
    time.sleep(MINUTE)
    share.come()
    study.ended(process)
    assert_kept(before, study.path)
    assert nothing_lost(study.path).each == []


@pytest.mark.parametrize("name", ["state.pt", "checkpoint.json"])
def test_a_truncated_newest_checkpoint(study, name, nothing_lost):
    """Its trial goes on from the one before: another interval is repeated, and no more."""
    study = study()
    process = study.start()
    trial = study.wait_until(lambda: study.running(kimg=2.5), process)[0]
    study.kill(process)
    # Until then it may write a newer one.
    study.wait_until(lambda: is_gone(owner(trial)))
    whole, newest = sorted(trial.glob("checkpoint-*"))
    cut(newest / name)
    study.finish()
    _, again = lines(trial / "attempts.jsonl")
    assert round(1000 * again["kimg"]) == int(whole.name[11:])
    assert again["reached"] >= int(newest.name[11:]) / 1000
    nothing_lost(study.path, intervals=2)


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
