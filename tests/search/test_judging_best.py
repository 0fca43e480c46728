"""How sure `ignm best` is of its winner."""

import json

import numpy as np
import pytest
from scipy import stats
from support.studies import begun, evidence_of, trial_of

from ignm.files import write_json
from search.designs.reporting import Reported, ReportedArm
from search.judging_best import cost_of, judge_best


def test_interval_probability_and_whom_it_beats():
    own, near, far = [10.0, 10.4, 9.8, 10.2], [10.1, 10.3, 9.9, 10.3], [20.1, 20.2, 20.0, 20.3]
    (judged,) = judge_best(evidence_of(own, near, far), [])
    assert judged.chosen_here
    low, high = stats.t.interval(0.95, 3, np.mean(own), stats.sem(own))
    assert (judged.low, judged.high) == pytest.approx((low, high))
    assert 0.5 < judged.probability < 0.98
    assert [(rival.name, rival.beaten) for rival in judged.rivals] == [("trial-b", False), ("trial-c", True)]
    gains = np.subtract(far, own)
    expected = stats.t.interval(1 - 0.05 / 2, 3, gains.mean(), stats.sem(gains))
    assert (judged.rivals[1].low, judged.rivals[1].high) == pytest.approx(expected)


def test_one_seed_and_no_rival_are_said():
    (judged,) = judge_best(evidence_of([10.0], [12.0]), [])
    assert (judged.mean, judged.low, judged.probability) == (10.0, None, None)
    assert "two are needed" in judged.note
    assert not judged.rivals[0].beaten
    assert judged.rivals[0].better_by == 2.0
    (alone,) = judge_best(evidence_of([10.0, 11.0]), [])
    assert alone.rivals == ()
    assert judge_best({"config_id": "a"}, []) == []


def test_fresh_seeds_are_paired_and_lost_ones_left_out():
    winner = ReportedArm("winner", (10.0, 12.0, 11.0), 0, (2000, 2001, 2002))
    rival = ReportedArm("dcgan", (20.0, 21.1), 1, (2000, 2002))
    gone = ReportedArm("sagan", (), 3, ())
    (judged,) = judge_best({"config_id": "x"}, [
        Reported("drawn@16", 2.0, (winner, rival, gone))
    ])  # fmt: skip
    assert not judged.chosen_here
    assert judged.dataset == "drawn@16"
    assert judged.rivals[0].better_by == pytest.approx(10.05)
    assert judged.rivals[1].better_by is None
    assert judged.rivals[1].reason


def test_the_command_says_it_and_gives_it_to_programs(tmp_path, question, ignm):
    folder = begun(tmp_path, question)
    run = trial_of(folder, question, 0, (1.0, 12.0), (2.0, 10.0), stage="confirm", status="completed")
    evidence = evidence_of([10.0, 10.4, 9.8, 10.2], [20.1, 20.2, 20.0, 20.3], trial=run.name)
    write_json(folder.best / "evidence.json", evidence)
    (folder.best / "config.yaml").write_text("a: 1\n")
    code, text = ignm("best", str(folder.path))
    assert code == 0
    assert "on the seeds that chose it: mean 10.10 [9.69, 10.51], the best of 2 with probability 1.00" in text
    assert "beats trial-b by 10.05 [" in text
    assert "cost: 20 s of training for 2.01 kimg (100 images/s)" in text
    assert f"its run: {run.path}" in text
    assert cost_of(folder, {"trial": "gone"}) is None
    told = json.loads(ignm("best", str(folder.path), "--json")[1])
    assert told["judged"][0]["rivals"][0]["name"] == "trial-b"
    assert told["cost"]["seconds"] == 20.0
    assert told["files"]["config"].endswith("best/config.yaml")
