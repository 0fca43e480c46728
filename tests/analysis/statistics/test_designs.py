import numpy as np
import pandas as pd
import pytest

from analysis.statistics.designs import aliases, codes, defining_relation, lattice, word_name
from ignm.errors import IgnmError

FACTORS = ("data", "structure", "init", "loss")


def names(words):
    return {word_name("ABCD", word, sign) for word, sign in words.items()}


def test_a_full_factorial_confounds_nothing():
    assert defining_relation(codes(4)) == {}
    assert aliases((0,), {}) == {}


@pytest.mark.parametrize(("sign", "mark"), [(1, ""), (-1, "-")])
def test_the_textbook_half_fraction(sign, mark):
    """Montgomery (2017), section 8.2: 2^(4-1) by I = ABCD has A = BCD, AB = CD and so on."""
    levels = codes(4)
    relation = defining_relation(levels[levels.prod(axis=1) == sign])
    assert names(relation) == {f"{mark}A:B:C:D"}
    assert names(aliases((0,), relation)) == {f"{mark}B:C:D"}
    assert names(aliases((0, 1), relation)) == {f"{mark}C:D"}


def test_a_quarter_fraction_has_the_product_of_its_words_too():
    levels = codes(5)
    kept = levels[(levels[:, [0, 1, 3]].prod(axis=1) == 1) & (levels[:, [0, 2, 4]].prod(axis=1) == 1)]
    relation = {word_name("ABCDE", word, sign) for word, sign in defining_relation(kept).items()}
    assert relation == {"A:B:D", "A:C:E", "B:C:D:E"}


def test_arms_that_are_missing_by_chance_make_no_fraction():
    assert defining_relation(np.delete(codes(4), [3, 9], axis=0)) == {}


@pytest.mark.parametrize("levels", [(False, True), (0, 1), (-1, 1), (0.0, 1.0)])
def test_levels_may_be_written_as_people_do(levels):
    runs = pd.DataFrame({"data": levels, "seed": [7, 7], "quality": [5.0, 3.0]})
    found = lattice(runs, ["data"])
    assert found.gains.tolist() == [[-5.0, -3.0]]
    assert (found.seeds, found.lost) == ((7,), 0)


def test_runs_that_diverged_are_counted_and_those_never_made_are_not():
    runs = pd.DataFrame({"data": [0, 1, 0], "seed": [1, 1, 2], "quality": [5.0, np.inf, 4.0]})
    found = lattice(runs, ["data"])
    assert (found.lost, list(found.arms), list(found.complete)) == (1, [0], [])
    assert found.missing() == "data"


def test_no_runs_at_all():
    empty = pd.DataFrame({"data": [], "seed": [], "quality": []})
    assert lattice(empty, ["data"]).gains.shape == (0, 2)


@pytest.mark.parametrize(
    ("changed", "factors", "message"),
    [
        ({"data": [0, 2]}, ["data"], "levels 0.0, 2.0"),
        ({}, ["loss"], "no column loss"),
        ({}, [], "got none"),
        ({"data": [1, 1]}, ["data"], "arm data has more than one run of seed 1"),
    ],
)
def test_designs_that_are_none(changed, factors, message):
    runs = pd.DataFrame({"data": [0, 1], "seed": [1, 1], "quality": [1.0, 2.0]} | changed)
    with pytest.raises(IgnmError, match=message):
        lattice(runs, factors)
