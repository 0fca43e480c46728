"""Searched axes as the analysis reads them: in which trials each of them decided anything."""

import random

import numpy as np
import pytest
from support.draws import uniformly

from analysis.axes import where_they_exist
from analysis.results import load_study
from ignm.config import flat, load_preset
from spaces.reading import load_space

TRIALS = 300


@pytest.mark.parametrize("preset", ["dcgan", "wgan-gp", "sagan"])
def test_an_axis_exists_where_the_space_suggested_a_value_for_it(preset, maker):
    """Types are lost on the way through the results: booleans, numbers and null lie in columns of words."""
    base, draws = load_preset(preset), random.Random(1)
    space = load_space("full", base).possible(base)
    samples = [space.sample(base, uniformly(draws)) for _ in range(TRIALS)]
    for number, values in enumerate(samples):
        maker.trial(f"s{number}", f"c{number}", [20.0], number=number, **values)
    axes = [axis.model_dump(mode="json") for axis in space.axes]
    study = load_study(maker.write(asked={"name": "s", "axes": axes}))
    there = where_they_exist(study.axes, study.rows, flat(base))
    assert {axis.path for axis in study.axes} == {path for values in samples for path in values}
    for axis in study.axes:
        assert there[axis.path].tolist() == [axis.path in values for values in samples], axis.path


def test_an_axis_that_needs_a_value_does_not_exist_without_it(maker):
    axes = [
        {"path": "augment.target", "choice": [None, 0.5], "needs": ["augment.policy"]},
        {"path": "augment.policy", "choice": [None, "ada"]},
        {"path": "init.freeze", "choice": [0, 1], "needs": ["init.checkpoint"]},
    ]
    for number, policy in enumerate([None, "ada", "ada"]):
        values = {"augment.policy": policy, "augment.target": 0.5 if number == 2 else np.nan, "init.freeze": 0}
        maker.trial(f"s{number}", f"c{number}", [20.0], number=number, **values)
    study = load_study(maker.write(asked={"name": "s", "axes": axes}))
    there = where_they_exist(study.axes, study.rows, {"init.checkpoint": None})
    assert there["augment.target"].tolist() == [False, True, True]
    assert there["init.freeze"].tolist() == [False] * 3
    assert where_they_exist(study.axes, study.rows, {"init.checkpoint": "a.pt"})["init.freeze"].all()


def test_an_axis_of_another_version_is_drawn_by_its_values_and_said(maker):
    axes = [
        {"path": "loss.penalty_weight", "strategy": "loss", "domain": {"uniform": [0, 10]}, "when": {"a": [1]}},
        {"path": "generator.width", "choice": [32, 64]},
    ]
    for number in range(3):
        values = {"loss.penalty_weight": 1.0 + number, "generator.width": 32.0}
        maker.trial(f"s{number}", f"c{number}", [20.0], number=number, **values)
    study = load_study(maker.write(asked={"name": "s", "axes": axes}))
    assert {axis.path: (axis.kind, axis.strategy) for axis in study.axes} == {
        "loss.penalty_weight": ("linear", "loss"),
        "generator.width": ("choice", "structure"),
    }
    assert [note for note in study.notes if "loss.penalty_weight" in note and "generator.width" not in note]
    assert where_they_exist(study.axes, study.rows, {})["loss.penalty_weight"].all()
