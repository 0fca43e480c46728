"""Designs by single axis: one path changes, and what that path cannot do without."""

import pytest
from support.ablations import BASE, IMPROVED, terms_between

from ignm.config import flat, load_preset, preset_names
from ignm.errors import IgnmError
from search.designs.bridging import change
from search.designs.known import Foretold
from search.designs.single_axes import add_axis_in, leave_axis_out
from spaces.strategies import DATASET_PATHS

KNOWN = Foretold()


def presets():
    return {name: load_preset(name, {"data.resolution": 32}) for name in preset_names()}


def changed(one, other):
    there = flat(other)
    return {path for path, value in flat(one).items() if there[path] != value}


def test_every_axis_that_differs_is_left_out_once(terms):
    (design,) = leave_axis_out(terms, KNOWN)
    *arms, whole = design.arms
    assert [placed.place["without"] for placed in arms] == sorted(changed(BASE, IMPROVED), key=list(flat(BASE)).index)
    assert (whole.place, whole.arm.config) == ({"without": None}, IMPROVED)
    for placed in arms:
        path = placed.place["without"]
        assert changed(placed.arm.config, IMPROVED) == {path}
        assert flat(placed.arm.config)[path] == flat(BASE)[path]
    assert not design.stated


def test_every_axis_that_differs_is_added_once(terms):
    (design,) = add_axis_in(terms, KNOWN)
    none, *arms = design.arms
    assert none.arm.config == BASE
    for placed in arms:
        assert changed(placed.arm.config, BASE) == {placed.place["with"]}
    for contrast, placed in zip(design.contrasts, arms, strict=True):
        assert (contrast.without[0].config, contrast.having[0].config) == (BASE, placed.arm.config)


@pytest.mark.parametrize("make", [leave_axis_out, add_axis_in])
@pytest.mark.parametrize("start", preset_names())
@pytest.mark.parametrize("end", preset_names())
def test_each_path_between_presets_is_an_arm_or_told_why_not(make, start, end):
    """Nothing is left out silently, and nothing but the path and its bridges changes."""
    one, other = presets()[start], presets()[end]
    (design,) = make(terms_between(one, other), KNOWN)
    word, ground = ("without", other) if make is leave_axis_out else ("with", one)
    arms = {placed.place[word]: placed.arm for placed in design.arms if placed.place[word] is not None}
    named = [*arms, *design.facts["inert"], *(each["path"] for each in design.facts["refused"])]
    assert sorted(named) == sorted(changed(one, other) - DATASET_PATHS)
    for path, arm in arms.items():
        assert changed(arm.config, ground) == {path, *(each.path for each in arm.bridges)}
        assert all(flat(arm.config)[each.path] == each.value and each.reason for each in arm.bridges)


def test_what_decides_nothing_is_not_run():
    """A penalty's weight without the penalty would train the baseline again."""
    wgan = presets()["wgan-gp"]
    (design,) = add_axis_in(terms_between(BASE, wgan), KNOWN)
    assert {"loss.gamma", "loss.interval"} <= set(design.facts["inert"])
    (design,) = leave_axis_out(terms_between(BASE, wgan), KNOWN)
    assert design.facts["inert"] == []


def test_what_validity_needs_comes_along():
    wgan = presets()["wgan-gp"]
    (design,) = add_axis_in(terms_between(BASE, wgan), KNOWN)
    arms = {placed.place["with"]: placed.arm for placed in design.arms}
    assert [(each.path, each.value) for each in arms["loss.penalty"].bridges] == [
        ("discriminator.normalisation", "layer")
    ]
    (design,) = leave_axis_out(terms_between(BASE, wgan), KNOWN)
    arms = {placed.place["without"]: placed.arm for placed in design.arms}
    # Back to batch normalisation the penalty cannot stay: it goes back as well.
    (bridge,) = arms["discriminator.normalisation"].bridges
    assert (bridge.path, bridge.value) == ("loss.penalty", None)
    assert "batch normalisation mixes the images" in bridge.reason


def test_what_cannot_be_changed_is_told_with_the_configs_reason():
    with pytest.raises(IgnmError, match=r"^discriminator.attention: there is no 32x32 map"):
        change(BASE, "discriminator.attention", 32, {"generator.width": 16})


def test_as_little_as_can_be_comes_along():
    """Of many companions only the one that the refusal asks for, though others come before it."""
    wgan = presets()["wgan-gp"]
    there = {path: flat(BASE)[path] for path in changed(BASE, wgan)}
    made = change(wgan, "discriminator.normalisation", "batch", there)
    assert changed(made.config, wgan) == {"discriminator.normalisation", "loss.penalty"}
