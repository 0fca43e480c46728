"""Who goes on from a rung, against the rule said in another way."""

import math
import random

import pytest

from search.searcher.rungs import Rungs


def goes_on(value, placed, reduction):
    """Li et al. 2020: among the best 1 in `reduction` of those that have come to the rung; the first ones alone."""
    better = sum(other < value for other in placed)
    return better < max(1, len(placed) // reduction)


@pytest.mark.parametrize("reduction", [2, 3, 4])
def test_the_best_one_in_reduction_goes_on(reduction):
    draws, rungs, placed = random.Random(reduction), Rungs([500], reduction), []
    for number in range(200):
        value = round(draws.random(), 2)
        placed.append(value)
        rungs.place(f"{number}", {500: value})
        assert rungs.stops(f"{number}", 500) is not goes_on(value, placed, reduction)


def test_what_is_not_a_number_is_worst_and_never_goes_on():
    rungs = Rungs([500], 2)
    rungs.place("first", {500: math.nan})
    assert rungs.stops("first", 500)
    rungs.place("second", {500: 1e9})
    assert not rungs.stops("second", 500)


def test_a_trial_is_placed_once_and_only_at_rungs():
    rungs = Rungs([500, 1000], 2)
    rungs.place("a", {500: 1.0, 750: 0.1})
    rungs.place("a", {500: 9.0})
    rungs.place("b", {500: 2.0})
    assert rungs.stops("b", 500)
    assert 750 not in rungs
