"""When a comparison wants another seed: against planted effects."""

import numpy as np
import pytest
from support.ablations import BASE, IMPROVED

from search.designs.deciding import decide
from search.designs.design import Arm, Contrast, Model
from search.designs.known import Known

SEEDS = list(range(2000, 2010))
WITHOUT, HAVING = (Arm(name, "d@32", config, Model("base", BASE)) for name, config in (("a", BASE), ("b", IMPROVED)))
CONTRAST = Contrast("b", (WITHOUT,), (HAVING,))


def known(without, having):
    arms = zip((WITHOUT, HAVING), (without, having), strict=True)
    return Known({arm.config.config_id: dict(zip(SEEDS, values, strict=False)) for arm, values in arms}, SEEDS[:3])


def decided(without, having, looks=(3, 10), smallest=0.05, family=1):
    return decide(CONTRAST, known(without, having), SEEDS[: len(without)], smallest, looks, family)


def test_a_clear_improvement_is_decided_by_three_seeds():
    decision = decided([30.0, 31.0, 29.0], [20.0, 21.1, 19.0])
    assert (decision.undecided, decision.decided, decision.seeds, decision.lost) == (False, True, 3, 0)
    assert "supported" in decision.reason


def test_a_clear_harm_is_decided_too():
    assert not decided([20.0, 21.1, 19.0], [30.0, 31.0, 29.0]).undecided


def test_noise_wants_another_seed_until_the_last():
    without, having = [30.0, 20.0, 25.0, 28.0], [22.0, 29.0, 24.0, 21.0]
    assert decided(without, having).undecided
    last = decided(without, having, looks=(3, 4))
    assert (last.undecided, last.decided) == (False, False)
    assert "limit" in last.reason


def test_a_difference_too_small_to_matter_is_decided():
    """5 % of 30 are 1.5; a difference of 0.1 +- 0.01 is far within."""
    without = [30.0, 31.0, 29.0, 30.5, 30.2]
    having = [value - 0.1 + shift for value, shift in zip(without, (0.01, -0.01, 0.0, 0.005, -0.005), strict=True)]
    assert not decided(without, having).undecided


def test_the_smallest_effect_is_a_share_of_the_quality_without():
    """The same differences matter where qualities are small, and do not where they are large."""
    differences = [1.0, 1.4, 0.6, 1.2, 0.4, 1.1]
    large = decided([1000.0] * 6, [1000.0 - d for d in differences])
    assert "refuted" in large.reason
    small = decided([10.0] * 6, [10.0 - d for d in differences])
    assert "supported" in small.reason


def test_a_lost_run_takes_its_pair_with_it():
    decision = decided([30.0, None, 29.0, 28.0], [20.0, 12.0, 19.5, 18.4])
    assert (decision.seeds, decision.lost) == (3, 1)


def test_arms_that_are_always_lost_want_no_more_seeds():
    decision = decided([30.0, 31.0, 29.0], [None, None, None])
    assert (decision.undecided, decision.decided, decision.seeds) == (False, False, 0)


def test_arms_that_do_the_very_same_want_no_more_seeds():
    assert not decided([30.0, 31.0, 29.0], [30.0, 31.0, 29.0]).undecided


def test_a_single_seed_decides_nothing():
    assert decided([30.0], [10.0], looks=(1, 5)).undecided
    assert not decided([30.0], [10.0], looks=(1, 1)).undecided


def test_a_family_is_held_to_a_stricter_level():
    alone, family = decided([30.0] * 3, [20.0, 21.0, 19.0]), decided([30.0] * 3, [20.0, 21.0, 19.0], family=4)
    assert family.level < alone.level < 0.05


@pytest.mark.parametrize("without", [1, 8])
def test_stopping_when_it_looks_good_does_not_find_what_is_not_there(without):
    """No effect at all, up to eight looks, one arm or half a factorial a side: rarely decided, over 120 studies."""
    draws = np.random.default_rng(7)
    fooled = 0
    for _ in range(120):
        here = draws.normal(30, 1, (10, without)).mean(axis=1)
        there = draws.normal(30, 1, (10, without)).mean(axis=1)
        for count in range(3, 11):
            decision = decided(list(here[:count]), list(there[:count]), smallest=1e-6)
            if not decision.undecided:
                fooled += decision.decided
                break
    # 5 in 100 are allowed; 120 studies show at most 14 of them with probability .999.
    assert fooled <= 14
