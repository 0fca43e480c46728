"""Sweeps: every option of an axis, all else as in the improved model."""

import pytest
from support.ablations import AXES, BASE, IMPROVED, terms_between

from analysis.ablation.contrasts import contrasts_of
from analysis.ablation.plan import Design as Planned
from ignm.config import flat, load_preset, override
from search.designs.known import Foretold
from search.designs.sweeps import options_of, sweeps
from spaces.axis import ChoiceDomain, NumberDomain, value_text

KNOWN = Foretold()


def sweep(path, improved=IMPROVED):
    (design,) = sweeps(terms_between(BASE, improved, sweep=[path]), KNOWN)
    return design


@pytest.mark.parametrize("path", ["generator.activation", "loss.adversarial", "generator.weights", "data.mirror"])
def test_each_option_once_and_nothing_else_changes(path):
    design = sweep(path)
    values = [placed.place["value"] for placed in design.arms]
    assert sorted(map(str, values)) == sorted(map(str, AXES[path].domain.values))
    for placed in design.arms:
        assert placed.arm.config == override(IMPROVED, {path: placed.place["value"]})
    own = [placed for placed in design.arms if placed.place["own"]]
    assert [placed.arm.config for placed in own] == [IMPROVED]
    assert len(design.contrasts) == len(values) - 1
    assert all(contrast.having[0].config == IMPROVED for contrast in design.contrasts)


@pytest.mark.parametrize("path", ["generator.activation", "data.mirror", "augment.strength", "optim.batch"])
def test_the_plan_and_the_analysis_name_an_option_alike(path):
    design = sweep(path)
    numbers = {arm.config.config_id: number for number, arm in enumerate(design.every_arm())}
    read = contrasts_of(Planned(**design.as_json(numbers)))
    assert [each.name for each in read] == [each.name for each in design.contrasts]
    assert all(
        name == value_text(placed.place["value"])
        for name, placed in zip((each.name for each in read), design.arms[1:], strict=True)
    )


def test_an_own_value_that_is_no_option_is_there_too():
    design = sweep("optim.batch", override(IMPROVED, {"optim.batch": 24}))
    assert [placed.place["value"] for placed in design.arms] == [24, 16, 32, 64, 128, 256]


def test_an_option_that_needs_another_brings_it_along():
    """Strengths of an augmentation that the improved model does not have."""
    design = sweep("augment.strength")
    own, *others = design.arms
    assert own.place == {"value": None, "own": True, "absent": True}
    assert own.arm.config == IMPROVED
    assert [placed.place["value"] for placed in others] == [0.1, 0.325, 0.55, 0.775, 1.0]
    for placed in others:
        at = flat(placed.arm.config)
        assert (at["augment.policy"], at["augment.strength"]) == ("diffaugment", placed.place["value"])
        assert [(each.path, each.value) for each in placed.arm.bridges] == [("augment.policy", "diffaugment")]


def test_an_option_that_the_rest_refuses_is_told_and_not_run():
    wgan = load_preset("wgan-gp", {"data.resolution": 32})
    design = sweep("discriminator.normalisation", wgan)
    refused = {each["value"]: each["reason"] for each in design.facts["refused"]}
    assert set(refused) == {"batch", "pixel"}
    assert "image by image" in refused["batch"]
    assert [placed.place["value"] for placed in design.arms] == ["layer", "instance", "group", None]


@pytest.mark.parametrize(
    ("domain", "values"),
    [
        (ChoiceDomain(values=("a", None, 3)), ["a", None, 3]),
        (NumberDomain(kind="float", low=0.0, high=1.0), [0.0, 0.25, 0.5, 0.75, 1.0]),
        (NumberDomain(kind="float", low=1e-4, high=1.0, log=True), [1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
        (NumberDomain(kind="int", low=1, high=3), [1, 2, 3]),
    ],
)
def test_options_of_a_domain(domain, values):
    assert options_of(domain) == values
