"""One process trains a trial: another is refused, or takes it over for good, and the first writes nothing more."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.trials import HARD, equal, final_state, run, spec

from ignm.config import override
from ignm.errors import IgnmError
from ignm.training import ownership
from ignm.training.measurement import read_measurements
from ignm.training.ownership import LostOwnershipError, Ownership, owned
from ignm.training.progress import CheckpointEvery
from ignm.training.trainer import DivergedError

TESTS = Path(__file__).parents[2]
OFTEN = CheckpointEvery(kimg=0.04, minutes=None)
PROCESS = """
import sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from ignm.config import TrialSpec
from ignm.training.ownership import LostOwnershipError
from ignm.training.progress import CheckpointEvery
from support.trials import run

folder = Path(sys.argv[1])
images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
dataset = SimpleNamespace(
    name="tiny", resolution=16, channels=3, fingerprint="f1", path=folder.parent / "data" / "tiny" / "16",
    images=images, test_images=images[:0],
)
running = run(TrialSpec.model_validate_json(sys.argv[2]), dataset, folder, checkpoints=CheckpointEvery(kimg=0.04))
print("measured", next(running).point, flush=True)
sys.stdin.readline()
try:
    next(running)
    print("went on", flush=True)
except LostOwnershipError as error:
    print("stopped", error, flush=True)
"""


class Other:
    """A trial in a process of its own, which stands still after its first measurement until it is told to go on."""

    def __init__(self, specification, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROCESS, str(folder), specification.model_dump_json()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert self.process.stdout.readline().startswith("measured 0.08")

    def goes_on(self):
        """What it says of its next measurement."""
        output, _ = self.process.communicate("\n", timeout=60)
        return output


@pytest.fixture
def other():
    begun = []

    def begin(specification, folder):
        begun.append(Other(specification, folder))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.communicate()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(ownership, "LOCK_SECONDS", 0.0)
    monkeypatch.setattr(ownership, "TAKE_OVER_SECONDS", 0.0)


def contents(folder):
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.usefixtures("impatient")
def test_a_process_that_was_left_behind_stops_at_its_next_write(tmp_path, tiny_config, dataset, other):
    """It holds the lock, and has the folder's older state; what it is and writes counts no more."""
    wanted, folder = spec(override(tiny_config, HARD)), tmp_path / "trial"
    whole = list(run(wanted, dataset, tmp_path / "whole", checkpoints=OFTEN))
    orphan = other(wanted, folder)
    with pytest.raises(IgnmError, match="another process is training there"):
        next(run(wanted, dataset, folder, checkpoints=OFTEN))
    taken = run(wanted, dataset, folder, checkpoints=OFTEN, take_over=True)
    assert [next(taken).point, next(taken).point] == [0.08, 0.16]
    before = contents(folder)
    assert f'stopped {folder}: another process has taken it over ({{"node"' in orphan.goes_on()
    assert contents(folder) == before
    rest = list(taken)
    assert rest[-1].quality == whole[-1].quality
    assert equal(final_state(folder), final_state(tmp_path / "whole"))
    assert [line["point"] for line in read_measurements(folder / "measurements.jsonl")] == [0.08, 0.16, 0.24]


@pytest.mark.parametrize("way", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.usefixtures("impatient")
def test_a_process_that_is_ended_lets_go_of_the_trial(tmp_path, tiny_config, dataset, other, way):
    killed = other(spec(tiny_config), tmp_path / "trial")
    killed.process.send_signal(way)
    killed.process.wait(timeout=60)
    assert len(list(run(spec(tiny_config), dataset, tmp_path / "trial"))) == 3


@pytest.mark.usefixtures("impatient")
def test_it_is_noticed_while_training_not_only_at_checkpoints(tmp_path, tiny_config, dataset, monkeypatch):
    monkeypatch.setattr("ignm.training.progress.SECONDS_BETWEEN_PROGRESS", 0.0)
    long = spec(tiny_config, points=(0.08, 8.0))
    seen = []
    first = run(long, dataset, tmp_path, on_progress=seen.append)
    next(first)
    second = run(long, dataset, tmp_path, take_over=True)
    next(second)
    with pytest.raises(LostOwnershipError):
        next(first)
    assert seen[-1] <= 0.08 + 10 * 0.008


@pytest.mark.usefixtures("impatient")
def test_what_one_says_of_the_end_that_lost_the_trial_does_not_count(tmp_path, tiny_config, dataset, monkeypatch):
    first = run(spec(tiny_config), dataset, tmp_path)
    next(first)
    second = run(spec(tiny_config), dataset, tmp_path, take_over=True)
    next(second)

    def diverged(*arguments):
        raise DivergedError("not finite")

    with monkeypatch.context() as patched:
        patched.setattr("ignm.training.trial.measure", diverged)
        with pytest.raises(LostOwnershipError):
            next(first)
    assert len(list(second)) == 2


@pytest.mark.usefixtures("impatient")
def test_a_checkpoint_that_was_being_written_is_dropped(tmp_path, tiny_config, dataset, monkeypatch):
    """Taken over between the first byte and the last: it is not put in place."""
    first = run(spec(tiny_config), dataset, tmp_path)
    next(first)
    write, taken = Path.write_bytes, []

    def slow(path, content):
        if path.name == "state.pt" and not taken:
            taken.append(Ownership(tmp_path, patience=0.0))
            taken[0].claim()
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", slow)
    with pytest.raises(LostOwnershipError):
        next(first)
    assert [path.name for path in tmp_path.glob("*checkpoint-*")] == ["checkpoint-0000000080"]


def test_the_one_who_takes_over_waits_for_the_other_to_let_go(tmp_path, tiny_config, dataset, caplog):
    """With the lock free in time, nothing is forced."""
    first = run(spec(tiny_config), dataset, tmp_path)
    next(first)
    first.close()
    assert len(list(run(spec(tiny_config), dataset, tmp_path, take_over=True))) == 3
    assert "does not answer" not in caplog.text


def test_one_that_is_refused_leaves_the_owner_be(tmp_path, monkeypatch):
    monkeypatch.setattr(ownership, "LOCK_SECONDS", 0.0)
    with owned(tmp_path, take_over=False, patience=0.0) as first:
        with pytest.raises(IgnmError), owned(tmp_path, take_over=False, patience=0.0):
            pass
        first.check()
    assert json.loads((tmp_path / "owner.json").read_text())["pid"] == os.getpid()
