"""What a sampler is shown: few trials of many, and others as completed ones."""

import math
import random

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from search.searcher.memory import NAME, StudyMemory
from search.searcher.samplers import SAMPLERS, Kind
from search.searcher.view import Ended, WholeSpace, as_completed, is_feasible

DISTRIBUTIONS = {"rate": FloatDistribution(0.1, 1.0), "kind": CategoricalDistribution(("a", "b"))}
WHOLE = WholeSpace(DISTRIBUTIONS, {"rate": 0.5, "kind": "a"})
DOWN = [StudyDirection.MINIMIZE]


def ended(number, value=None, values=None, lost=False, **params):
    params = params or {"rate": 0.2}
    trial = create_trial(
        state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
        value=value,
        params=params,
        distributions={name: DISTRIBUTIONS[name] for name in params},
        intermediate_values=values or {},
        constraints={"diverged": 1.0 if lost else -1.0, "seconds": -0.5},
    )
    trial.number = number
    return trial


def test_the_best_the_latest_and_the_lost_are_chosen():
    draws = random.Random(0)
    trials = [ended(n, value=draws.random(), lost=n % 10 == 0) for n in range(1000)]
    several = Ended()
    for trial in trials:
        several.add(trial)
    kept = several.chosen(100)
    numbers = [t.number for t in kept]
    assert len(numbers) == 100
    assert numbers == sorted(numbers)
    feasible = sorted((t for t in trials if is_feasible(t)), key=lambda t: t.value)
    assert {t.number for t in feasible[:25]} <= set(numbers)
    assert {t.number for t in trials[-40:]} <= set(numbers)
    assert sum(not is_feasible(t) for t in kept) >= 25
    assert several.chosen(1000) == trials
    for trial in trials[:995]:
        several.remove(trial.number)
    several.remove(4000)
    assert several.chosen(100) == trials[995:]


def test_a_pruned_trial_is_shown_with_what_it_might_have_come_to():
    trials = [
        ended(0, value=20.0, values={500: 100.0, 1000: 50.0}),
        ended(1, value=30.0, values={500: 120.0, 1000: 60.0}),
        ended(2, value=25.0, values={500: 115.0, 1000: 55.0}),
        ended(3, values={500: 140.0}),
        ended(4, values={500: 140.0, 1000: 35.0}),
        ended(5, values={500: math.nan}),
        ended(6),
    ]
    shown = as_completed(trials, WHOLE, DOWN)
    # The median gain from 500 on is -90, from 1000 on -30; none is shown as better than the best.
    assert {t.number: t.value for t in shown} == {0: 20.0, 1: 30.0, 2: 25.0, 3: 50.0, 4: 20.0}
    assert {t.state for t in shown} == {TrialState.COMPLETE}
    assert not any(t.constraints for t in shown)


def test_a_lost_trial_is_shown_far_behind_the_worst_and_without_constraints():
    trials = [ended(0, value=20.0), ended(1, value=30.0), ended(2, values={500: 1.0}, lost=True), ended(3, lost=True)]
    shown = as_completed(trials, WHOLE, DOWN)
    assert [t.value for t in shown] == [20.0, 30.0, 40.0, 40.0]
    assert not any(t.constraints for t in shown)
    assert as_completed(trials, WHOLE, [StudyDirection.MAXIMIZE])[2].value == 10.0
    assert as_completed(trials[2:], WHOLE, DOWN)[0].value == 0.0


def test_a_lost_trial_is_shown_more_than_once_to_a_sampler_that_only_compares():
    memory = StudyMemory(SAMPLERS["tpe"], WHOLE, DOWN)
    for number, lost in enumerate((False, True, False)):
        memory.remember(ended(number, value=1.0, lost=lost))
    assert [t.number for t in memory.get_all_trials(0)] == [0, 1, 1, 1, 1, 2]
    assert [t.constraints for t in memory.get_all_trials(0)[:2]] == [{}, {"diverged": 1.0}]


def test_axes_that_a_trial_lacks_are_filled_in():
    shown = as_completed([ended(0, value=1.0, rate=0.3), ended(1, value=2.0, kind="b")], WHOLE, DOWN)
    assert [t.params for t in shown] == [{"rate": 0.3, "kind": "a"}, {"rate": 0.5, "kind": "b"}]


@pytest.mark.parametrize("kind", [Kind(SAMPLERS["tpe"].build, limit=10), Kind(SAMPLERS["gp"].build, 10, True)])
def test_memory_shows_a_limited_view_and_knows_all(kind):
    memory = StudyMemory(kind, WHOLE, DOWN)
    study = memory.study(optuna.samplers.RandomSampler(0))
    for number in range(30):
        trial = study.ask()
        trial.suggest_float("rate", 0.1, 1.0)
        memory.set_trial_user_attr(trial.number, NAME, f"t{number}")
        memory.set_trial_state_values(trial.number, TrialState.COMPLETE, [float(number)])
    running = study.ask()
    running.suggest_float("rate", 0.1, 1.0)
    assert len(memory.every_trial()) == 31
    assert len(study.get_trials(states=(TrialState.COMPLETE,))) == 10
    assert {0, 1, 29} <= {t.number for t in study.get_trials()}
    assert study.get_trials(states=(TrialState.RUNNING,))[0].number == 30
    # Another with the name of the best takes its place.
    memory.remember(
        create_trial(
            value=50.0, params={"rate": 0.2}, distributions={"rate": DISTRIBUTIONS["rate"]}, user_attrs={NAME: "t0"}
        )
    )
    assert {0, 31} & {t.number for t in study.get_trials()} == {31}
