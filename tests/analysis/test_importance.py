import numpy as np
import pytest

from analysis.importance import NONE, search_importance
from analysis.results import load_study
from analysis.statistics.estimates import NotEstimable

AXES = [
    {"path": "loss.gamma", "strategy": "loss", "log_float": [0.01, 10.0], "when": {"loss.penalty": ["r1"]}},
    {"path": "loss.penalty", "strategy": "loss", "choice": [None, "r1"]},
    {"path": "generator.width", "strategy": "structure", "choice": [32, 64]},
    {"path": "augment.policy", "strategy": "data", "choice": [None, "ada"], "when": {"data.mirror": [True]}},
]


def searched(maker, base=None, trials=60):
    draw = np.random.default_rng(5)
    for number in range(trials):
        penalty, width = draw.choice([None, "r1"]), int(draw.choice([32, 64]))
        gamma = float(10 ** draw.uniform(-2, 1)) if penalty else None
        quality = 20 + 8 * (penalty is None) + 0.1 * draw.normal()
        maker.trial(
            f"s{number}", f"c{number}", [50.0, quality], number=number, kimg=40 + 0.001 * (number % 7), point=40.0,
            **{"loss.gamma": gamma, "loss.penalty": penalty, "generator.width": width, "augment.policy": None},
        )  # fmt: skip
    # Two measurements a trial: the first is half-way on the schedule.
    for row in maker.rows:
        row["point"] = 20.0 if row["quality"] == 50.0 else 40.0
    asked = {"name": "s", "axes": AXES, "metric": {"name": "fd_tiny", "reference_id": "faces-64-2048-tiny-bicubic"}}
    return load_study(maker.write(asked=asked | {"base": base or {"data": {"mirror": False}}}))


def test_a_choice_of_nothing_is_a_choice_and_what_was_planted_shows(maker):
    found = search_importance(searched(maker))
    # Lengths shown in fact differ by the batch, those of the schedule do not.
    assert (found.kimg, found.n) == (40.0, 60)
    shares = {each.path: each for each in found.parameters}
    assert shares["loss.penalty"].n == 60
    assert shares["loss.penalty"].importance > shares["generator.width"].importance
    assert "augment.policy" in found.unassessed


def test_an_axis_that_does_not_exist_in_a_trial_is_not_a_choice_of_nothing(maker):
    study = searched(maker)
    penalty = study.rows["loss.penalty"].isna() & (study.rows["quality"] < 50)
    gammas = {each.path: each.n for each in search_importance(study).parameters}
    assert gammas["loss.gamma"] == 60 - int(penalty.sum())
    assert NONE == "none"


def test_too_few_trials_and_no_axes_are_said(maker):
    assert "20 trials" in search_importance(searched(maker, trials=5)).reason


def test_a_record_without_axes_is_said(maker):
    maker.trial("s0", "a", [20.0])
    found = search_importance(load_study(maker.write(asked={"name": "s"})))
    assert isinstance(found, NotEstimable)
    assert "names no searched parameter" in found.reason


@pytest.mark.parametrize("method", ["ped-anova", "fanova"])
def test_another_metric_is_not_mixed_in(maker, method):
    study = searched(maker)
    study.rows.loc[study.rows["number"] < 10, "metric"] = "another"
    assert search_importance(study, method).n == 50
