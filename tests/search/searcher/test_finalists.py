"""The best stopped trials go on at the search's end; killed at any point of it, nothing counts twice."""

import shutil

import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher
from support.searching import Driver, asking

from ignm.errors import IgnmError
from search.searcher import study_search
from search.searcher.finalists import candidates
from search.searcher.rebuilding import GOES_ON
from search.study.folder import Status

QUALITIES = (10.0, 14.0, 13.0, 12.0, 11.0, 15.0)
"""By the rule of halves, the first trial comes to the end and all others are stopped at the first rung."""


def searched(folder, question, finalists, **arguments):
    """A search whose ordinary trials have all ended."""
    driver = Driver(folder, asking(question, trials=len(QUALITIES), finalists=finalists), **arguments)
    names = [driver.begin() for _ in QUALITIES]
    for name, quality in zip(names, QUALITIES, strict=True):
        driver.complete(name, quality)
    assert [driver.trial(name).status() for name in names] == [Status.COMPLETED, *[Status.PRUNED] * 5]
    return driver, names


def counted(driver):
    """Of each trial the last state that Optuna has of it."""
    states = {}
    for trial in driver.on_disk():
        if "trial" in trial.user_attrs:
            states[trial.user_attrs["trial"]] = trial.state
    return states


def test_the_best_go_on_until_enough_have_come_to_the_end(folder, question):
    driver, names = searched(folder, question, finalists=3)
    assert driver.search.missing == 2
    gone_on = [driver.begin(), driver.begin()]
    # 11 and 12 are the next best after 10.
    assert gone_on == [names[4], names[3]]
    assert driver.begin() is None
    for name in gone_on:
        driver.complete(name, 20.0)
    assert driver.begin() == Searcher.FINISHED
    assert driver.search.missing == 0
    assert counted(driver) == {
        name: TrialState.COMPLETE if name in (names[0], *gone_on) else TrialState.PRUNED for name in names
    }
    first = next(t for t in driver.on_disk() if GOES_ON in t.user_attrs)
    before = driver.on_disk()[first.user_attrs[GOES_ON]]
    assert (before.state, before.params) == (TrialState.PRUNED, first.params)
    assert first.value == 20.0
    assert first.intermediate_values.items() >= before.intermediate_values.items()


def test_the_highest_rung_comes_before_quality(folder, question):
    driver = Driver(folder, asking(question, trials=4, finalists=4))
    a, b, c, d = (driver.begin() for _ in range(4))
    for name, quality in ((a, 1.0), (b, 9.0), (c, 0.9), (d, 0.8)):
        driver.measure(name, quality)
    for name, quality in ((a, 5.0), (a, 5.0), (c, 20.0), (c, 20.0), (d, 5.0), (d, 4.9)):
        driver.measure(name, quality)
    stopped = {name: driver.trial(name).status() for name in (b, c)}
    assert stopped == {b: Status.PRUNED, c: Status.PRUNED}
    # c came to the second rung, with a worse value than b had at the first.
    assert list(candidates(driver.search._records, folder)) == [c, b]


def test_one_that_diverges_on_its_way_is_made_up_for(folder, question):
    driver, names = searched(folder, question, finalists=2)
    lost = driver.begin()
    assert lost == names[4]
    driver.measure(lost, 8.0)
    assert driver.begin() is None
    driver.end(lost, Status.DIVERGED)
    assert driver.begin() == names[3]
    driver.complete(names[3], 7.0)
    assert driver.begin() == Searcher.FINISHED
    # And more cannot be had than there are: the rest goes on too, then it is over.
    more = Driver(folder, asking(driver.question, finalists=9))
    rest = [more.begin() for _ in range(3)]
    assert sorted(rest) == sorted({names[1], names[2], names[5]})
    for name in rest:
        more.complete(name, 9.0)
    assert more.begin() == Searcher.FINISHED
    assert more.search.missing == 0


def test_a_finalist_is_not_stopped_again_but_by_the_clock(folder, question):
    driver, _ = searched(folder, question, finalists=2)
    name = driver.begin()
    assert not driver.measure(name, 1e6)
    driver.search.close("budget.money was used up")
    assert driver.measure(name, 1e6)
    assert (driver.trial(name).status(), driver.trial(name).reason()) == (Status.PRUNED, "budget.money was used up")
    # With more time it goes on once more.
    again = Driver(folder, driver.question)
    # The best by what was measured last at the highest point.
    assert again.begin() == name
    again.complete(name, 3.0)
    assert counted(again)[name] is TrialState.COMPLETE


def test_what_was_stopped_by_hand_stays_stopped(folder, question):
    driver, names = searched(folder, question, finalists=2)
    trial = driver.trial(names[4])
    (trial.path / "status.json").unlink()
    trial.end(Status.PRUNED, "stopped by hand")
    assert driver.begin() == names[3]


def test_only_a_stopped_trial_can_be_reopened(folder, question):
    driver, names = searched(folder, question, finalists=0)
    with pytest.raises(IgnmError, match="completed; only a pruned trial can go on"):
        driver.trial(names[0]).reopen()
    assert driver.begin() == Searcher.FINISHED


class KilledError(Exception):
    """The driver is gone."""


@pytest.mark.parametrize("where", ["before the folder", "before Optuna", "after both"])
def test_killed_while_a_finalist_is_chosen(folder, question, monkeypatch, where):
    driver, names = searched(folder, question, finalists=2)
    after = {"before the folder": 0, "before Optuna": 1, "after both": 2}[where]
    with monkeypatch.context() as patched:
        go_on = study_search.go_on

        def dying(records, name):
            if after == 2:
                go_on(records, name)
            raise KilledError

        patched.setattr(study_search, "go_on", dying)
        if after == 0:
            patched.setattr("search.study.folder.Trial.reopen", lambda trial: dying(None, None))
        with pytest.raises(KilledError):
            driver.begin()
    again = Driver(folder, driver.question)
    assert again.search.missing == 1
    assert again.begin() == names[4]
    assert again.begin() is None
    again.complete(names[4], 7.0)
    assert again.begin() == Searcher.FINISHED
    assert [t.user_attrs["trial"] for t in again.on_disk() if t.state is TrialState.COMPLETE] == [names[0], names[4]]
    assert Driver(folder, driver.question).search.missing == 0


def test_a_folder_that_goes_on_is_believed_whatever_else_was_lost(folder, question):
    driver, names = searched(folder, question, finalists=2)
    (driver.trial(names[4]).path / "status.json").unlink()
    again = Driver(folder, driver.question)
    assert again.begin() == names[4]
    again.complete(names[4], 7.0)
    assert counted(again)[names[4]] is TrialState.COMPLETE
    assert again.begin() == Searcher.FINISHED


def test_the_folder_of_an_ended_trial_may_be_removed(folder, question):
    driver, names = searched(folder, question, finalists=0)
    shutil.rmtree(driver.trial(names[4]).path)
    assert Driver(folder, driver.question).begin() == Searcher.FINISHED


@pytest.mark.parametrize("ended", [False, True])
def test_rebuilt_from_the_folders_a_finalist_is_still_one(folder, question, ended):
    driver, _ = searched(folder, question, finalists=2)
    name = driver.begin()
    driver.measure(name, 1e6)
    if ended:
        driver.complete(name, 7.0)
    shutil.rmtree(folder.path / "optuna")
    again = Driver(folder, driver.question)
    if not ended:
        assert again.begin() == name
        assert not again.measure(name, 1e6)
        again.complete(name, 7.0)
    assert counted(again)[name] is TrialState.COMPLETE
    assert again.begin() == Searcher.FINISHED
    assert sum(t.user_attrs.get("trial") == name for t in again.on_disk()) == 1
