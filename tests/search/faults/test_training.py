"""Trainings that fail: numbers that are none, and lack of memory; the search goes on, and Optuna is told."""

import json

import pytest
from support.nothing_lost import lines
from support.tiny_study import attempts, status

pytestmark = pytest.mark.slow


@pytest.fixture
def faulty(study):
    """Run the tiny study with a fault in some trials; returns it, and those trials and the others."""

    def run(fault, **changes):
        made = study(fault=fault, **changes)
        made.finish()
        plain = [trial for trial in made.trials() if '"normalisation": null' in (trial / "trial.json").read_text()]
        assert 0 < len(plain) < len(made.trials())
        return made, plain, [trial for trial in made.trials() if trial not in plain]

    return run


@pytest.mark.parametrize(("fault", "end"), [("not_a_number", "diverged"), ("too_large", "out_of_memory")])
def test_it_is_the_end_of_those_trials_alone(faulty, nothing_lost, fault, end):
    study, concerned, others = faulty(fault)
    assert {status(trial) for trial in concerned} == {end}
    assert {status(trial) for trial in others} <= {"completed", "pruned"}
    nothing_lost(study.path, ends=(end,))
    # What was good of them is kept.
    assert all(list(trial.glob("checkpoint-*")) for trial in concerned)


def test_what_fits_in_parts_goes_on_in_parts_from_its_last_checkpoint(faulty, nothing_lost):
    """Lack of memory on a GPU, as torch tells it."""
    study, concerned, _ = faulty("too_large_in_one_part")
    nothing_lost(study.path)
    for trial in concerned:
        begun = lines(trial / "attempts.jsonl")[:3]
        assert [round(attempt["kimg"]) for attempt in begun] == [0, 1, 1]
        assert len({attempt["pid"] for attempt in begun}) == 1
        assert lines(trial / "measurements.jsonl")[0]["batch_parts"] == 4


def test_a_process_killed_for_lack_of_the_hosts_memory_is_given_another(faulty, nothing_lost):
    study, _, _ = faulty("killed_once")
    assert len(nothing_lost(study.path).each) == 1


def test_one_that_is_killed_for_it_again_and_again_fails_alone(faulty, nothing_lost):
    """Another process would not help; the search learns nothing from its point, and goes on."""
    study, concerned, others = faulty("killed", resources={"checkpoint_kimg": 1.0, "max_failures": 1})
    assert {status(trial) for trial in concerned} == {"failed"}
    assert {status(trial) for trial in others} <= {"completed", "pruned"}
    nothing_lost(study.path, ends=("failed",))
    for trial in concerned:
        assert "killed (by lack of memory?)" in json.loads((trial / "status.json").read_text())["reason"]
        # Its first process, and so many more as there was no checkpoint between.
        assert attempts(trial) <= 3
