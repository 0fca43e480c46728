from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.designs import codes
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.shapley import shapley_shares

FACTORS = ["data", "structure", "init", "loss"]


def table(gains):
    """One row a run, from (seeds, 2^k) gains."""
    k = int(np.log2(np.shape(gains)[1]))
    on = codes(k) > 0
    rows = [
        {"seed": seed, "quality": 50 - gain} | dict(zip(FACTORS, on[arm], strict=False))
        for seed, row in enumerate(gains)
        for arm, gain in enumerate(row)
    ]
    return pd.DataFrame(rows)


def by_orders(gains):
    """Shapley's definition: what each factor adds when it comes, over all orders of coming."""
    k = int(np.log2(len(gains)))
    values = np.zeros(k)
    orders = list(permutations(range(k)))
    for order in orders:
        arm = 0
        for factor in order:
            values[factor] += gains[arm | 1 << factor] - gains[arm]
            arm |= 1 << factor
    return values / len(orders)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 4), st.integers(0, 2**32 - 1), st.floats(0.001, 1e4))
def test_shares_are_the_definitions_and_sum_to_the_total(k, seed, scale):
    gains = scale * np.random.default_rng(seed).standard_normal((3, 2**k))
    found = shapley_shares(table(gains), FACTORS[:k])
    values = np.array([share.per_seed for share in found.shares])
    for number in range(3):
        assert values[:, number] == pytest.approx(by_orders(gains[number]), rel=1e-9, abs=1e-9 * max(scale, 1))
    assert np.abs(values.sum(axis=0) - np.array(found.totals)).max() < 1e-9 * max(1.0, scale)
    assert sum(share.estimate.value for share in found.shares) == pytest.approx(
        found.total.value, abs=1e-9 * max(1, scale)
    )


def test_sums_are_exact_at_the_size_of_real_distances():
    gains = 50 * np.random.default_rng(71).standard_normal((2_000, 16))
    found = shapley_shares(table(gains), FACTORS)
    values = np.array([share.per_seed for share in found.shares])
    assert np.abs(values.sum(axis=0) - np.array(found.totals)).max() < 1e-9


def test_effects_that_add_up_are_their_own_shares_and_a_dummy_has_none():
    on = codes(4) > 0
    gains = on @ np.array([3.0, 2.0, 0.0, 1.0]) + np.random.default_rng(72).normal(0, 1, (4, 1))
    found = shapley_shares(table(gains + 1e-3 * np.random.default_rng(73).standard_normal((4, 16))), FACTORS)
    assert [share.estimate.value for share in found.shares] == pytest.approx([3, 2, 0, 1], abs=0.01)
    assert [share.fraction for share in found.shares] == pytest.approx([0.5, 1 / 3, 0, 1 / 6], abs=0.01)


def test_an_interaction_is_shared_between_its_two():
    both = (codes(4)[:, [1, 3]] > 0).all(axis=1) * 4.0
    found = shapley_shares(table(both + np.random.default_rng(74).normal(0, 1e-3, (3, 16))), FACTORS)
    assert [share.estimate.value for share in found.shares] == pytest.approx([0, 2, 0, 2], abs=0.01)


def test_intervals_are_over_the_seeds_values():
    found = shapley_shares(table(np.random.default_rng(75).standard_normal((5, 16))), FACTORS)
    for share in found.shares:
        told = stats.ttest_1samp(share.per_seed, 0).confidence_interval()
        assert (share.estimate.low, share.estimate.high) == pytest.approx((told.low, told.high))


def test_intervals_cover_what_they_say():
    rng = np.random.default_rng(76)
    surface = (codes(4) > 0) @ np.array([3.0, 2.0, 0.0, 1.0])
    gains = surface + rng.standard_normal((2_000 * 4, 1)) + rng.standard_normal((2_000 * 4, 16))
    found = shapley_shares(table(gains), FACTORS)
    for share, true in zip(found.shares, (3.0, 2.0, 0.0, 1.0), strict=True):
        studies = np.array(share.per_seed).reshape(2_000, 4)
        covered = stats.ttest_1samp(studies, true, axis=1).pvalue > 0.05
        assert 0.935 <= covered.mean() <= 0.965


def test_a_fraction_of_nothing_is_not_said():
    found = shapley_shares(table(np.random.default_rng(77).standard_normal((3, 16))), FACTORS)
    assert found.total.holds_zero
    assert {share.fraction for share in found.shares} == {None}


def test_a_seed_that_lost_an_arm_is_dropped_whole():
    gains = np.random.default_rng(78).standard_normal((4, 16))
    lost = gains.copy()
    lost[2, 7] = np.nan
    found, rest = shapley_shares(table(lost), FACTORS), shapley_shares(table(gains[[0, 1, 3]]), FACTORS)
    assert (found.seeds, found.lost, found.total.lost) == ((0, 1, 3), 1, 1)
    assert found.shares[0].per_seed == rest.shares[0].per_seed


@pytest.mark.parametrize(
    ("arms", "why"), [([0, 3, 5], "these gave no result on any seed: loss, data + init"), ([], "no result on any seed")]
)
def test_without_all_combinations_there_are_no_shares(arms, why):
    gains = np.full((3, 8), np.nan)
    gains[:, arms] = 1.0
    found = shapley_shares(table(gains), FACTORS[:3])
    assert isinstance(found, NotEstimable)
    if arms:
        assert "data" in found.reason
    assert found.lost == 3


def test_one_seed_has_shares_without_intervals():
    gains = np.random.default_rng(79).standard_normal((1, 16))
    found = shapley_shares(table(gains), FACTORS)
    assert [share.estimate.value for share in found.shares] == pytest.approx(list(by_orders(gains[0])))
    assert all(isinstance(share.estimate, NotEstimable) for share in found.shares)
