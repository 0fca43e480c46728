import math

import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import NotEstimable
from analysis.statistics.rates import rate, rate_difference
from ignm.errors import IgnmError


# Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3.
@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_wilson_intervals(count, n, low, high):
    found = rate(count, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)
    assert found.value == count / n


# Newcombe (1998), "Interval estimation for the difference between independent proportions", table II, method 10.
@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_published_differences(one, other, low, high):
    found = rate_difference(one, other)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)
    back = rate_difference(other, one)
    assert (back.value, back.low, back.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_fishers_p_is_counted_by_hand():
    # All five against none: two of the 252 ways to deal five lost runs out are as far apart.
    assert rate_difference((5, 5), (0, 5)).p == pytest.approx(2 / math.comb(10, 5))


@pytest.mark.parametrize("n", [0])
def test_no_runs_no_rate(n):
    assert isinstance(rate(0, n), NotEstimable)
    assert isinstance(rate_difference((0, n), (1, 5)), NotEstimable)


@pytest.mark.parametrize(("count", "n"), [(6, 5), (-1, 5)])
def test_impossible_counts(count, n):
    with pytest.raises(IgnmError):
        rate(count, n)


def test_limits_hold_the_rate_and_stay_within_zero_and_one():
    for n in (1, 3, 17):
        for count in range(n + 1):
            found = rate(count, n)
            assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_covers_on_average_what_it_says():
    n, p = 20, np.linspace(0.05, 0.95, 181)
    found = [rate(count, n) for count in range(n + 1)]
    covered = sum(
        stats.binom.pmf(count, n, p) * ((each.low <= p) & (p <= each.high)) for count, each in enumerate(found)
    )
    assert 0.935 <= covered.mean() <= 0.965
