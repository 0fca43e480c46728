"""Several objectives, limits, and results that are not numbers."""

import math

import optuna
import pytest
from optuna.trial import TrialState
from support.searching import Driver, asking, open_optuna

from ignm.errors import IgnmError
from search.study.folder import Status
from search.study.sections import Limits

THREE = {"objectives": ("quality", "cost", "diversity")}


def test_several_objectives_are_told_with_their_directions_and_nothing_is_stopped(folder, question):
    driver = Driver(folder, asking(question, THREE))
    good, bad = driver.begin(), driver.begin()
    for name, quality in ((good, 1.0), (bad, 100.0)):
        driver.complete(name, quality, diversity=quality / 1000)
    study = open_optuna(folder, driver.question)
    assert [direction.name for direction in study.directions] == ["MINIMIZE", "MINIMIZE", "MAXIMIZE"]
    seconds = 2 * driver.points[-1]
    assert [t.values for t in study.get_trials()] == [[1.0, seconds, 0.001], [100.0, seconds, 0.1]]
    assert [t.number for t in study.best_trials] == [0, 1]
    assert all(t.intermediate_values == {} for t in study.get_trials())


@pytest.mark.parametrize("objective", ["cost", "diversity"])
def test_one_objective_that_is_not_the_quality_stops_nothing(folder, question, objective):
    driver = Driver(folder, asking(question, {"objectives": (objective,)}))
    good, bad = driver.begin(), driver.begin()
    for name, quality in ((good, 1.0), (bad, 100.0)):
        driver.complete(name, quality)
    assert [t.state for t in driver.on_disk()] == [TrialState.COMPLETE] * 2
    assert not driver.question.suggesting.stops_early
    assert question.suggesting.stops_early


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random", "qmc"])
def test_every_sampler_of_several_objectives_gets_along_with_what_can_happen(folder, question, sampler):
    driver = Driver(folder, asking(question, THREE | {"sampler": sampler}))
    for number in range(14):
        name = driver.begin()
        if number % 5 == 3:
            driver.end(name, Status.DIVERGED)
        elif number % 5 == 4:
            driver.measure(name, 3.0)
            driver.search.close("budget.minutes was used up")
            driver.measure(name, 3.0)
            driver = Driver(folder, driver.question)
        else:
            driver.complete(name, 5.0 + number, diversity=1 / (number + 1))
    assert TrialState.RUNNING not in {t.state for t in driver.on_disk()}


def test_cmaes_looks_for_one_objective(folder, question):
    with pytest.raises(IgnmError, match=r"cmaes looks for one objective.*one of tpe, gp, random, qmc"):
        Driver(folder, asking(question, THREE | {"sampler": "cmaes"}))
    assert not (folder.path / "optuna").exists()


@pytest.mark.parametrize("objectives", [("quality",), THREE["objectives"]])
@pytest.mark.parametrize("broken", [{"quality": math.nan}, {"seconds": math.nan}, {"diversity": None}])
def test_a_final_value_that_is_no_number_is_infeasible_and_stalls_nothing(folder, question, objectives, broken):
    driver = Driver(folder, asking(question, {"objectives": objectives}))
    name = driver.begin()
    for _ in driver.points[:-1]:
        driver.measure(name, 5.0)
    driver.measure(name, broken.get("quality", 5.0), **{k: v for k, v in broken.items() if k != "quality"})
    trial = driver.on_disk()[0]
    matters = objectives != ("quality",) or "quality" in broken
    assert trial.state is (TrialState.PRUNED if matters else TrialState.COMPLETE)
    assert (trial.constraints["diverged"] > 0) is matters
    assert driver.begin() not in (None, name)


def test_a_completed_trial_without_a_measurement_is_infeasible(folder, question):
    driver = Driver(folder, question)
    name = driver.begin()
    driver.end(name, Status.COMPLETED)
    assert driver.on_disk()[0].state is TrialState.PRUNED
    assert driver.on_disk()[0].constraints["diverged"] > 0


def test_nan_at_a_rung_is_stopped_and_beats_nobody(folder, question):
    driver = Driver(folder, question)
    first, second, third = (driver.begin() for _ in range(3))
    assert driver.measure(first, math.nan)
    assert not driver.measure(second, 1e9)
    assert not driver.measure(third, 1e8)
    assert driver.on_disk()[0].state is TrialState.PRUNED


def test_limits_are_constraints_of_every_trial_alike(folder, question):
    limits = Limits(memory_gib=2.0, seconds_per_kimg=1.5)
    driver = Driver(folder, asking(question, {"limits": limits}), memory_of=lambda config: config.generator.width / 16)
    slow, measured, lost, failed = (driver.begin() for _ in range(4))
    driver.complete(slow, 5.0)
    driver.complete(measured, 4.0, memory_gib=2.75, seconds=0.5)
    driver.end(lost, Status.OUT_OF_MEMORY)
    driver.end(failed, Status.RUNNING, error=True)
    trials = driver.on_disk()
    assert {tuple(sorted(t.constraints)) for t in trials} == {
        ("diverged", "memory_gib", "out_of_memory", "refused", "seconds_per_kimg")
    }
    last = driver.points[-1]
    assert trials[0].constraints["seconds_per_kimg"] == pytest.approx(2 * last / (last + 0.01) - 1.5)
    width = driver.trial(slow).spec().config.generator.width
    assert trials[0].constraints["memory_gib"] == width / 16 - 2.0
    assert trials[1].constraints["memory_gib"] == 0.75
    assert trials[1].constraints["seconds_per_kimg"] == pytest.approx(0.5 / (last + 0.01) - 1.5)
    assert trials[2].constraints["out_of_memory"] > 0
    assert not optuna.study._constrained_optimization._get_feasible_trials(trials[:3])


def test_what_is_estimated_over_the_memory_limit_is_never_trained(folder, question):
    asked = asking(question, {"limits": Limits(memory_gib=1.0)})
    driver = Driver(folder, asked, memory_of=lambda config: 0.5 if config.generator.width == 8 else 4.0)
    names = [driver.begin() for _ in range(8)]
    assert {driver.trial(name).spec().config.generator.width for name in names} == {8}
    refused = [t for t in driver.on_disk() if "refused" in t.user_attrs]
    assert refused
    assert {t.user_attrs["refused"] for t in refused} == {"needs about 4.00 GiB, suggesting.limits.memory_gib is 1"}
    assert {t.constraints["memory_gib"] for t in refused} == {3.0}


def test_without_a_limit_nobody_asks_for_the_memory(folder, question):
    def never(config):
        raise AssertionError

    driver = Driver(folder, question, memory_of=never)
    driver.complete(driver.begin(), 5.0)
