"""Trainings that fail: numbers that are none, and lack of memory; the search goes on, and Optuna is told."""

from pathlib import Path

import pytest
from support.nothing_lost import assert_nothing_lost, lines
from support.tiny_study import status

pytestmark = pytest.mark.slow
INJECTED = Path(__file__).with_name("injected")


@pytest.fixture
def faulty(study):
    """Run the tiny study with a fault in some trials; returns it, and the ends of those trials and of the others."""

    def run(fault):
        made = study()
        path = f"{INJECTED}:{made.environment.get('PYTHONPATH', '')}".rstrip(":")
        made.environment = {**made.environment, "FAULT": fault, "PYTHONPATH": path}
        made.finish()
        plain = [trial for trial in made.trials() if '"normalisation": null' in (trial / "trial.json").read_text()]
        assert 0 < len(plain) < len(made.trials())
        return made, plain, [trial for trial in made.trials() if trial not in plain]

    return run


@pytest.mark.parametrize(("fault", "end"), [("not_a_number", "diverged"), ("too_large", "out_of_memory")])
def test_it_is_the_end_of_those_trials_alone(faulty, fault, end):
    study, concerned, others = faulty(fault)
    assert {status(trial) for trial in concerned} == {end}
    assert {status(trial) for trial in others} <= {"completed", "pruned"}
    assert_nothing_lost(study.path, ends=(end,))
    # What was good of them is kept.
    assert all(list(trial.glob("checkpoint-*")) for trial in concerned)


def test_what_fits_in_parts_goes_on_in_parts_from_its_last_checkpoint(faulty):
    study, concerned, _ = faulty("too_large_in_one_part")
    assert_nothing_lost(study.path)
    for trial in concerned:
        begun = lines(trial / "attempts.jsonl")[:3]
        assert [round(attempt["kimg"]) for attempt in begun] == [0, 1, 1]
        assert len({attempt["pid"] for attempt in begun}) == 1
        assert lines(trial / "measurements.jsonl")[0]["batch_parts"] == 4
