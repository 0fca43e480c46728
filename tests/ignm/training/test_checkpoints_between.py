"""Checkpoints between measurements: when they are written, and that going on from one changes nothing."""

from dataclasses import asdict
from itertools import pairwise

import pytest
from support.trials import HARD, Killed, equal, final_state, killed_after, run, spec

from ignm.config import override
from ignm.training import trial
from ignm.training.checkpoint import open_checkpoint
from ignm.training.measurement import read_measurements
from ignm.training.progress import CheckpointEvery
from ignm.training.trainer import Trainer

TIMES = ("seconds", "images_per_second")
NONE = CheckpointEvery(minutes=None)


def without_times(measurements):
    return [{key: value for key, value in each.items() if key not in TIMES} for each in measurements]


@pytest.mark.parametrize(
    "changes",
    [{}, HARD, {"init.reconstruction": 0.04, "init.discriminator": 0.05}],
    ids=["dcgan", "everything on", "two steps"],
)
@pytest.mark.parametrize("saves", [1, 2, 3])
def test_going_on_between_measurements_is_bit_exact(tmp_path, tiny_config, dataset, monkeypatch, changes, saves):
    """Weights, state and all later measurements but their times, means over the steps before the kill included."""
    wanted = spec(override(tiny_config, changes), points=(0.096, 0.192))
    list(run(wanted, dataset, tmp_path / "whole", checkpoints=NONE))
    every = CheckpointEvery(kimg=0.024, minutes=None)
    with monkeypatch.context() as patched:
        killed_after(patched, saves)
        with pytest.raises(Killed):
            list(run(wanted, dataset, tmp_path / "broken", checkpoints=every))
    expected = open_checkpoint(tmp_path / "broken").images_seen
    assert expected not in (0, 96, 192)
    list(run(wanted, dataset, tmp_path / "broken", checkpoints=every))
    ours, theirs = (read_measurements(tmp_path / name / "measurements.jsonl") for name in ("broken", "whole"))
    assert without_times(ours) == without_times(theirs)
    assert equal(final_state(tmp_path / "whole"), final_state(tmp_path / "broken"))


def checkpoints_of(monkeypatch, tmp_path, config, dataset, **options):
    """Images seen at each checkpoint that was written."""
    save, seen = trial.save_checkpoint, []

    def noted(trainer, *arguments):
        seen.append(trainer.images_seen)
        return save(trainer, *arguments)

    monkeypatch.setattr(trial, "save_checkpoint", noted)
    list(run(spec(config, points=(0.08, 0.16)), dataset, tmp_path, **options))
    return seen


def test_by_kimg_they_are_at_its_multiples(tmp_path, tiny_config, dataset, monkeypatch):
    every = CheckpointEvery(kimg=0.03, minutes=None)
    # Steps are of 8 images, and end at or beyond a multiple of 30.
    assert checkpoints_of(monkeypatch, tmp_path, tiny_config, dataset, checkpoints=every) == [
        32, 64, 80, 96, 120, 152, 160,
    ]  # fmt: skip


def test_by_neither_they_are_at_measurements_alone(tmp_path, tiny_config, dataset, monkeypatch):
    assert checkpoints_of(monkeypatch, tmp_path, tiny_config, dataset, checkpoints=NONE) == [80, 160]


def test_by_the_clock_they_come_after_so_much_training_since_the_last(tmp_path, tiny_config, dataset, monkeypatch):
    """A clock that goes 10 s a step: every 30 s of training, evaluations left out, is every third step."""
    monkeypatch.setattr("ignm.training.trainer.time.perf_counter", Clock(monkeypatch))
    every = CheckpointEvery(minutes=0.5)
    assert checkpoints_of(monkeypatch, tmp_path, tiny_config, dataset, checkpoints=every) == [
        24, 48, 72, 80, 104, 128, 152, 160,
    ]  # fmt: skip


class Clock:
    """Stands still but for the steps of a trainer."""

    def __init__(self, monkeypatch):
        self.now, step = 0.0, Trainer._step

        def ticking(trainer):
            step(trainer)
            self.now += 10.0

        monkeypatch.setattr(Trainer, "_step", ticking)

    def __call__(self):
        return self.now


def test_the_default_is_ten_minutes_of_training():
    default = CheckpointEvery()
    assert (default.seconds_left(0.0), default.seconds_left(599.0), default.seconds_left(700.0)) == (600.0, 1.0, 0.0)
    assert default.next_kimg(12.0) == float("inf")


@pytest.mark.parametrize("every", [0.01, 0.03, 0.07, 0.1, 1.5])
def test_multiples_of_kimg_rise_whatever_rounding_does(every):
    at, points = 0.0, []
    for _ in range(200):
        at = CheckpointEvery(kimg=every).next_kimg(at)
        points.append(at)
    assert all(later - earlier == pytest.approx(every) for earlier, later in pairwise(points))


def test_a_trial_that_is_asked_each_step_trains_the_same(tmp_path, tiny_config, dataset):
    wanted = spec(override(tiny_config, {"augment.policy": "diffaugment"}))
    always = [asdict(each) for each in run(wanted, dataset, tmp_path / "a", checkpoints=CheckpointEvery(minutes=1e-9))]
    never = [asdict(each) for each in run(wanted, dataset, tmp_path / "b", checkpoints=NONE)]
    assert without_times(always) == without_times(never)
    assert equal(final_state(tmp_path / "a"), final_state(tmp_path / "b"))


def test_whoever_keeps_checkpoints_elsewhere_is_told_of_each(tmp_path, tiny_config, dataset):
    told = []
    every = CheckpointEvery(kimg=0.04, minutes=None)

    def tell():
        told.append(open_checkpoint(tmp_path).images_seen)

    list(run(spec(tiny_config, points=(0.08, 0.16)), dataset, tmp_path, checkpoints=every, on_checkpoint=tell))
    assert told == [40, 120]
