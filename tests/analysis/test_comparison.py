import pandas as pd
import pytest

from analysis.comparison import change_words, doubt_words, interval_words
from analysis.statistics.paired import difference


def runs(*qualities, seeds=None):
    return pd.Series(qualities, index=seeds or range(len(qualities)), dtype=float)


def test_an_interval_that_excludes_zero_is_said_with_its_method():
    words = interval_words("it", runs(10.0, 20.0, 30.0, seeds=[7, 8, 9]), runs(32.5, 12.0, 22.0, seeds=[9, 7, 8]))
    assert "−2.88 to −1.45 (paired t, the same 3 seeds on both sides): seeds alone do not explain it" in words


@pytest.mark.parametrize(
    ("one", "other", "why"),
    [(runs(1.0), runs(2.0), "only one pair"), (runs(1.0, 1.0), runs(2.0, 2.0), "equal"), (runs(), runs(), "no")],
)
def test_where_nothing_can_be_estimated_it_says_why(one, other, why):
    words = interval_words("it", one, other)
    assert "cannot be said" in words
    assert why in words
    assert doubt_words(difference(one, other)) == ", from too few seeds to tell"


def test_doubt_is_said_only_where_the_interval_holds_zero():
    assert doubt_words(difference(runs(1.0, 2.0, 3.0), runs(2.0, 1.5, 3.1))) == ", within seed noise"
    assert doubt_words(difference(runs(1.0, 2.0, 3.0), runs(5.0, 6.1, 7.2))) == ""


@pytest.mark.parametrize(
    ("mean", "words"),
    [(69, "31% below"), (131, "31% above"), (99.6, "less than 1% below"), (100.004, "less than 1% above"),
     (99.4, "1% below"), (100, "equal to")],
)  # fmt: skip
def test_changes_in_words(mean, words):
    assert change_words(mean, 100) == words
