import numpy as np
import optuna
import pandas as pd
import pytest

from analysis.statistics.estimates import NotEstimable
from analysis.statistics.importance import CAVEAT, importance
from ignm.errors import IgnmError

AXES = {"lr": "log", "activation": "choice", "width": "linear", "gamma": "log"}


def measurements(trials, seed=111, kimg=100.0):
    """lr decides nearly all; gamma exists for one activation only; width does nothing."""
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(
        {
            "trial": [f"search-{kimg:g}-{i:04d}" for i in range(trials)],
            "kimg": kimg,
            "lr": 10 ** rng.uniform(-5, -3, trials),
            "activation": rng.choice(["relu", "silu", "leaky"], trials),
            "width": rng.choice([32.0, 64.0, 96.0], trials),
        }
    )
    rows["gamma"] = np.where(rows["activation"] == "silu", 10 ** rng.uniform(-2, 1, trials), np.nan)
    rows["quality"] = 20 * (np.log10(rows["lr"]) + 4) ** 2 + rng.normal(0, 0.5, trials) + 20
    return rows


@pytest.mark.parametrize("method", ["ped-anova", "fanova"])
def test_what_decides_comes_first(method):
    found = importance(measurements(150), AXES, method)
    assert found.parameters[0].path == "lr"
    assert found.parameters[0].importance > 0.6
    assert sum(each.importance for each in found.parameters) == pytest.approx(1)
    assert (found.n, found.kimg, found.others) == (150, 100.0, 0)
    assert found.caveat == CAVEAT
    assert "not an ablation" in found.caveat


def test_conditions_belong_to_ped_anova_alone():
    rows = measurements(150)
    there = {each.path: each.n for each in importance(rows, AXES).parameters}
    assert there["gamma"] == rows["gamma"].notna().sum()
    assert importance(rows, AXES, "fanova").unassessed == ("gamma",)


def test_one_length_at_a_time():
    long, short = measurements(25, 112, 200.0), measurements(60, 113, 50.0)
    worse_when_short = short.assign(quality=short["quality"] + 500)
    both = pd.concat([long, worse_when_short])
    found = importance(both, AXES)
    assert (found.kimg, found.n, found.others) == (200.0, 25, 60)
    assert found.parameters == importance(long, AXES).parameters
    assert importance(both, AXES, kimg=50.0).n == 60


def test_the_order_of_trials_and_the_unit_change_nothing():
    rows = measurements(60)
    found = {each.path: each.importance for each in importance(rows, AXES).parameters}
    other = importance(rows.sample(frac=1, random_state=1).assign(quality=lambda r: 3 * r["quality"] + 7), AXES)
    assert {each.path: each.importance for each in other.parameters} == pytest.approx(found)
    higher = importance(rows.assign(quality=-rows["quality"]), AXES, lower_is_better=False)
    assert {each.path: each.importance for each in higher.parameters} == pytest.approx(found)


def test_too_few_trials_are_not_read():
    found = importance(measurements(19), AXES)
    assert isinstance(found, NotEstimable)
    assert "there are 19" in found.reason
    assert isinstance(importance(measurements(30), AXES, kimg=400.0), NotEstimable)
    assert isinstance(importance(measurements(0), AXES), NotEstimable)
    lost = measurements(30).assign(quality=np.inf)
    assert isinstance(importance(lost, AXES), NotEstimable)


def test_axes_that_never_varied_are_named():
    rows = measurements(40).assign(width=64.0)
    assert importance(rows, AXES).unassessed == ("width",)
    assert isinstance(importance(rows, {"width": "linear"}), NotEstimable)


@pytest.mark.parametrize(
    ("axes", "method", "message"),
    [
        (AXES, "shap", "is none of"),
        ({"depth": "linear"}, "fanova", "no column depth"),
        ({"lr": "float"}, "fanova", "lr: float"),
    ],
)
def test_questions_that_are_none(axes, method, message):
    with pytest.raises(IgnmError, match=message):
        importance(measurements(30), axes, method)


def test_optunas_voice_is_left_as_it_was():
    before = optuna.logging.get_verbosity()
    importance(measurements(30), AXES)
    assert optuna.logging.get_verbosity() == before
