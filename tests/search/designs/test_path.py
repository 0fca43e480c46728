"""The ablation path against a greedy walk by hand over planted qualities."""

import math

import pytest
from support.ablations import BASE, IMPROVED, terms_between

from ignm.config import flat, load_preset
from search.designs.known import Foretold, Known
from search.designs.path import axis_path, path
from spaces.strategies import BUNDLES, combine

SEEDS = (2000, 2001)
WORTH = {"data": 1.0, "structure": 4.0, "init": -2.0, "loss": 3.0}
"""By how much a strategy lowers the quality; structure and data together are worth 6 more."""


def planted(on):
    together = 6.0 if {"data", "structure"} <= set(on) else 0.0
    return 50.0 - sum(WORTH[name] for name in on) - together


def known_of(quality, subsets):
    """Results of these combinations; a quality of None is a run that was lost."""
    found = {}
    for on in subsets:
        config = combine(BASE, IMPROVED, on).config
        value = quality(tuple(on))
        noise = (-0.1, 0.1)
        found[config.config_id] = {s: None if value is None else value + n for s, n in zip(SEEDS, noise, strict=True)}
    return Known(found, SEEDS)


def subsets():
    names = list(BUNDLES)
    return [[name for i, name in enumerate(names) if number >> i & 1] for number in range(16)]


def test_each_round_takes_the_best_of_what_is_left(terms):
    (design,) = path(terms, known_of(planted, subsets()))
    # By hand: structure 4 first; then data 1 + 6 beats loss 3; then loss; init, which harms, comes last.
    assert [each.taken for each in design.rounds] == ["structure", "data", "loss", "init"]
    assert [set(each.tried) for each in design.rounds] == [
        {"data", "structure", "init", "loss"},
        {"data", "init", "loss"},
        {"init", "loss"},
        {"init"},
    ]
    assert design.start.config == BASE
    assert design.rounds[-1].tried["init"].config == IMPROVED
    numbers = {arm.config.config_id: at for at, arm in enumerate(design.every_arm())}
    told = design.as_json(numbers)
    assert told["rounds"][1]["taken"] == "data"
    assert told["rounds"][0]["round"] == 1
    assert told["rounds"][0]["tried"]["structure"] == numbers[combine(BASE, IMPROVED, ["structure"]).config.config_id]


def test_a_round_waits_for_all_its_runs(terms):
    known = known_of(planted, [[], ["data"], ["structure"], ["init"]])
    (design,) = path(terms, known)
    assert [(set(each.tried), each.taken) for each in design.rounds] == [({"data", "structure", "init", "loss"}, None)]


def test_one_seed_that_has_not_ended_is_waited_for(terms):
    known = known_of(planted, subsets())
    config_id = combine(BASE, IMPROVED, ["data"]).config.config_id
    del known.qualities[config_id][SEEDS[1]]
    assert path(terms, known)[0].rounds[0].taken is None


def test_a_change_that_loses_runs_is_taken_last(terms):
    """The best of its luckier seeds is no better than one that never failed."""
    known = known_of(planted, subsets())
    config_id = combine(BASE, IMPROVED, ["structure"]).config.config_id
    known.qualities[config_id][SEEDS[0]] = None
    assert path(terms, known)[0].rounds[0].taken == "loss"


def test_where_all_is_lost_the_path_ends(terms):
    known = known_of(lambda on: 50.0 if not on else None, subsets())
    (design,) = path(terms, known)
    assert [each.taken for each in design.rounds] == [None]


def test_a_strategy_without_a_difference_is_no_step():
    sagan = load_preset("sagan", {"data.resolution": 32})
    (design,) = path(terms_between(BASE, sagan), Foretold())
    assert set(design.rounds[0].tried) == {"structure", "init", "loss"}


def test_by_axis_it_ends_at_the_improved_model(terms):
    (design,) = axis_path(terms, Foretold())
    steps = [each.taken for each in design.rounds]
    differing = [key for key, value in flat(BASE).items() if flat(IMPROVED)[key] != value]
    assert sorted(steps) == sorted(differing)
    assert design.rounds[-1].tried[steps[-1]].config == IMPROVED
    arms = list(design.every_arm())
    assert len(arms) == 1 + len(differing) * (len(differing) + 1) // 2


@pytest.mark.parametrize("end", ["sagan", "wgan-gp", "ignm"])
def test_by_axis_every_step_leads_on(end):
    """Whatever has to come along, each step lessens what differs, and only what decides nothing is left."""
    other = load_preset(end, {"data.resolution": 32})
    (design,) = axis_path(terms_between(BASE, other), Foretold())
    left = math.inf
    for each in design.rounds:
        config = each.tried[each.taken].config
        differing = [key for key, value in flat(config).items() if flat(other)[key] != value]
        assert len(differing) < left
        left = len(differing)
    assert left == 0
