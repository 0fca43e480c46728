"""Whole studies on a local Ray: run, killed at any moment, run again."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from search.study.folder import Status, StudyFolder

IGNM = str(Path(sys.executable).with_name("ignm"))
LONGEST = 240


class Runner:
    """`ignm run` of the small study in a process of its own."""

    def __init__(self, path, study, environment):
        self.path, self.environment = path, environment
        (path / "small.yaml").write_text(yaml.safe_dump(study))
        self.folder = StudyFolder(path / "studies" / "small")

    def start(self, *arguments):
        return subprocess.Popen(
            [IGNM, "run", "small.yaml", *arguments],
            cwd=self.path, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def finish(self, *arguments):
        process = self.start(*arguments)
        output, _ = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        return output

    def ends(self):
        """What must never change again: the files of each ended trial."""
        kept = ("status.json", "measurements.jsonl", "process")
        ended = [trial for trial in self.folder.all_trials() if trial.status() is not Status.RUNNING]
        return {
            trial.name: [((trial.path / name).read_bytes(), (trial.path / name).stat().st_mtime_ns) for name in kept]
            for trial in ended
        }

    def wait_until(self, condition, process):
        deadline = time.monotonic() + LONGEST
        while not condition():
            assert time.monotonic() < deadline, "the study did not come so far"
            if process.poll() is not None:
                pytest.fail(f"ended too early: {process.stdout.read()}")
            time.sleep(0.05)


@pytest.fixture
def runner(tmp_path, small_study, environment):
    return Runner(tmp_path, small_study, environment)


def test_a_study_from_question_to_report_killed_on_its_way(runner):
    """SIGKILL in the search and in the confirm stage: nothing ended is repeated, nothing begun is lost."""
    process = runner.start()
    runner.wait_until(lambda: len(runner.ends()) >= 1, process)
    process.kill()
    process.wait()
    first = runner.ends()

    process = runner.start()
    runner.wait_until(lambda: any(name.startswith("confirm") for name in runner.ends()), process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    second = runner.ends()
    assert {name: second[name] for name in first} == first

    output = runner.finish()
    assert {name: runner.ends()[name] for name in second} == second
    assert "going on; done so far: search 5 of 5 trials, confirm " in output
    assert "winner:" in output
    _check_finished(runner.folder)

    # Asked once more, it has nothing to train; and `best` is there to take away.
    before = runner.ends()
    runner.finish()
    assert runner.ends() == before
    best = subprocess.run(
        [IGNM, "best", "small", "--json"],
        cwd=runner.path,
        env=runner.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(best.stdout)["seeds"] == [1000, 1001]


def _check_finished(folder, trials_asked=5):
    trials = folder.all_trials()
    assert Status.RUNNING not in {trial.status() for trial in trials}
    table = pd.read_parquet(folder.results)
    assert set(table["trial"]) == {trial.name for trial in trials}
    searched = table[(table["stage"] == "search") & (table["status"] != "failed")]
    assert searched["trial"].nunique() == trials_asked
    assert not table.duplicated(["trial", "kimg"]).any()
    confirmed = table[(table["stage"] == "confirm") & (table["kimg"] == table["kimg"].max())]
    evidence = json.loads((folder.best / "evidence.json").read_text())
    assert set(confirmed["seed"]) == {1000, 1001}
    own = confirmed[confirmed["config_id"] == evidence["config_id"]]["quality"]
    assert evidence["mean"] == pytest.approx(own.mean())
    assert evidence["mean"] == confirmed.groupby("config_id")["quality"].mean().min()
    for name in ("config.yaml", "generator.safetensors", "samples.png", "real.png", "README.md"):
        assert (folder.best / name).stat().st_size > 0
    page = (folder.path / "report" / "index.html").read_text(encoding="utf-8")
    # Those of the search and of the defects; nothing was ablated.
    assert page.count("executed from top to bottom") == 2


def test_a_second_driver_and_another_question_are_refused(runner):
    process = runner.start("--set", "budget.trials=1")
    runner.wait_until(runner.folder.question.exists, process)
    second = subprocess.run(
        [IGNM, "run", "small.yaml"],
        cwd=runner.path,
        env=runner.environment,
        capture_output=True,
        text=True,
        timeout=LONGEST,
    )
    process.kill()
    process.wait()
    assert second.returncode == 2
    assert "being run already" in second.stderr
    other = subprocess.run(
        [IGNM, "run", "small.yaml", "--set", "seed=9"],
        cwd=runner.path, env=runner.environment, capture_output=True, text=True, timeout=LONGEST,
    )  # fmt: skip
    assert other.returncode == 2
    assert "seed: 0 -> 9" in other.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_moments(tmp_path, small_study, environment):
    """SIGKILLs at random moments until the study is done, twelve at most and five at least, then an end."""
    long = {"budget": {"trials": 10, "kimg": 40, "first_rung": 10}, "evaluation": {"images": 500}}
    runner = Runner(tmp_path, small_study | long, environment)
    moments = random.Random(0)
    kept: dict[str, list] = {}
    kills = 0
    for _ in range(12):
        process = runner.start()
        try:
            output, _ = process.communicate(timeout=moments.uniform(2, 20))
            assert process.returncode == 0, output
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        ends = runner.ends()
        assert {name: ends[name] for name in kept} == kept
        kept = ends
    assert kills >= 5
    runner.finish()
    assert {name: runner.ends()[name] for name in kept} == kept
    _check_finished(runner.folder, trials_asked=10)
