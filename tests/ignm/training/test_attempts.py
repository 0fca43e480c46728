"""Who took a trial up, from where, and what was trained twice: written down each time."""

import os

import pytest
import torch
from support.trials import Killed, killed_after, run, spec

from ignm.errors import IgnmError
from ignm.files import write_json
from ignm.training.attempts import note_attempt, read_attempts
from ignm.training.progress import CheckpointEvery

EVERY = CheckpointEvery(kimg=0.04, minutes=None)


def test_nobody_has_taken_it_up(tmp_path):
    assert read_attempts(tmp_path) == []


def test_each_process_says_where_it_goes_on_and_what_it_repeats(tmp_path, tiny_config, dataset, monkeypatch):
    with monkeypatch.context() as patched:
        killed_after(patched, 3)
        with pytest.raises(Killed):
            list(run(spec(tiny_config), dataset, tmp_path, checkpoints=EVERY))
    write_json(tmp_path / "progress.json", {"kimg": 0.152, "time": 0.0})
    list(run(spec(tiny_config), dataset, tmp_path, checkpoints=EVERY))
    first, second = read_attempts(tmp_path)
    assert (first.kimg, first.reached, first.repeated) == (0.0, 0.0, 0.0)
    assert (second.kimg, second.reached) == (0.12, 0.152)
    assert second.repeated == pytest.approx(0.032)
    assert (second.node, second.pid, second.threads) == (os.uname().nodename, os.getpid(), torch.get_num_threads())
    assert first.time < second.time


def test_one_that_goes_on_from_its_last_measurement_repeats_nothing(tmp_path, tiny_config, dataset):
    running = run(spec(tiny_config), dataset, tmp_path)
    next(running), next(running)
    running.close()
    next(run(spec(tiny_config), dataset, tmp_path))
    assert [(each.kimg, each.repeated) for each in read_attempts(tmp_path)] == [(0.0, 0.0), (0.16, 0.0)]


@pytest.mark.parametrize("damaged", ["progress.json", "measurements.jsonl"])
def test_what_is_damaged_beside_it_does_not_keep_a_trial_from_going_on(tmp_path, damaged):
    (tmp_path / damaged).write_text("{")
    note_attempt(tmp_path, 0.5)
    assert [each.reached for each in read_attempts(tmp_path)] == [0.5]


def test_a_damaged_record_is_told(tmp_path):
    (tmp_path / "attempts.jsonl").write_text('{"time": 1}\n')
    with pytest.raises(IgnmError, match=r"attempts\.jsonl: cannot be read"):
        read_attempts(tmp_path)
