import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.estimates import Estimate, NotEstimable, mean_estimate
from analysis.statistics.paired import Difference, difference, improvement, paired_difference, welch_difference
from ignm.errors import IgnmError

STUDIES = 2_000
BASELINE = np.array([7.56, 7.64, 7.73])
IGNM = np.array([5.91, 6.21, 6.87])


def runs(*qualities, seeds=None):
    return pd.Series(qualities, index=seeds or range(len(qualities)), dtype=float)


def studies(seeds, effect, shared, rng, scales=(1.0, 1.0), diverged=0.0):
    """Planted: (studies, seeds) of a baseline and of an arm better by `effect`, which share a part of their noise."""
    common = rng.standard_normal((STUDIES, seeds)) * math.sqrt(shared)
    arms = [
        20 + shift + scale * (common + rng.standard_normal((STUDIES, seeds)) * math.sqrt(1 - shared))
        for shift, scale in zip((0.0, -effect), scales, strict=True)
    ]
    return [np.where(rng.random(arm.shape) < diverged, np.nan, arm) for arm in arms]


def share_covered(found, effect):
    known = [each for each in found if isinstance(each, Difference)]
    assert len(known) > 0.9 * STUDIES
    return np.mean([each.low <= effect <= each.high for each in known])


def test_the_paired_difference_is_the_paired_t_test():
    found, told = improvement(BASELINE, IGNM), stats.ttest_rel(BASELINE, IGNM)
    limits = told.confidence_interval(0.95)
    assert (found.low, found.high, found.p) == pytest.approx((limits.low, limits.high, told.pvalue), rel=1e-9)
    # What is published of these runs in docs/results/presets.md.
    assert (round(found.value, 2), round(found.low, 2), round(found.high, 2)) == (1.31, 0.30, 2.33)
    assert found.correlation == pytest.approx(np.corrcoef(BASELINE, IGNM)[0, 1])
    assert (found.n, found.lost, found.df, found.paired) == (3, 0, 2, True)
    assert found.error == pytest.approx(found.sd / math.sqrt(3))


def test_seeds_that_do_not_match_are_welchs():
    one, other = runs(12.0, 12.6, 12.1), runs(18.0, 17.6, seeds=[8, 9])
    found, told = difference(one, other), stats.ttest_ind(one, other, equal_var=False)
    limits = told.confidence_interval(0.95)
    assert (found.low, found.high, found.p, found.df) == pytest.approx((limits.low, limits.high, told.pvalue, told.df))
    assert (found.paired, found.method) == (False, "Welch, 3 seeds against 2")


@pytest.mark.parametrize("seeds", [[1, 2, 4], [1, 1, 2], [1, 2, None]])
def test_without_the_same_seeds_nothing_is_paired(seeds):
    one, other = runs(10.0, 20.0, 30.0, seeds=[1, 2, 3]), runs(12.0, 22.0, 32.5, seeds=seeds)
    assert difference(one, other).method.startswith("Welch")


def test_pairing_by_force_needs_seeds_that_are_known():
    with pytest.raises(IgnmError, match="two runs of one seed"):
        paired_difference(runs(1.0, 2.0, seeds=[1, 1]), runs(1.0, 2.0, seeds=[1, 2]))


def test_a_diverged_run_drops_its_pair_and_is_counted():
    one, other = runs(5.0, 6.0, 7.0, 8.5, 9.1), runs(4.0, np.nan, 6.5, 8.0, np.inf)
    found = difference(one, other)
    kept = difference(one[[0, 2, 3]], other[[0, 2, 3]])
    assert (found.value, found.low, found.n, found.lost) == (kept.value, kept.low, 3, 2)


def test_a_run_that_is_not_there_is_lost_too():
    found = difference(runs(5.0, 6.0, 7.5), runs(4.0, 5.5, seeds=[0, 1]))
    assert (found.paired, found.n, found.lost) == (True, 2, 1)


@pytest.mark.parametrize(
    ("one", "other", "n", "lost", "value"),
    [
        (runs(1.0), runs(3.0), 1, 0, -2.0),
        (runs(), runs(), 0, 0, None),
        (runs(1.0, 2.0, 3.0), runs(np.nan, np.nan, np.nan), 0, 3, None),
        (runs(1.0, 2.0), runs(2.0, 3.0), 2, 0, -1.0),
        (runs(0.1, 0.2, 0.4), runs(0.4, 0.5, 0.7), 3, 0, -0.3),
        (runs(1.0, 2.0, seeds=[1, 2]), runs(3.0, seeds=[3]), 1, 0, -1.5),
        (runs(1.0, 1.0, seeds=[1, 2]), runs(3.0, 3.0, seeds=[3, 4]), 2, 0, -2.0),
    ],
)
def test_what_cannot_be_estimated_says_why_and_keeps_the_number(one, other, n, lost, value):
    found = difference(one, other)
    assert isinstance(found, NotEstimable)
    assert len(found.reason) > 10
    assert (found.n, found.lost) == (n, lost)
    assert found.value == (None if value is None else pytest.approx(value))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_is_a_fraction(confidence):
    with pytest.raises(IgnmError, match=r"like 0\.95"):
        difference(BASELINE, IGNM, confidence)


@pytest.mark.parametrize(
    ("seeds", "shared", "scales", "diverged"),
    [(3, 0.8, (1, 1), 0.0), (5, 0.5, (1, 3), 0.0), (6, 0.5, (1, 1), 0.1), (10, 0.0, (1, 2), 0.05)],
)
def test_paired_intervals_cover_what_they_say(seeds, shared, scales, diverged):
    arms = studies(seeds, 0.7, shared, np.random.default_rng(1), scales, diverged)
    found = [paired_difference(one, other) for one, other in zip(*arms, strict=True)]
    assert 0.935 <= share_covered(found, 0.7) <= 0.965


def test_welchs_intervals_cover_what_they_say():
    arms = studies(6, 0.7, 0.0, np.random.default_rng(2), (1, 2.5))
    found = [welch_difference(one, other[:5]) for one, other in zip(*arms, strict=True)]
    assert 0.935 <= share_covered(found, 0.7) <= 0.965


def test_the_interval_of_one_arms_mean_covers_what_it_says():
    arm, _ = studies(4, 0.0, 0.0, np.random.default_rng(3))
    found = [mean_estimate(values) for values in arm]
    assert 0.935 <= np.mean([each.low <= 20 <= each.high for each in found]) <= 0.965


def test_pairing_pays_by_the_correlation_that_came_out():
    one, other = studies(30, 1.0, 0.9, np.random.default_rng(4))
    paired, welch = paired_difference(one[0], other[0]), welch_difference(one[0], other[0])
    spread = one[0].var(ddof=1) + other[0].var(ddof=1)
    shared = 2 * paired.correlation * one[0].std(ddof=1) * other[0].std(ddof=1)
    assert paired.sd**2 == pytest.approx(spread - shared)
    assert paired.error < 0.5 * welch.error


values = st.lists(st.floats(-50, 50).map(lambda x: round(x, 3)), min_size=6, max_size=6)


@settings(max_examples=60, deadline=None)
@given(values, values, st.permutations(range(6)), st.floats(0.01, 100))
def test_order_scale_and_sides(one, other, order, scale):
    one, other = runs(*one), runs(*other)
    found = difference(one, other)
    swapped, shuffled = difference(other, one), difference(one.iloc[list(order)], other)
    scaled = difference(scale * one, scale * other)
    if isinstance(found, NotEstimable):
        assert isinstance(swapped, NotEstimable)
        return
    close = {"rel": 1e-6, "abs": 1e-9}
    assert (swapped.value, swapped.low, swapped.high) == pytest.approx((-found.value, -found.high, -found.low), **close)
    assert swapped.p == pytest.approx(found.p, **close)
    assert (shuffled.value, shuffled.low, shuffled.p) == pytest.approx((found.value, found.low, found.p), **close)
    assert (scaled.value, scaled.low, scaled.high) == pytest.approx(
        (scale * found.value, scale * found.low, scale * found.high), rel=1e-6, abs=1e-7
    )


def test_improvement_is_above_zero_where_it_is_better():
    assert improvement(BASELINE, IGNM).value > 0
    assert improvement(IGNM, BASELINE, lower_is_better=False).value > 0


def test_limits_at_another_confidence_agree_with_p():
    found = improvement(BASELINE, IGNM)
    assert isinstance(found, Estimate)
    assert found.limits(1 - found.p)[0] == pytest.approx(0, abs=1e-9)
    assert found.limits(0.95) == pytest.approx((found.low, found.high))
    assert found.p_above(0) == pytest.approx(found.p / 2)
    assert found.p_above(1) + found.p_below(1) == pytest.approx(1)
