import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_ind, ttost_paired

from analysis.statistics.equivalence import equivalence
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.paired import paired_difference, welch_difference
from ignm.errors import IgnmError

RNG = np.random.default_rng(11)
ONE, OTHER = RNG.normal(10, 1, 8), RNG.normal(10.2, 1.5, 8)


def test_paired_is_statsmodels_tost():
    found = equivalence(paired_difference(ONE, OTHER), 1.2)
    assert found.p == pytest.approx(ttost_paired(ONE, OTHER, -1.2, 1.2)[0])


def test_unpaired_is_statsmodels_tost():
    found = equivalence(welch_difference(ONE, OTHER), 1.2)
    assert found.p == pytest.approx(ttost_ind(ONE, OTHER, -1.2, 1.2, usevar="unequal")[0])


@pytest.mark.parametrize("margin", [0.2, 1.0, 1.5, 3.0])
def test_the_interval_says_what_the_tests_say(margin):
    found = equivalence(paired_difference(ONE, OTHER), margin)
    assert found.equivalent == (-margin < found.low and found.high < margin)


def test_a_difference_of_the_margin_is_called_equivalent_in_at_most_alpha():
    rng = np.random.default_rng(12)
    arms = rng.normal(0, 0.2, (2_000, 2, 6)) + np.array([[0.5], [0.0]])
    found = [equivalence(paired_difference(*arm), 0.5).equivalent for arm in arms]
    assert 0.03 <= np.mean(found) <= 0.065


def test_nothing_in_nothing_out():
    assert isinstance(equivalence(paired_difference([1.0], [2.0]), 1.0), NotEstimable)
    with pytest.raises(IgnmError, match="above 0"):
        equivalence(paired_difference(ONE, OTHER), 0.0)
