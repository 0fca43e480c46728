import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import NotEstimable
from analysis.statistics.paired import difference
from analysis.statistics.survival import Times, restricted_mean, speedup, survival
from ignm.errors import IgnmError

# Freireich et al. (1963), weeks of remission of leukaemia; a + is a patient who was still in it.
TREATED = "6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+"
PLACEBO = "1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23"


def times(text, first_seed=0):
    words = text.split()
    return Times(
        tuple(range(first_seed, first_seed + len(words))),
        tuple(float(word.rstrip("+")) for word in words),
        tuple(not word.endswith("+") for word in words),
    )


def test_published_medians():
    """R's survival, survfit(conf.type = "log-log")."""
    treated, placebo = survival(times(TREATED)), survival(times(PLACEBO))
    assert (treated.median, treated.low, treated.high) == (23, 13, None)
    assert (placebo.median, placebo.low, placebo.high) == (8, 4, 11)
    assert (treated.reached, treated.n) == (9, 21)


def test_published_log_rank():
    found = speedup(times(TREATED), times(PLACEBO, 100))
    # Chi-square 16.79 on one degree of freedom: p 4e-5, less than 20,000 dealings can tell from none.
    assert found.permutation_p < 0.001
    assert found.ratio is None
    assert found.no_ratio.startswith("runs that never reached the threshold: 12;")


def test_published_restricted_mean():
    """R's print(survfit, rmean = 35): 23.29 and 8.67."""
    assert restricted_mean(times(TREATED), 35)[0] == pytest.approx(23.29, abs=0.005)
    assert restricted_mean(times(PLACEBO), 35)[0] == pytest.approx(8.667, abs=0.0005)


def test_without_censoring_the_restricted_mean_is_the_mean():
    values = np.random.default_rng(81).gamma(3, 10, 9)
    watched = Times(tuple(range(9)), tuple(values), (True,) * 9)
    mean, error = restricted_mean(watched, values.max())
    assert (mean, error) == pytest.approx((values.mean(), values.std(ddof=1) / 3))
    assert restricted_mean(watched, 25.0)[0] == pytest.approx(np.minimum(values, 25).mean())


def test_the_permutation_p_is_counted_by_hand():
    # All of one arm before all of the other: 2 of the 20 ways to deal six runs out are as far apart.
    assert speedup(times("10 11 12"), times("1 2 3")).permutation_p == pytest.approx(2 / 20)
    assert speedup(times("10 11+ 12+"), times("1 2 3")).permutation_p == pytest.approx(2 / 20)


def test_time_saved_is_paired_where_all_were_watched_to_the_horizon():
    baseline, improved = times("80 90 100+ 100+ 70"), times("40 60 55 100+ 30")
    found = speedup(baseline, improved)
    told = stats.ttest_rel([80, 90, 100, 100, 70], [40, 60, 55, 100, 30])
    limits = told.confidence_interval()
    assert (found.saved.value, found.saved.low, found.saved.high) == pytest.approx((31, limits.low, limits.high))
    assert found.horizon == 100


def test_time_saved_by_curves_where_watching_ended_early():
    found = speedup(times("80 90 60+ 100+ 70"), times("40 60 55 100+ 30"), horizon=95)
    assert found.saved.method == "areas under the Kaplan-Meier curves"
    assert found.saved.value == pytest.approx(
        restricted_mean(times("80 90 60+ 100+ 70"), 95)[0] - np.minimum([40, 60, 55, 100, 30], 95).mean()
    )


def test_ratio_of_geometric_means():
    baseline, improved = np.array([80.0, 90.0, 70.0]), np.array([40.0, 30.0, 38.0])
    found = speedup(times("80 90 70"), times("40 30 38"))
    told = stats.ttest_rel(np.log(baseline), np.log(improved)).confidence_interval()
    assert found.ratio == pytest.approx(stats.gmean(baseline) / stats.gmean(improved))
    assert (found.ratio_low, found.ratio_high) == pytest.approx((np.exp(told.low), np.exp(told.high)))
    back = speedup(times("40 30 38"), times("80 90 70"))
    assert (back.ratio, back.ratio_low) == pytest.approx((1 / found.ratio, 1 / found.ratio_high))


def test_intervals_of_time_saved_cover_what_they_say():
    """Times with noise shared by seed, cut off at the budget, and diverged runs that never arrive."""
    rng = np.random.default_rng(82)
    covered = []
    truth = _times_at_once(rng, 400_000).mean(axis=(1, 2))
    for one, other in zip(*_times_at_once(rng, 1_000 * 8).reshape(2, 1_000, 8), strict=True):
        arms = [Times(tuple(range(8)), tuple(arm), tuple(arm < 200)).restricted(200.0) for arm in (one, other)]
        found = difference(*arms)
        covered.append(found.low <= truth[0] - truth[1] <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.97


def _times_at_once(rng, size):
    shared = 0.3 * rng.standard_normal(size)
    arms = [np.exp(mean + shared + 0.3 * rng.standard_normal(size)) for mean in (4.9, 4.5)]
    lost = rng.random((2, size)) < 0.05
    return np.where(lost, 200.0, np.minimum(arms, 200.0)).reshape(2, -1, 8)


def test_the_permutation_test_errs_no_more_than_it_says():
    rng = np.random.default_rng(83)
    p = []
    for _ in range(200):
        arms = rng.lognormal(4, 0.5, (2, 5))
        found = speedup(*(Times(tuple(range(5)), tuple(np.minimum(arm, 80)), tuple(arm < 80)) for arm in arms))
        if not isinstance(found, NotEstimable):
            p.append(found.permutation_p)
    assert np.mean(np.array(p) <= 0.05) <= 0.06
    assert np.mean(np.array(p) <= 0.5) > 0.35


def test_what_cannot_be_estimated_says_why():
    nothing = Times((), (), ())
    assert isinstance(survival(nothing), NotEstimable)
    assert "two a side" in speedup(times("10"), times("5 6 7")).reason
    assert "none of 2 + 2 runs" in speedup(times("10+ 10+"), times("9+ 10+")).reason
    never = survival(times("40+ 40+ 40+"))
    assert (never.median, never.low, never.high) == (None, None, None)
    assert restricted_mean(times("40+ 40+ 40+"), 40.0)[0] == 40.0
    at_once = speedup(times("20 20"), times("20 20"))
    assert at_once.permutation_p == 1.0
    assert "time 0" in speedup(times("0 20"), times("10 20")).no_ratio
    alike = speedup(times("40 40 40"), times("20 20 20"))
    assert alike.ratio == pytest.approx(2)
    assert isinstance(alike.saved, NotEstimable)
    assert alike.no_ratio


@pytest.mark.parametrize("wrong", [((1, 2), (3.0,), (True,)), ((1,), (np.inf,), (False,)), ((1,), (-1.0,), (True,))])
def test_times_that_are_none(wrong):
    with pytest.raises(IgnmError, match="times to a threshold"):
        Times(*wrong)
