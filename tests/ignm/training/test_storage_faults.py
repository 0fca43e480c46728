"""Storage that is full, away or damaged under a trial: what was good stays good, and nothing half-written is left."""

import errno
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from support.clocks import FakeTime
from support.trials import equal, final_state, run, spec

from ignm.errors import IgnmError
from ignm.files import read_json
from ignm.training import patience
from ignm.training.checkpoint import latest_checkpoint, open_checkpoint
from ignm.training.progress import CheckpointEvery

OFTEN = CheckpointEvery(kimg=0.04, minutes=None)
BALLAST = "ballast"


@pytest.fixture
def waiting(monkeypatch):
    """Have something happen at the n-th time that storage is waited for; the waiting itself takes no time."""

    def on(number, happening):
        clock = FakeTime(lambda at: happening() if at == number else None)
        monkeypatch.setattr(patience, "time", clock)
        return clock

    return on


@pytest.fixture
def whole(tmp_path, tiny_config, dataset):
    """The files of a trial that nothing happened to."""
    list(run(spec(tiny_config), dataset, tmp_path / "whole", checkpoints=OFTEN))
    return tmp_path / "whole"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", path], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("needs the right to mount a file system")
    yield path
    subprocess.run(["umount", path], check=True)


def fill(path):
    with (path / BALLAST).open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))


def partials(directory):
    return [path.name for path in directory.iterdir() if "partial" in path.name]


def test_a_full_disk_is_waited_for(small_disk, whole, tiny_config, dataset, waiting, caplog):
    trial = small_disk / "trial"
    running = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    next(running)
    good = final_state(trial)

    def free():
        assert partials(trial) == []
        assert equal(final_state(trial), good)
        (small_disk / BALLAST).unlink()

    clock = waiting(4, free)
    fill(small_disk)
    list(running)
    assert len(clock.slept) == 4
    assert "No space left on device; trying again" in caplog.text
    assert equal(final_state(trial), final_state(whole))


def test_a_disk_that_stays_full_ends_the_trial_with_its_last_checkpoint(
    small_disk, whole, tiny_config, dataset, waiting
):
    trial = small_disk / "trial"
    running = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    next(running)
    good = final_state(trial)
    clock = waiting(0, lambda: None)
    fill(small_disk)
    with pytest.raises(IgnmError, match="a checkpoint: No space left on device, for 120 s; free some space"):
        next(running)
    assert sum(clock.slept) == pytest.approx(120.0)
    assert partials(trial) == []
    assert equal(final_state(trial), good)
    (small_disk / BALLAST).unlink()
    list(run(spec(tiny_config), dataset, trial, checkpoints=OFTEN))
    assert equal(final_state(trial), final_state(whole))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE])
def test_a_write_that_fails_half_way_is_made_again(tmp_path, whole, tiny_config, dataset, waiting, monkeypatch, code):
    write, left = Path.write_bytes, [3]

    def failing(path, content):
        if left[0]:
            left[0] -= 1
            write(path, content[: len(content) // 2])
            raise OSError(code, os.strerror(code))
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", failing)
    clock = waiting(0, lambda: None)
    list(run(spec(tiny_config), dataset, tmp_path / "trial", checkpoints=OFTEN))
    assert len(clock.slept) == 3
    assert partials(tmp_path / "trial") == []
    assert equal(final_state(tmp_path / "trial"), final_state(whole))


@pytest.mark.parametrize("measured", [0, 1])
def test_a_folder_that_is_away_is_not_made_anew(tmp_path, whole, tiny_config, dataset, waiting, caplog, measured):
    """Away between two measurements, or before the first checkpoint; and back at the fifth try."""
    trial, elsewhere = tmp_path / "trial", tmp_path / "elsewhere"
    running = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN, on_progress=lambda kimg: leave())

    def leave():
        if not elsewhere.exists() and not caplog.records:
            trial.rename(elsewhere)

    def back():
        assert not trial.exists()
        elsewhere.rename(trial)

    if measured:
        quiet = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
        next(quiet)
        quiet.close()
    clock = waiting(5, back)
    list(running)
    assert len(clock.slept) == 5
    assert "No such file or directory; trying again" in caplog.text
    assert equal(final_state(trial), final_state(whole))


def test_a_folder_that_is_away_while_checkpoints_are_looked_for_has_not_lost_them(
    tmp_path, whole, tiny_config, dataset, waiting, monkeypatch
):
    trial, elsewhere = tmp_path / "trial", tmp_path / "elsewhere"
    first = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    next(first), next(first)
    first.close()

    def gone(directory):
        if not waited.slept:
            trial.rename(elsewhere)
        return latest_checkpoint(directory)

    waited = waiting(2, lambda: elsewhere.rename(trial))
    monkeypatch.setattr("ignm.training.trial.latest_checkpoint", gone)
    made = list(run(spec(tiny_config), dataset, trial, checkpoints=OFTEN))
    assert len(made) == 3
    assert equal(final_state(trial), final_state(whole))


def test_a_checkpoint_that_cannot_be_read_just_now_is_not_passed_over(
    tmp_path, whole, tiny_config, dataset, waiting, monkeypatch
):
    trial = tmp_path / "trial"
    first = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    next(first), next(first)
    first.close()
    read, opened = Path.read_text, []

    def stale(path, *arguments, **options):
        if path.name == "checkpoint.json":
            opened.append(path.parent.name)
            if len(opened) == 1:
                raise OSError(errno.EIO, "Input/output error")
        return read(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", stale)
    waiting(0, lambda: None)
    list(run(spec(tiny_config), dataset, trial, checkpoints=OFTEN))
    assert opened[:2] == ["checkpoint-0000000160"] * 2
    assert equal(final_state(trial), final_state(whole))


def test_to_a_reader_it_is_one_clear_error(tmp_path, whole, monkeypatch):
    def stale(*arguments, **options):
        raise OSError(errno.ESTALE, "Stale file handle")

    monkeypatch.setattr(Path, "read_text", stale)
    with pytest.raises(IgnmError, match=r"cannot be read: .*Stale file handle"):
        open_checkpoint(whole)


def cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize("name", ["checkpoint.json", "networks.safetensors", "generator_ema.safetensors", "state.pt"])
def test_a_truncated_newest_checkpoint_is_passed_over_and_removed(tmp_path, whole, tiny_config, dataset, caplog, name):
    trial = tmp_path / "trial"
    first = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    next(first), next(first)
    first.close()
    cut(trial / "checkpoint-0000000160" / name)
    again = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    next(again), next(again)
    again.close()
    assert "damaged" in caplog.text
    assert "checkpoint-0000000160" in caplog.text
    # From 120 on: nothing older was needed, and what was damaged is whole again.
    assert open_checkpoint(trial).images_seen == 160
    list(run(spec(tiny_config), dataset, trial, checkpoints=OFTEN))
    assert equal(final_state(trial), final_state(whole))


def test_where_all_are_truncated_it_starts_over_and_says_so(tmp_path, whole, tiny_config, dataset, caplog):
    trial = tmp_path / "trial"
    first = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    next(first), next(first)
    first.close()
    for checkpoint in trial.glob("checkpoint-*"):
        cut(checkpoint / "state.pt")
    again = run(spec(tiny_config), dataset, trial, checkpoints=OFTEN)
    assert next(again).point == 0.08
    assert "no checkpoint is intact; it starts over" in caplog.text
    assert open_checkpoint(trial).images_seen == 80
    assert [path.name for path in sorted(trial.glob("checkpoint-*"))] == [
        "checkpoint-0000000040", "checkpoint-0000000080",
    ]  # fmt: skip
    list(again)
    assert equal(final_state(trial), final_state(whole))


def test_progress_does_not_stop_for_a_full_disk(tmp_path, tiny_config, dataset, monkeypatch):
    monkeypatch.setattr("ignm.training.progress.SECONDS_BETWEEN_PROGRESS", 0.0)
    monkeypatch.setattr("ignm.training.trainer.STEPS_BETWEEN_PROGRESS", 1)

    def full(path, value, make_folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ignm.training.progress.write_json", full)
    assert len(list(run(spec(tiny_config), dataset, tmp_path / "trial"))) == 3


def test_a_trial_knows_its_owner(tmp_path, tiny_config, dataset):
    next(run(spec(tiny_config), dataset, tmp_path / "trial"))
    owner = read_json(tmp_path / "trial" / "owner.json", "node", "pid", "token", "since")
    assert (owner["node"], owner["pid"]) == (os.uname().nodename, os.getpid())
    shutil.rmtree(tmp_path / "trial")
