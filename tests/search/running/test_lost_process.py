"""On Ray: a trial's process killed as the kernel does for lack of memory, between two measurements."""

import os
import signal
import threading
import time

import pytest
import torch
from ray import tune
from support.trials import equal, final_state

from ignm.config import TrialSpec
from ignm.data.store import open_dataset
from ignm.files import read_json
from ignm.metrics.evaluator import Evaluator
from ignm.training.measurement import read_measurements
from ignm.training.trial import run_trial
from search.running.ray_cluster import connected
from search.running.trainable import TrialTrainable
from search.study.folder import Status, StudyFolder

LONGEST = 120.0
TIMES = {"seconds", "images_per_second"}


def kill_after_a_checkpoint(folder, killed):
    """Wait for a checkpoint beyond the first measurement, then kill whoever owns the trial."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        if any(path.name > "checkpoint-0000000512" for path in folder.glob("checkpoint-*")):
            killed.append(read_json(folder / "owner.json", "pid")["pid"])
            os.kill(killed[0], signal.SIGKILL)
            return
        time.sleep(0.01)


@pytest.mark.slow
@pytest.mark.parametrize("failures", [0, 1])
def test_it_goes_on_from_its_last_checkpoint_in_another_process(tmp_path, question, in_home, monkeypatch, failures):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    folder = StudyFolder(tmp_path / "small")
    folder.path.mkdir()
    spec = TrialSpec(config=question.base(), kimg=32.0, measure_at=(0.512, 32.0), evaluation=question.evaluation)
    trial = folder.begin_trial("search-0000", spec, {"number": 0, "parameters": {}})
    own = {"study": str(folder.path), "trial": trial.name, "data_root": str(in_home / "data"), "cpus": 1}
    killed = []
    threading.Thread(target=kill_after_a_checkpoint, args=(trial.path, killed), daemon=True).start()
    tuner = tune.Tuner(
        TrialTrainable,
        param_space=own | {"checkpoint_kimg": 2.0},
        run_config=tune.RunConfig(
            name="tune", storage_path=str(tmp_path), verbose=0, failure_config=tune.FailureConfig(max_failures=failures)
        ),
    )
    with connected(None):
        tuner.fit()
    assert len(killed) == 1
    if failures == 0:
        assert trial.status() is Status.RUNNING  # left to whoever runs the study again
        assert trial.measurements()[-1]["point"] == 0.512
        return
    assert trial.status() is Status.COMPLETED
    assert read_json(trial.path / "owner.json", "pid")["pid"] != killed[0]
    torch.set_num_threads(1)
    dataset = open_dataset(spec.config.data.name, spec.config.data.resolution, in_home / "data")
    evaluator = Evaluator(spec.evaluation, dataset, torch.device("cpu"), in_home / "references")
    list(run_trial(spec, dataset, tmp_path / "whole", evaluator, torch.device("cpu")))
    assert equal(final_state(trial.path)[:2], final_state(tmp_path / "whole")[:2])
    last, expected = trial.measurements()[-1], read_measurements(tmp_path / "whole" / "measurements.jsonl")[-1]
    assert {key: last[key] for key in last.keys() - TIMES} == {key: expected[key] for key in expected.keys() - TIMES}
