"""The ablate stage on a local Ray: from a question to its table, killed on its way; and what it says beforehand."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.ablations import ByHand
from support.studies import begun

from ignm.files import read_json
from search.study.folder import Status, StudyFolder
from search.study.question import Question
from search.study.results import write_results
from search.study.standing import read_standing

IGNM = str(Path(sys.executable).with_name("ignm"))
LONGEST = 240
ABLATE = {"designs": ["leave_one_out"], "improved": "ignm", "seeds": 2, "most_seeds": 2}


class Stage:
    """`ignm ablate` of the small study in a process of its own."""

    def __init__(self, path, study, environment):
        self.path, self.environment = path, environment
        (path / "small.yaml").write_text(yaml.safe_dump(study))
        self.folder = StudyFolder(path / "studies" / "small")

    def start(self, *words):
        return subprocess.Popen(
            [IGNM, *words], cwd=self.path, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def finish(self, *words):
        process = self.start(*words)
        output, _ = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, output
        assert "Traceback" not in output
        return output

    def ends(self):
        kept = ("status.json", "measurements.jsonl", "process")
        return {
            trial.name: [((trial.path / name).read_bytes(), (trial.path / name).stat().st_mtime_ns) for name in kept]
            for trial in self.folder.all_trials()
            if trial.status() is not Status.RUNNING
        }

    def wait_until(self, condition, process):
        deadline = time.monotonic() + LONGEST
        while not condition():
            assert time.monotonic() < deadline, "the ablation did not come so far"
            if process.poll() is not None:
                pytest.fail(f"ended too early: {process.stdout.read()}")
            time.sleep(0.05)


@pytest.fixture
def stage(tmp_path, small_study, environment):
    return Stage(tmp_path, small_study | {"ablate": ABLATE | {"designs": ["baselines"]}}, environment)


def test_an_ablation_without_a_search_killed_on_its_way(stage):
    process = stage.start("ablate", "small.yaml")
    stage.wait_until(lambda: len(stage.ends()) >= 1, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = stage.ends()
    assert not read_json(stage.folder.ablation)["complete"]

    output = stage.finish("ablate", "small.yaml")
    assert {name: stage.ends()[name] for name in first} == first
    assert "ablation: 2 arms on 1 dataset, 2 seeds, 2 kimg" in output
    plan = read_json(stage.folder.ablation)
    assert plan["complete"]
    table = pd.read_parquet(stage.folder.results)
    assert set(table["stage"]) == {"ablate"}
    assert set(table["dataset"]) == {"drawn@16"}
    last = table[table["kimg"] >= 2]
    assert sorted(zip(last["arm"], last["seed"], strict=True)) == [(arm, s) for arm in (0, 1) for s in (2000, 2001)]
    assert set(last["status"]) == {"completed"}
    assert last["reference_id"].nunique() == 1
    assert read_standing(stage.folder).finished


@pytest.mark.slow
def test_every_stage_of_a_study_with_an_ablation_of_its_winner_on_two_datasets(stage, small_study, home, environment):
    study = small_study | {
        "ablate": {
            "designs": ["baselines", "path"], "baselines": ["dcgan", "ignm"], "seeds": 2, "most_seeds": 3,
            "datasets": ["drawn@16", "embedded@16"], "kimg": 1,
        },
        "evaluation": {"images": 32},
    }  # fmt: skip
    stage = Stage(stage.path, study, environment)
    output = stage.finish("run", "small.yaml")
    assert "winner:" in output
    assert "ablation:" in output
    plan = read_json(stage.folder.ablation)
    assert plan["complete"]
    assert {arm["dataset"] for arm in plan["arms"]} == {"drawn@16", "embedded@16"}
    assert len({facts["reference_id"] for facts in plan["datasets"].values()}) == 2
    # Each arm was measured against the reference of its own dataset.
    table = pd.read_parquet(stage.folder.results).query("stage == 'ablate'")
    for dataset, rows in table.groupby("dataset"):
        assert set(rows["reference_id"].dropna()) == {plan["datasets"][dataset]["reference_id"]}
    # No seed chose the winner and reports it too.
    table = pd.read_parquet(stage.folder.results)
    seeds = [set(rows["seed"]) for _, rows in table.groupby("stage")]
    assert len(seeds) == 3
    assert sum(map(len, seeds)) == len(set.union(*seeds))


@pytest.fixture
def dry_run(ignm, home, monkeypatch, tmp_path, small_study):
    """`ignm ablate --dry-run`; fails where Ray is started or anything is written."""
    import ray

    def run(*words, command="ablate", **changes):
        monkeypatch.setenv("IGNM_HOME", str(home))
        monkeypatch.setattr(ray, "init", lambda *a, **k: pytest.fail("started Ray"))
        monkeypatch.setattr("search.timing.TRY_SECONDS", 0.05)
        monkeypatch.setattr("search.running.capacity.os.cpu_count", lambda: 4)
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_study | {"ablate": ABLATE | changes}))
        before = files(tmp_path), files(home)
        result = ignm(command, "small.yaml", "--dry-run", *words)
        assert (files(tmp_path), files(home)) == before
        return result

    return run


def files(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def test_the_cost_is_told_design_by_design(dry_run):
    code, text = dry_run(
        "--set", "resources.price=2", designs=["baselines", "factorial", "leave_one_out"], seeds=3, most_seeds=5
    )
    assert code == 0, text
    assert "ablate: 8 arms of 2 kimg on 1 dataset, 3 to 5 fresh seeds (ablate.most_seeds) each: 24 to 40 runs" in text
    assert "baselines on drawn@16: 2 arms; 6 to 10 runs, about" in text
    assert "factorial from dcgan on drawn@16: 8 arms, 2 of them above; 18 to 30 runs" in text
    assert "leave one out from dcgan on drawn@16: 4 arms, all of them above" in text
    costs = [float(cost) for cost in re.findall(r"about ([\d.e-]+) to [\d.e-]+ CPU-hours, in money", text)]
    total = float(re.search(r"cost: about ([\d.e-]+) CPU-hours", text)[1])
    assert sum(costs) == pytest.approx(total, rel=0.02)
    assert "search" not in text


def test_a_winner_to_come_is_counted_by_a_stand_in(dry_run):
    code, text = dry_run(command="run", improved="winner", designs=["factorial"])
    assert code == 0, text
    # The space's axes belong to the structure and the loss: four arms at most.
    assert "factorial from dcgan on drawn@16: 4 arms; 8 runs" in text
    assert "there is no winner yet" in text
    assert "search: 5 trials" in text
    assert "ablate takes about" in text


def test_what_has_ended_costs_nothing_more(dry_run, tmp_path, small_study, home):
    question = Question.model_validate(small_study | {"ablate": ABLATE})
    ByHand(tmp_path / "studies").step(question, lambda arm, seed: 5.0)
    code, text = dry_run()
    assert code == 0, text
    assert "4 arms of 2 kimg on 1 dataset, 2 fresh seeds each: 0 runs, 8 more have ended" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"datasets": ["nobody@16"]}, "ablate.datasets: There is no dataset 'nobody' at resolution 16"),
        ({"improved": "sagan"}, "ablate.improved: preset sagan"),
        ({"baselines": ["dcgna"]}, "did you mean 'dcgan'?"),
    ],
)
def test_a_bad_ablation_fails_before_anything_begins(dry_run, ignm, tmp_path, changes, expected):
    code, text = dry_run(**changes)
    assert (code, expected in text) == (2, True), text
    code, text = ignm("run", "small.yaml")
    assert (code, expected in text) == (2, True), text
    assert not (tmp_path / "studies").exists()


def test_without_a_section_the_command_says_what_to_write(ignm, home, monkeypatch, tmp_path, small_study):
    monkeypatch.setenv("IGNM_HOME", str(home))
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_study))
    code, text = ignm("ablate", "small.yaml")
    assert (code, "has no `ablate` section" in text) == (2, True), text


def test_the_stage_stands_in_the_status(ignm, tmp_path, small_study):
    question = Question.model_validate(small_study | {"ablate": ABLATE})
    folder = begun(tmp_path / "studies", question)
    stage = ByHand(tmp_path / "studies")
    stage.step(question, lambda arm, seed: None if arm["number"] == 1 else 5.0 + seed % 2 + arm["number"])
    standing = read_standing(folder)
    assert (standing.stage.stage, standing.ablate.total, standing.ablate.count_ended) == ("ablate", 8, 8)
    assert not standing.finished
    stage.plan(question)
    assert read_standing(folder).finished
    text = ignm("status", str(folder.path))[1]
    assert "ablate 8/8: 6 completed, 2 diverged" in text
    assert "search 0/" not in text
    told = json.loads(json.dumps(read_standing(folder).as_json()))
    assert told["stages"]["ablate"]["total"] == 8


def test_diverged_and_missing_runs_are_rows_or_are_not_there(tmp_path, small_study):
    question = Question.model_validate(small_study | {"ablate": ABLATE})
    stage = ByHand(tmp_path)
    stage.step(question, lambda arm, seed: None if arm["number"] == 1 else 5.0)
    table = write_results(stage.folder)
    assert table.groupby("arm")["status"].first().to_dict() == {
        0: "completed", 1: "diverged", 2: "completed", 3: "completed",
    }  # fmt: skip
    assert table[table["arm"] == 1]["quality"].isna().all()
    again = pd.read_parquet(stage.folder.results)
    assert again["arm"].dtype == "Int64"
    assert set(again["dataset"]) == {"drawn@16"}
