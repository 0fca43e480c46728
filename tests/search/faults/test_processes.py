"""Processes that die: a trial's, the driver's, at any moment; and two drivers at one study."""

import random
import subprocess
from itertools import islice

import pytest
import torch
from support.nothing_lost import assert_kept, kept, lines
from support.tiny_study import attempts, kill, owner, status

from ignm.config import TrialSpec
from ignm.data.store import open_dataset
from ignm.metrics.evaluator import Evaluator
from ignm.training.trial import run_trial


def test_a_trials_process_is_killed(study, nothing_lost):
    """The driver gives the trial another process, which goes on from its last checkpoint."""
    study = study(budget={"trials": 2, "kimg": 6, "first_rung": 3})
    process = study.start()
    trial = study.wait_until(lambda: study.running(kimg=2.5), process)[0]
    before = kept(study.path)
    kill(owner(trial))
    output = study.ended(process)
    assert f"{trial.name}: its process died; it goes on from its last checkpoint" in output
    assert attempts(trial) == 2
    repeated = nothing_lost(study.path)
    assert len(repeated.each) == 1
    assert_kept(before, study.path)


@pytest.mark.slow
def test_a_trial_whose_process_dies_again_and_again_at_one_place_fails_alone(study, nothing_lost):
    study = study(resources={"checkpoint_kimg": 12.0, "max_failures": 1})
    process = study.start()
    trial = study.wait_until(lambda: [each for each in study.trials() if attempts(each) == 1], process)[0]
    kill(owner(trial))
    study.wait_until(lambda: attempts(trial) == 2, process)
    kill(owner(trial))
    study.ended(process)
    repeated = nothing_lost(study.path, ends=("failed",))
    assert len(repeated.each) == 1
    assert [each for each in study.trials() if status(each) == "failed"] == [trial]


@pytest.mark.slow
def test_the_driver_is_killed(study, nothing_lost):
    study = study()
    process = study.start()
    trial = study.wait_until(lambda: study.running(kimg=2.5), process)[0]
    study.kill(process)
    before = kept(study.path)
    study.finish()
    assert attempts(trial) == 2
    assert nothing_lost(study.path).each
    assert_kept(before, study.path)


@pytest.mark.slow
def test_the_same_trials_process_is_killed_again_and_again_and_it_comes_to_its_end(study, nothing_lost):
    """More often than `max_failures`, but each time after another checkpoint, as on machines that vanish."""
    study = study(budget={"trials": 1, "kimg": 12}, resources={"checkpoint_kimg": 1.0, "max_failures": 1})
    process = study.start()
    moments = random.Random(0)
    for count in range(1, 5):
        kimg = 2 * count + moments.uniform(0, 1)
        trial = study.wait_until(lambda kimg=kimg: study.running(kimg), process)[0]
        kill(owner(trial))
        study.wait_until(lambda count=count: study.attempts() > count, process)
    study.ended(process)
    assert len(nothing_lost(study.path).each) == 4


@pytest.mark.slow
def test_of_two_drivers_that_start_at_the_same_moment_one_is_refused(study, nothing_lost):
    study = study(budget={"trials": 2, "kimg": 6, "first_rung": 3})
    both = [study.start(), study.start()]
    outputs = {process: process.communicate(timeout=240)[0] for process in both}
    first, second = sorted(both, key=lambda process: process.returncode)
    assert (first.returncode, second.returncode) == (0, 2), outputs
    assert "this study is being run already" in outputs[second]
    assert nothing_lost(study.path).each == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_driver_is_killed_at_twenty_random_moments(study, nothing_lost, home, tmp_path):
    """Ten while it starts up, if it is not quick, ten while trials train; what had ended by then stays as it is."""
    study = study(budget={"trials": 12, "kimg": 32, "first_rung": 4, "finalists": 4})
    moments, before = random.Random(0), {}
    for number in range(20):
        process = study.start()
        if number % 2:
            count = study.attempts()
            study.wait_until(lambda count=count: study.attempts() > count, process)
        try:
            process.communicate(timeout=moments.uniform(0, 5 if number % 2 else 10))
            pytest.fail(f"it was over after {number} kills: make it longer")
        except subprocess.TimeoutExpired:
            study.kill(process)
        assert_kept(before, study.path)
        before = kept(study.path)
    study.finish()
    repeated = nothing_lost(study.path)
    assert_kept(before, study.path)
    assert len(repeated.each) >= 10
    # Whatever happened to it, a trial comes to the very numbers that it comes to by itself.
    most = max(study.trials(), key=attempts)
    measured = lines(most / "measurements.jsonl")
    alone = undisturbed(most, home, tmp_path / "alone", len(measured))
    assert [numbers(each) for each in measured] == [numbers(each) for each in alone]


def undisturbed(trial, home, folder, count):
    """The first measurements of a trial, trained in this process, all at once."""
    spec = TrialSpec.model_validate_json((trial / "trial.json").read_text())
    torch.set_num_threads(1)
    dataset = open_dataset(spec.config.data.name, spec.config.data.resolution, home / "data")
    evaluator = Evaluator(spec.evaluation, dataset, torch.device("cpu"), home / "references")
    training = run_trial(spec, dataset, folder, evaluator, torch.device("cpu"))
    for _ in islice(training, count):
        pass
    training.close()
    return lines(folder / "measurements.jsonl")


def numbers(measurement):
    return {name: value for name, value in measurement.items() if name not in ("seconds", "images_per_second")}
