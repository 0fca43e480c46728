"""How often a trial's process may fail, and which failures count: as Tune would tell, without Ray."""

from pathlib import Path

import pytest
from support.studies import begun, trial_of

from ignm.training.attempts import note_attempt
from search.running.callbacks import WriteEnds
from search.storage.studies import InPlace
from search.study.folder import Status

OTHER_CODE = """ray.exceptions.ActorDiedError: The actor died because of an error raised in its creation task,
search.clusters.version.OtherCodeError: w2: its code is not the driver's (torch 2.13.0 instead of 2.14.1)
"""
DIED = "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.\n"
AWAY = """ray.exceptions.RayTaskError(OutOfReachError): ray::TrialTrainable.train() (pid=1, ip=127.0.0.1)
ignm.training.patience.OutOfReachError: /studies/x: No such file or directory, for 120 s; free some space
"""


class TuneTrial:
    """As much of Tune's trial as its callbacks look at."""

    def __init__(self, trial, path):
        self.config = {"trial": trial.name}
        self.max_failures = -1
        self.error_file = str(path / "tune-error.txt")

    def fail(self, text):
        with Path(self.error_file).open("a") as file:
            file.write(f"Failure # 1 (occurred at x)\n{text}")


@pytest.fixture
def failing(tmp_path, question, caplog):
    """Fail a trial's process with a text, after it took the trial up at `kimg`, if it did."""
    folder = begun(tmp_path, question)
    trial = trial_of(folder, question, 0)
    told, tunes = WriteEnds(folder, InPlace(), 2), TuneTrial(trial, tmp_path)

    def fail(text=DIED, kimg=None):
        if kimg is not None:
            note_attempt(trial.path, kimg)
        tunes.fail(text)
        caplog.clear()
        told.on_trial_recover(0, [], tunes)
        return trial.status()

    fail.trial, fail.tunes = trial, tunes
    return fail


def test_it_is_taken_up_again_so_many_times_and_no_more(failing, caplog):
    assert [failing(kimg=0.0), failing(kimg=0.0)] == [Status.RUNNING] * 2
    assert "its process died; it goes on from its last checkpoint" in caplog.text
    assert failing.tunes.max_failures == -1
    assert failing(kimg=0.0) is Status.FAILED
    assert failing.trial.reason().startswith("its process failed again and again")


def test_failures_with_a_checkpoint_between_them_do_not_add_up(failing):
    places = [0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert {failing(kimg=kimg) for kimg in places} == {Status.RUNNING}
    assert failing(kimg=4.0) is Status.FAILED


@pytest.mark.parametrize(("text", "said"), [(OTHER_CODE, "w2: its code is not the driver's"), (AWAY, "/studies/x: No")])
def test_a_place_where_no_trial_can_run_is_no_fault_of_the_trial(failing, caplog, text, said):
    assert failing(text) is Status.RUNNING
    assert f"{failing.trial.name}: could not go on: {said}" in caplog.text
    assert {failing(text) for _ in range(9)} == {Status.RUNNING}
    # Said once: it may go on for hours.
    assert said not in caplog.text
    # And the next failure of its own is its first one.
    assert [failing(kimg=0.0), failing(kimg=0.0)] == [Status.RUNNING] * 2
    assert failing(kimg=0.0) is Status.FAILED


def test_one_that_never_began_is_left_for_another_run(failing):
    (failing.trial.path / "process").unlink()
    assert {failing() for _ in range(3)} == {Status.RUNNING}
    # Tune gives it up the next time.
    assert failing.tunes.max_failures == 0
