"""Every sampler on every storage through NaN, stops, a crash, a kill and a restart."""

import math
import random

import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher
from support.searching import Driver, asking

from search.searcher import samplers
from search.searcher.samplers import SAMPLERS
from search.study.folder import Status

TRIALS = 26
STORAGES = ("sqlite", "journal")


def live(driver, draws, count):
    """Lets up to `count` suggestions live side by side, each to another end; the last two are left running."""
    names = []
    for _ in range(count):
        name = driver.begin()
        if name == Searcher.FINISHED:
            break
        names.append(name)
    for number, name in enumerate(names[:-2]):
        ways[number % len(ways)](driver, name, draws)
    for name in names[-2:]:
        driver.measure(name, 0.5)
    return names


def _completes(driver, name, draws):
    driver.complete(name, draws.uniform(0, 1))


def _is_nan_on_its_way(driver, name, draws):
    driver.complete(name, math.nan)


def _diverges(driver, name, draws):
    driver.measure(name, 0.1)
    driver.end(name, Status.DIVERGED)


def _crashes(driver, name, draws):
    driver.end(name, Status.RUNNING, error=True)


def _is_bad(driver, name, draws):
    driver.complete(name, 1000 + draws.random())


def _does_not_fit(driver, name, draws):
    driver.end(name, Status.OUT_OF_MEMORY)


ways = (_completes, _is_nan_on_its_way, _diverges, _crashes, _is_bad, _does_not_fit)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_through_all_that_can_happen(folder, question, sampler, storage):
    if sampler == "cmaes" and samplers.find_spec("cmaes") is None:
        pytest.skip("needs cmaes")
    question = asking(question, {"sampler": sampler, "storage": storage}, trials=TRIALS)
    draws = random.Random(0)
    unfinished = []
    for _ in range(3):
        # Dropped without a word, as a killed driver drops it.
        driver = Driver(folder, question)
        resumed = [driver.begin() for _ in unfinished]
        assert resumed == unfinished
        for name in resumed:
            driver.complete(name, draws.uniform(1, 9))
        unfinished = live(driver, draws, len(ways) + 2)[-2:]

    last = Driver(folder, question)
    while (name := last.begin()) != Searcher.FINISHED:
        last.complete(name, draws.uniform(1, 9))
    assert last.search.missing == 0

    trials = last.on_disk()
    states = [t.state for t in trials]
    assert not {TrialState.RUNNING, TrialState.WAITING} & set(states)
    assert [t.number for t in trials] == list(range(len(trials)))
    names = [t.user_attrs["trial"] for t in trials if "trial" in t.user_attrs]
    folders = folder.all_trials("search")
    assert sorted(names) == [trial.name for trial in folders]
    assert len(names) == len(set(names)) == TRIALS
    assert len({trial.label()["config_id"] for trial in folders}) == TRIALS
    wanted = {
        Status.COMPLETED: TrialState.COMPLETE,
        Status.PRUNED: TrialState.PRUNED,
        Status.DIVERGED: TrialState.PRUNED,
        Status.OUT_OF_MEMORY: TrialState.PRUNED,
        Status.FAILED: TrialState.FAIL,
    }
    told = {t.user_attrs["trial"]: t.state for t in trials if "trial" in t.user_attrs}
    assert told == {trial.name: wanted[trial.status()] for trial in folders}
    assert set(wanted) <= {trial.status() for trial in folders}
    assert {t.user_attrs["trial"]: t.number for t in trials if "trial" in t.user_attrs} == {
        trial.name: trial.label()["number"] for trial in folders
    }
