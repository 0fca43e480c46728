import numpy as np
import pytest
from scipy import stats

from analysis.statistics.resampling import bootstrap_limits, sign_flip_p


def by_counting(steps):
    """The exact p for whole numbers, by counting how many sign patterns give each sum."""
    ways = {0: 1}
    for step in steps:
        following = {}
        for total, count in ways.items():
            for sign in (-1, 1):
                following[total + sign * step] = following.get(total + sign * step, 0) + count
        ways = following
    observed = abs(sum(steps))
    return sum(count for total, count in ways.items() if abs(total) >= observed) / 2 ** len(steps)


@pytest.mark.parametrize("n", [2, 3, 5, 9])
def test_sign_flips_are_scipys_exact_permutation_test(n):
    differences = np.random.default_rng(n).normal(0.5, 1, n)
    told = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(differences) == pytest.approx(told.pvalue)


@pytest.mark.parametrize("steps", [[1, 2, 3, 4, 5, -6, 7], [3, 3, 3, -3, 3, 3], list(range(-4, 16))])
def test_sign_flips_are_exact_with_ties(steps):
    assert sign_flip_p(np.array(steps, dtype=float) / 10) == pytest.approx(by_counting(steps))


def test_above_the_limit_flips_are_sampled_close_to_the_truth():
    steps = list(range(-8, 17))
    truth = by_counting(steps)
    assert 0.01 < truth < 0.3
    assert sign_flip_p(np.array(steps, dtype=float)) == pytest.approx(truth, abs=0.005)


def test_the_order_of_the_seeds_and_of_the_sides_changes_no_p():
    differences = np.random.default_rng(8).normal(0.5, 1, 9)
    told = sign_flip_p(differences)
    assert (sign_flip_p(-differences), sign_flip_p(differences[::-1])) == pytest.approx((told, told))


def test_five_seeds_never_reach_five_percent():
    assert sign_flip_p(np.full(5, 1.0)) == 2 / 32
    assert sign_flip_p(np.full(6, 1.0)) < 0.05


def test_sign_flips_reject_at_most_what_they_say():
    rng = np.random.default_rng(5)
    p = np.array([sign_flip_p(differences) for differences in rng.standard_t(3, (2_000, 8))])
    assert np.mean(p <= 0.05) <= 0.065
    assert np.mean(p <= 0.05) >= 0.03


def test_the_bootstrap_needs_twenty_seeds():
    values = np.random.default_rng(6).lognormal(size=25)
    assert bootstrap_limits(values[:19], 0.95) is None
    found = bootstrap_limits(values, 0.95)
    told = stats.bootstrap((values,), np.mean, method="BCa", n_resamples=20_000, rng=1).confidence_interval
    assert found == pytest.approx((told.low, told.high), rel=0.05)


def test_a_percentile_bootstrap_of_few_seeds_would_lie():
    """Why there is none below 20: nominal 95% intervals, by resampling, vectorised."""
    rng = np.random.default_rng(7)
    covered = {}
    for n in (3, 5):
        values = rng.standard_normal((2_000, n))
        means = np.take_along_axis(values[:, None], rng.integers(0, n, (2_000, 500, n)), axis=2).mean(axis=2)
        low, high = np.quantile(means, [0.025, 0.975], axis=1)
        covered[n] = np.mean((low <= 0) & (high >= 0))
    assert covered[3] < 0.80
    assert covered[5] < 0.88
