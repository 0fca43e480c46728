"""Designs by strategy, against the definition of what a strategy changes."""

import math
from itertools import combinations, product

import pytest
from support.ablations import BASE, IMPROVED, terms_between

from ignm.config import flat, load_preset, override
from search.designs.known import Foretold
from search.designs.lattice import add_one_in, factorial, half_factorial, leave_one_out
from spaces.strategies import BUNDLES, strategy_of

ALL = list(BUNDLES)
KNOWN = Foretold()


def switched(config, start=BASE, end=IMPROVED):
    """Which strategies a config has from the improved model; fails where it has part of one."""
    here, before, after = flat(config), flat(start), flat(end)
    on = []
    for name, owners in BUNDLES.items():
        paths = [path for path in here if before[path] != after[path] and strategy_of(path) in owners]
        states = {here[path] == after[path] for path in paths}
        assert len(states) == 1, name
        on += [name] * states.pop()
    assert all(here[path] in (before[path], after[path]) for path in here)
    return on


def test_the_factorial_has_every_combination_once(terms):
    (design,) = factorial(terms, KNOWN)
    assert design.facts["levels"] == ALL
    assert design.facts["same"] == []
    told = [placed.place["on"] for placed in design.arms]
    assert sorted(map(tuple, told)) == sorted(on for count in range(5) for on in combinations(ALL, count))
    for placed in design.arms:
        assert switched(placed.arm.config) == placed.place["on"]
    arms = {tuple(placed.place["on"]): placed.arm for placed in design.arms}
    assert (arms[()].config, arms[()].name) == (BASE, "base")
    assert (arms[tuple(ALL)].config, arms[tuple(ALL)].name) == (IMPROVED, "better")
    assert arms["data", "loss"].name == "base+data+loss"
    assert arms["data", "loss"].parameters == {
        "data.mirror": True,
        "loss.adversarial": "hinge",
        "optim.batch": 16,
    }


def test_a_main_effect_compares_the_halves_of_the_lattice(terms):
    (design,) = factorial(terms, KNOWN)
    assert [contrast.name for contrast in design.contrasts] == ALL
    for contrast in design.contrasts:
        assert (len(contrast.without), len(contrast.having)) == (8, 8)
        assert all(contrast.name in switched(arm.config) for arm in contrast.having)
        assert not any(contrast.name in switched(arm.config) for arm in contrast.without)


def test_the_half_fraction_is_of_resolution_four(terms):
    (design,) = half_factorial(terms, KNOWN)
    rows = [[1 if name in placed.place["on"] else -1 for name in ALL] for placed in design.arms]
    assert len(rows) == 8
    assert [-1] * 4 in rows
    assert [1] * 4 in rows
    # The defining relation as written down: the product of all is +1 in every arm.
    assert design.facts["relation"] == ALL
    singles = [[row[i] for row in rows] for i in range(4)]
    pairs = [[row[i] * row[j] for row in rows] for i, j in combinations(range(4), 2)]
    assert all(math.prod(row) == 1 for row in rows)
    # No main effect is confounded with another, nor with an interaction of two.
    for one, other in (*combinations(singles, 2), *product(singles, pairs)):
        assert sum(a * b for a, b in zip(one, other, strict=True)) == 0
    for contrast in design.contrasts:
        assert (len(contrast.without), len(contrast.having)) == (4, 4)


def test_half_of_a_smaller_lattice_is_all_of_it():
    fewer = override(IMPROVED, {"generator.weights": "normal"})
    terms = terms_between(BASE, fewer)
    (design,) = half_factorial(terms, KNOWN)
    assert (len(design.arms), design.facts["relation"]) == (8, None)
    assert (design.facts["levels"], design.facts["same"]) == (["data", "structure", "loss"], ["init"])


def test_one_strategy_less_and_one_more(terms):
    (less,) = leave_one_out(terms, KNOWN)
    assert [placed.place for placed in less.arms] == [{"without": name} for name in (*ALL, None)]
    for placed in less.arms:
        assert switched(placed.arm.config) == [name for name in ALL if name != placed.place["without"]]
    (more,) = add_one_in(terms, KNOWN)
    assert [placed.place for placed in more.arms] == [{"with": name} for name in (None, *ALL)]
    for placed in more.arms:
        assert switched(placed.arm.config) == [name for name in ALL if name == placed.place["with"]]
    for design, whole in ((less, IMPROVED), (more, None)):
        for contrast in design.contrasts:
            (without,), (having,) = contrast.without, contrast.having
            assert contrast.name in switched(having.config)
            assert contrast.name not in switched(without.config)
            assert whole in (None, having.config)


def test_designs_by_strategy_share_their_arms(terms):
    whole = {arm.config.config_id for arm in factorial(terms, KNOWN)[0].every_arm()}
    for make in (half_factorial, leave_one_out, add_one_in):
        assert {arm.config.config_id for arm in make(terms, KNOWN)[0].every_arm()} <= whole


def test_bridges_are_told():
    wgan = load_preset("wgan-gp", {"data.resolution": 32})
    (design,) = add_one_in(terms_between(BASE, wgan), KNOWN)
    bridges = {placed.place["with"]: placed.arm.bridges for placed in design.arms}
    assert [(each.path, each.value) for each in bridges["loss"]] == [("discriminator.normalisation", "layer")]
    assert "Gulrajani" in bridges["loss"][0].reason
    assert bridges["structure"] == ()


@pytest.mark.parametrize("make", [factorial, half_factorial, leave_one_out, add_one_in])
def test_a_winner_that_is_the_baseline_leaves_one_arm(make):
    (design,) = make(terms_between(BASE, BASE), KNOWN)
    assert {arm.config for arm in design.every_arm()} == {BASE}
    assert design.contrasts == ()
