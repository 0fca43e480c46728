"""What the driver itself writes while the storage is full or away; waiting takes no time here."""

import pytest
from ray.tune.search import Searcher
from support.clocks import FakeTime
from support.disks import fill, free
from support.searching import Driver
from support.studies import begun, trial_of

from ignm import files
from ignm.training import patience
from ignm.training.patience import OutOfReachError
from search.study.clock import CLOCK, StageClock
from search.study.folder import Status
from search.study.heartbeat import Heartbeat
from search.study.results import write_results
from search.study.spending import Meter


@pytest.fixture
def waiting(monkeypatch):
    """Have something happen at the n-th time that storage is waited for."""

    def on(number, happening):
        clock = FakeTime(lambda at: happening() if at == number else None)
        monkeypatch.setattr(patience, "time", clock)
        return clock

    return on


def test_an_end_and_the_results_wait_for_a_full_disk(disk, question, waiting):
    folder = begun(disk, question)
    trial = trial_of(folder, question, 0, (0.5, 3.0))
    fill(disk)
    clock = waiting(3, lambda: free(disk))
    trial.end(Status.PRUNED, "beaten")
    assert (len(clock.slept), trial.status(), trial.reason()) == (3, Status.PRUNED, "beaten")
    fill(disk)
    clock = waiting(3, lambda: free(disk))
    write_results(folder)
    assert len(clock.slept) == 3
    assert not list(disk.rglob("*.partial*"))


def test_a_trial_begins_when_a_full_disk_is_free_again(disk, question, waiting):
    driver = Driver(begun(disk, question), question)
    fill(disk)
    clock = waiting(3, lambda: free(disk))
    assert driver.trial(driver.begin()).spec().kimg == question.budget.kimg
    assert len(clock.slept) == 3


def test_nothing_is_made_anew_where_the_storage_is_away(tmp_path, question, waiting):
    """As if written there it would be hidden, and so lost, when the storage is back."""
    folder = begun(tmp_path, question)
    driver = Driver(folder, question)
    name = driver.begin()
    away = tmp_path / "away"

    def back():
        assert not folder.path.exists()
        away.rename(folder.path)

    folder.path.rename(away)
    assert len(waiting(4, back).slept) == 0
    folder.trial(name).end(Status.PRUNED, "beaten")
    assert folder.trial(name).reason() == "beaten"
    driver.search.on_trial_complete(driver.keys[name])
    folder.path.rename(away)
    waiting(4, back)
    assert driver.begin() not in (None, Searcher.FINISHED, name)


def test_a_trial_is_begun_where_the_study_is_though_it_goes_away_meanwhile(tmp_path, question, waiting, monkeypatch):
    """Between the first and the second try, and with the folders that others might make where it had been."""
    folder, away = begun(tmp_path, question), tmp_path / "away"
    driver, write = Driver(folder, question), files.write_text

    def go(*details, **more):
        monkeypatch.setattr(files, "write_text", write)
        folder.path.rename(away)
        folder.trials.mkdir(parents=True)
        write(*details, **more)

    def back():
        folder.trials.rmdir()
        folder.path.rmdir()
        away.rename(folder.path)

    monkeypatch.setattr(files, "write_text", go)
    clock = waiting(3, back)
    trial = driver.trial(driver.begin())
    assert len(clock.slept) == 3
    assert trial.spec().kimg == question.budget.kimg


def test_what_is_written_again_and_again_makes_no_folder_where_the_storage_is_away(tmp_path, question):
    folder = begun(tmp_path, question)
    meter = Meter(folder, "search")
    meter.begin(trial_of(folder, question, 0).name, 1, 0)
    heartbeat, clock = Heartbeat(folder.path, "search", None), StageClock(folder.path / CLOCK, "search")
    heartbeat.start()
    folder.path.rename(tmp_path / "away")
    heartbeat.close("finished")
    meter.tick()
    with pytest.raises(FileNotFoundError):
        clock.tick()
    assert not folder.path.exists()


def test_an_end_is_told_though_the_storage_goes_away_before_it_is_read(tmp_path, question, waiting):
    folder, away = begun(tmp_path, question), tmp_path / "away"
    driver = Driver(folder, question)
    name = driver.begin()
    folder.trial(name).end(Status.PRUNED, "beaten")
    folder.path.rename(away)
    clock = waiting(3, lambda: away.rename(folder.path))
    driver.search.on_trial_complete(driver.keys[name])
    assert len(clock.slept) == 3
    assert [trial.state.name for trial in driver.on_disk()] == ["PRUNED"]


def test_storage_that_does_not_come_back_is_told(tmp_path, question, waiting):
    folder = begun(tmp_path, question)
    trial = trial_of(folder, question, 0, (0.5, 3.0))
    folder.path.rename(tmp_path / "away")
    waiting(0, lambda: None)
    with pytest.raises(OutOfReachError, match="for 120 s; free some space or bring the storage back, then run"):
        trial.end(Status.PRUNED, "beaten")
    with pytest.raises(OutOfReachError, match="for 0 s"):
        trial.end(Status.PRUNED, "beaten", patience=0.0)
    assert not folder.path.exists()
