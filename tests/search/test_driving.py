"""A driver in a process of its own: stopped by hand, by SIGTERM, by a limit; and gone on with."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support.studies import driven

from search import stages
from search.study.folder import Status, StudyFolder
from search.study.heartbeat import read_driver
from search.study.requests import BY_HAND, request_stop, stop_requested
from search.study.standing import read_standing

IGNM = str(Path(sys.executable).with_name("ignm"))
LONGEST = 240


class Driver:
    """`ignm` on a study whose trials do not end by themselves."""

    def __init__(self, path, study, environment):
        self.path, self.environment = path, environment
        (path / "long.yaml").write_text(yaml.safe_dump(study))
        self.folder = StudyFolder(path / "studies" / "long")

    def start(self, *words):
        return subprocess.Popen(
            [IGNM, *words], cwd=self.path, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def call(self, *words):
        done = subprocess.run(
            [IGNM, *words], cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=LONGEST
        )
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def wait_until(self, condition, process):
        deadline = time.monotonic() + LONGEST
        while not condition():
            assert time.monotonic() < deadline, "the study did not come so far"
            if process.poll() is not None:
                pytest.fail(f"ended too early: {process.stdout.read()}")
            time.sleep(0.05)

    def measured(self):
        """Names of the running trials that have a measurement."""
        return [
            trial.name
            for trial in self.folder.all_trials()
            if trial.status() is Status.RUNNING and trial.measurements()
        ]


@pytest.fixture
def driver(tmp_path, small_study, environment):
    # A measurement every 4 kimg, a second or more each: there is always a next one, and an end is far.
    budget = {"trials": 4, "kimg": 32, "first_rung": 32}
    return Driver(tmp_path, small_study | {"name": "long", "budget": budget}, environment)


def test_a_trial_is_stopped_by_hand_and_the_driver_by_sigterm(driver):
    process = driver.start("search", "long.yaml")
    driver.wait_until(driver.measured, process)
    name = driver.measured()[0]
    trial = driver.folder.trial(name)
    request_stop(trial.path)
    driver.wait_until(lambda: trial.status() is not Status.RUNNING, process)
    assert (trial.status(), trial.reason()) == (Status.PRUNED, BY_HAND)

    standing = read_standing(driver.folder)
    assert (standing.alive, standing.driver.pid) == (True, process.pid)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 143, output
    assert "stopped; nothing measured is lost. Go on with: ignm search long.yaml" in output
    assert "Traceback" not in output
    standing = read_standing(driver.folder)
    assert (standing.alive, standing.driver.outcome) == (False, "stopped")
    assert standing.search.ended == {Status.PRUNED: 1}
    assert standing.slots >= 1
    assert standing.spent.held.seconds > 0


def test_training_one_config_is_stopped_by_sigterm_too(driver, small_study):
    small = [f"--set={path}={value}" for path, value in small_study["set"].items()]
    words = ("train", "--preset", "dcgan", "--data", "drawn@16", "--kimg", "80", "--images", "64", "--out", "o", *small)
    process = driver.start(*words)
    driver.wait_until(lambda: list(driver.path.glob("o/checkpoint-*/checkpoint.json")), process)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 143, output
    assert "stopped; nothing measured is lost. Go on with: ignm train --preset dcgan" in output
    assert "Traceback" not in output


@pytest.mark.slow
def test_a_study_is_stopped_by_hand_and_goes_on_until_a_limit(driver):
    process = driver.start("search", "long.yaml")
    driver.wait_until(driver.measured, process)
    before = {name: len(driver.folder.trial(name).measurements()) for name in driver.measured()}
    assert "asked its driver" in driver.call("stop", "long")
    output, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 130, output
    assert "stopped; nothing measured is lost" in output
    # Each came to one more measurement, and none has ended.
    for name, count in before.items():
        assert len(driver.folder.trial(name).measurements()) > count
    assert {trial.status() for trial in driver.folder.all_trials()} == {Status.RUNNING}

    # As `ignm status` says, with a limit that is already used up at the first look.
    spent = json.loads(driver.call("status", "long", "--json"))["spent"]["cpu_hours"]
    go_on = driver.call("status", "long").partition("go on with: ")[2].splitlines()[0]
    limit = f"budget.gpu_hours={spent + 1e-4}"
    process = driver.start(*shlex.split(go_on)[1:], "--set", limit)
    output, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, output
    ended = driver.folder.all_trials()
    assert {(trial.status(), trial.reason()) for trial in ended} == {(Status.PRUNED, "budget.gpu_hours was used up")}
    assert "budget.gpu_hours is used up" in driver.call("search", "long.yaml", "--set", limit)

    # Raised, it continues with new trials.
    process = driver.start("search", "long.yaml", "--set", f"budget.gpu_hours={spent + 1}")
    driver.wait_until(lambda: len(driver.folder.all_trials()) > len(ended), process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LONGEST)
    assert process.returncode == 130


@pytest.mark.slow
def test_the_confirm_stage_winds_up_and_goes_on(tmp_path, small_study, environment):
    study = small_study | {
        "name": "long",
        "budget": {"trials": 1, "kimg": 1, "first_rung": 1},
        "confirm": {"top": 1, "seeds": 4, "kimg": 40},
    }
    driver = Driver(tmp_path, study, environment)
    process = driver.start("run", "long.yaml")
    driver.wait_until(lambda: any(name.startswith("confirm") for name in driver.measured()), process)
    driver.call("stop", "long")
    output, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 130, output
    runs = driver.folder.all_trials("confirm")
    assert len(runs) == 4
    assert Status.RUNNING in {run.status() for run in runs}
    assert not {run.status() for run in runs} - {Status.RUNNING, Status.COMPLETED}


def test_a_driver_on_another_machine_is_named_before_anything_is_touched(
    ignm, home, monkeypatch, tmp_path, small_study
):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_study))
    folder = StudyFolder(tmp_path / "studies" / "small")
    driven(folder, ago=2)
    request_stop(folder.path)
    monkeypatch.setenv("IGNM_HOME", str(home))
    code, text = ignm("run", "small.yaml")
    assert code == 2
    assert "this study is being run already, by process 7 on far, since" in text
    # What was asked of the other driver is still asked, and it is still the one that drives.
    assert stop_requested(folder.path)
    assert read_driver(folder.path).pid == 7
    assert not folder.question.exists()


def test_what_was_asked_of_an_earlier_driver_is_not_for_the_next(tmp_path):
    folder = StudyFolder(tmp_path / "small")
    driven(folder, outcome="stopped")
    request_stop(folder.path)
    with stages._held(folder, "run", None):
        assert not stop_requested(folder.path)
        assert read_driver(folder.path).alive()
        request_stop(folder.path)
    assert not stop_requested(folder.path)
    assert read_driver(folder.path).outcome == "finished"
    with pytest.raises(RuntimeError), stages._held(folder, "run", None):
        raise RuntimeError
    assert read_driver(folder.path).outcome == "failed"
