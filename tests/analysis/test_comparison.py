import math

import numpy as np
import pandas as pd
import pytest

from analysis.comparison import change_words, difference_interval, interval_words


def runs(*qualities, seeds=None):
    return pd.Series(qualities, index=seeds or range(len(qualities)), dtype=float)


def covered(half_in_errors, freedom):
    """Student's t integrated over its density: independent of the routine under test."""
    x = np.linspace(-half_in_errors, half_in_errors, 400_001)
    density = (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    density *= math.gamma((freedom + 1) / 2) / math.sqrt(freedom * math.pi) / math.gamma(freedom / 2)
    return np.trapezoid(density, x)


def test_interval_over_different_seeds_is_welchs():
    one, other = runs(12.0, 12.6, 12.1), runs(18.0, 17.6)
    se = [values.var() / len(values) for values in (one, other)]
    freedom = sum(se) ** 2 / (se[0] ** 2 / 2 + se[1] ** 2 / 1)
    found = difference_interval(one, other)
    assert (found.low + found.high) / 2 == pytest.approx(one.mean() - other.mean())
    assert covered((found.high - found.low) / 2 / math.sqrt(sum(se)), freedom) == pytest.approx(0.95, abs=1e-6)
    assert found.method == "Welch, 3 seeds against 2"


def test_interval_over_the_same_seeds_is_paired_whatever_their_order():
    one, other = runs(10.0, 20.0, 30.0, seeds=[7, 8, 9]), runs(32.5, 12.0, 22.0, seeds=[9, 7, 8])
    found = difference_interval(one, other)
    differences = np.array([-2.0, -2.0, -2.5])
    error = differences.std(ddof=1) / math.sqrt(3)
    assert (found.low + found.high) / 2 == pytest.approx(differences.mean())
    assert covered((found.high - found.low) / 2 / error, 2) == pytest.approx(0.95, abs=1e-6)
    assert not found.holds_zero
    assert "paired t, the same 3 seeds" in interval_words("it", one, other)


@pytest.mark.parametrize("seeds", [[1, 2, 4], [1, 1, 2], [1, 2, None]])
def test_without_the_same_seeds_nothing_is_paired(seeds):
    found = difference_interval(runs(10.0, 20.0, 30.0, seeds=[1, 2, 3]), runs(12.0, 22.0, 32.5, seeds=seeds))
    assert found.method.startswith("Welch")


def test_what_rounding_leaves_of_equal_differences_is_no_spread():
    found = difference_interval(runs(0.1, 0.2, 0.4), runs(0.4, 0.5, 0.7))
    assert found.method.startswith("Welch")
    assert found.high - found.low > 0.1


@pytest.mark.parametrize(
    ("one", "other"), [(runs(1.0), runs(2.0, 3.0)), (runs(1.0, 1.0), runs(2.0, 2.0)), (runs(), runs())]
)
def test_no_interval_without_spread(one, other):
    assert difference_interval(one, other) is None
    assert "too few to say" in interval_words("it", one, other)


@pytest.mark.parametrize(
    ("mean", "words"),
    [(69, "31% below"), (131, "31% above"), (99.6, "less than 1% below"), (100.004, "less than 1% above"),
     (99.4, "1% below"), (100, "equal to")],
)  # fmt: skip
def test_changes_in_words(mean, words):
    assert change_words(mean, 100) == words
