"""Optuna's file: killed, torn, damaged, lost, not to be written, or an older copy of itself."""

import multiprocessing
import os
import shutil
import signal
import sqlite3

import pytest
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState, create_trial
from support.searching import Driver, asking, open_optuna

from ignm.errors import IgnmError
from search.searcher.ledger import Ledger, path_of
from search.searcher.rebuilding import LACKING
from search.study.folder import Status

STORAGES = ["sqlite", "journal"]


@pytest.fixture(params=STORAGES)
def question(request, question):
    return asking(question, {"storage": request.param})


def lived(folder, question):
    """A study with a trial of every kind, and some that never were: completed, pruned, diverged, failed, unfinished."""
    driver = Driver(folder, question)
    names = [driver.begin() for _ in range(6)]
    for quality, name in enumerate(names[:3]):
        driver.complete(name, 5.0 + quality)
    driver.measure(names[3], 4.0)
    driver.end(names[3], Status.DIVERGED)
    driver.end(names[4], Status.RUNNING, error=True)
    driver.measure(names[5], 1.0)
    return driver


def told(trials):
    """What matters of Optuna's trials, without the times."""
    return [
        (
            t.number,
            t.state,
            t.values,
            t.params,
            t.intermediate_values,
            t.user_attrs.get("trial"),
            t.user_attrs.get("status"),
        )
        for t in trials
        if "trial" in t.user_attrs
    ]


def names(trials):
    return [t.user_attrs["trial"] for t in trials if "trial" in t.user_attrs]


def damaged(path, how):
    content = path.read_bytes()
    path.write_bytes({"garbage": b"not a study\n" * 99, "half": content[: len(content) // 2], "empty": b""}[how])


def test_lost_it_is_made_again_from_the_folders(folder, question):
    before = told(lived(folder, question).on_disk())
    assert {state for _, state, *_ in before} == {
        TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING,
    }  # fmt: skip
    shutil.rmtree(folder.path / "optuna")
    again = Driver(folder, question)
    assert told(again.on_disk()) == before
    assert again.begin() == before[-1][5]


def test_numbers_of_trials_that_never_were_are_kept_free(folder, question):
    def check(config):
        if config.generator.width == 16:
            raise IgnmError("too wide for it")

    driver = Driver(folder, question, check=check)
    for quality in range(6):
        driver.complete(driver.begin(), 9.0 + quality)
    before = told(driver.on_disk())
    refused = {t.number for t in driver.on_disk() if "refused" in t.user_attrs}
    assert refused & set(range(before[-1][0])), "no refusal in between"
    shutil.rmtree(folder.path / "optuna")
    again = Driver(folder, question)
    assert told(again.on_disk()) == before
    lacking = [t for t in again.on_disk() if LACKING in t.user_attrs]
    assert {t.number for t in lacking} == refused & set(range(before[-1][0]))
    assert {t.state for t in lacking} == {TrialState.FAIL}


@pytest.mark.parametrize("how", ["garbage", "half", "empty"])
def test_damaged_it_is_set_aside_and_made_again(folder, question, how, caplog):
    before = told(lived(folder, question).on_disk())
    path = path_of(folder, question)
    damaged(path, how)
    again = Driver(folder, question)
    assert sorted(names(again.on_disk())) == sorted(each[5] for each in before)
    assert TrialState.RUNNING in {t.state for t in again.on_disk()}
    if how == "garbage":
        assert path.with_name(f"{path.name}.damaged-1").exists()
        assert "set aside as" in caplog.text
        assert told(again.on_disk()) == before
    assert Driver(folder, question).search.missing == again.search.missing


def test_an_older_copy_gets_what_it_lacks(folder, question):
    driver = Driver(folder, question)
    first = driver.begin()
    driver.complete(first, 5.0)
    running = driver.begin()
    shutil.copytree(folder.path / "optuna", folder.path / "copy")
    driver.complete(running, 4.0)
    driver.complete(driver.begin(), 6.0)
    driver.begin()
    before = told(driver.on_disk())
    shutil.rmtree(folder.path / "optuna")
    (folder.path / "copy").rename(folder.path / "optuna")
    assert len(told(open_optuna(folder, question).get_trials())) < len(before)
    again = Driver(folder, question)
    assert told(again.on_disk()) == before


def test_a_line_that_a_killed_writer_left_half_is_dropped(folder, question):
    if question.suggesting.storage != "journal":
        pytest.skip("sqlite has a journal of its own")
    before = told(lived(folder, question).on_disk())
    with path_of(folder, question).open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","study')
    again = Driver(folder, question)
    assert told(again.on_disk()) == before
    again.complete(again.begin(), 0.5)
    assert len(told(Driver(folder, question).on_disk())) == len(before)


def _write_until_killed(folder, question, begun):
    ledger = Ledger(folder, question)
    while True:
        number = len(ledger._ids)
        trial = create_trial(state=TrialState.RUNNING, user_attrs={"trial": f"search-{number:04d}-x"})
        trial.number = number
        ledger.add(trial)
        ledger.report(number, 500, 1.0)
        os.write(begun, b".")


@pytest.mark.parametrize("writes", [1, 7, 20])
def test_killed_while_it_is_written_it_opens_with_all_that_was_written(folder, question, writes):
    read, write = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=_write_until_killed, args=(folder, question, write))
    process.start()
    written = 0
    while written < writes:
        written += len(os.read(read, 1))
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    os.close(write)
    while more := os.read(read, 4096):
        written += len(more)
    os.close(read)
    trials = Ledger(folder, question).trials
    assert len(trials) >= written
    assert [t.number for t in trials] == list(range(len(trials)))
    assert all(t.intermediate_values == {500: 1.0} for t in trials[:written])


def test_a_write_that_fails_stops_nothing_and_is_made_up_for(folder, question, monkeypatch, caplog):
    driver = Driver(folder, question)
    ledger = driver.search._records._ledger

    def full(*arguments, **named):
        raise StorageInternalError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(ledger._storage, "create_new_trial", full)
        name = driver.begin()
    driver.complete(name, 5.0)
    driver.complete(driver.begin(), 6.0)
    assert "disk is full" in caplog.text
    assert names(driver.on_disk()) == []
    again = Driver(folder, question)
    assert [t.state for t in again.on_disk()] == [TrialState.COMPLETE, TrialState.PRUNED]


def test_what_could_not_be_written_is_made_up_for_in_the_same_run(folder, question, monkeypatch):
    """Whatever the first write was that failed, and whatever happened until the next one that does not."""
    driver = Driver(folder, question)
    ledger = driver.search._records._ledger
    measured, lost, running = driver.begin(), driver.begin(), driver.begin()
    driver.measure(measured, 5.0)

    def full(*arguments, **named):
        raise StorageInternalError("database or disk is full")

    with monkeypatch.context() as patched:
        for name in ("set_trial_intermediate_value", "set_trial_state_values", "create_new_trial"):
            patched.setattr(ledger._storage, name, full)
        driver.complete(measured, 5.0)
        driver.end(lost, Status.DIVERGED)
        driver.begin()
    assert [t.state for t in driver.on_disk()] == [TrialState.RUNNING] * 3
    driver.search.catch_up()
    expected = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING, TrialState.RUNNING]
    assert [t.state for t in driver.on_disk()] == expected
    monkeypatch.setattr("search.searcher.ledger.CATCH_UP_SECONDS", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(ledger._storage, "set_trial_user_attr", full)
        driver.end(running, Status.OUT_OF_MEMORY)
    driver.begin()
    before = told(driver.on_disk())
    assert len(before) == 5
    again = Driver(folder, question)
    assert told(again.on_disk()) == before


def test_held_by_another_program_it_says_so(folder, question, monkeypatch):
    if question.suggesting.storage != "sqlite":
        pytest.skip("a journal is only ever appended to")
    lived(folder, question)
    monkeypatch.setattr("search.searcher.ledger.LOCKED_SECONDS", 0.01)
    other = sqlite3.connect(path_of(folder, question))
    other.execute("begin exclusive")
    with pytest.raises(IgnmError, match=r"study\.db: cannot be opened: database is locked"):
        Driver(folder, question)
    other.close()
    Driver(folder, question)
