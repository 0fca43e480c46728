import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.estimates import NotEstimable
from analysis.statistics.paired import difference
from analysis.statistics.survival import Times, speedup, survival, times_to_threshold
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
    # Chi-square 16.79 on one degree of freedom.
    assert found.log_rank_p == pytest.approx(stats.chi2.sf(16.79, 1), rel=0.01)
    assert found.permutation_p < 0.001
    assert found.ratio is None
    assert found.no_ratio.startswith("runs that never reached the threshold: 12;")


def test_published_restricted_mean():
    """R's print(survfit, rmean = 35): 23.29 and 8.67."""
    assert survival(times(TREATED), 35).restricted_mean == pytest.approx(23.29, abs=0.005)
    assert survival(times(PLACEBO), 35).restricted_mean == pytest.approx(8.667, abs=0.0005)


def test_without_censoring_the_restricted_mean_is_the_mean():
    values = np.random.default_rng(81).gamma(3, 10, 9)
    found = survival(Times(tuple(range(9)), tuple(values), (True,) * 9))
    assert found.restricted_mean == pytest.approx(values.mean())
    assert found.restricted_error == pytest.approx(values.std(ddof=1) / 3)
    cut = survival(Times(tuple(range(9)), tuple(values), (True,) * 9), horizon=25.0)
    assert cut.restricted_mean == pytest.approx(np.minimum(values, 25).mean())


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
    assert (found.reached_baseline, found.reached_improved) == (3, 4)


def test_time_saved_by_curves_where_watching_ended_early():
    found = speedup(times("80 90 60+ 100+ 70"), times("40 60 55 100+ 30"), horizon=95)
    assert found.saved.method == "areas under the Kaplan-Meier curves"
    assert found.saved.value == pytest.approx(
        survival(times("80 90 60+ 100+ 70"), 95).restricted_mean - np.minimum([40, 60, 55, 100, 30], 95).mean()
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
    p, log_rank = [], []
    for _ in range(200):
        arms = rng.lognormal(4, 0.5, (2, 5))
        found = speedup(*(Times(tuple(range(5)), tuple(np.minimum(arm, 80)), tuple(arm < 80)) for arm in arms))
        if not isinstance(found, NotEstimable):
            p.append(found.permutation_p)
            log_rank.append(found.log_rank_p)
    assert np.mean(np.array(p) <= 0.05) <= 0.06
    assert np.mean(np.array(p) <= 0.5) > 0.35


def test_measurements_become_times():
    rows = pd.DataFrame(
        {
            "seed": [1, 1, 1, 2, 2, 3, 3],
            "kimg": [10.0, 20.0, 40.0, 10.0, 40.0, 10.0, 15.0],
            "quality": [50.0, 19.0, 25.0, 40.0, 30.0, 90.0, np.nan],
        }
    )
    found = times_to_threshold(rows, 20.0, never=[3, 4])
    assert found.seeds == (1, 2, 3, 4)
    assert found.times == (20.0, 40.0, 40.0, 40.0)
    assert found.reached == (True, False, False, False)
    # Unless told that it diverged, a run has been watched as long as it was measured.
    assert times_to_threshold(rows, 20.0).times == (20.0, 40.0, 15.0)
    assert times_to_threshold(rows.assign(quality=-rows["quality"]), -20.0, lower_is_better=False).times[0] == 20.0


def test_what_cannot_be_estimated_says_why():
    nothing = Times((), (), ())
    assert isinstance(survival(nothing), NotEstimable)
    assert "two a side" in speedup(times("10"), times("5 6 7")).reason
    assert "none of 2 + 2 runs" in speedup(times("10+ 10+"), times("9+ 10+")).reason
    never = survival(times("40+ 40+ 40+"))
    assert (never.median, never.low, never.high, never.restricted_mean) == (None, None, None, 40.0)
    at_once = speedup(times("20 20"), times("20 20"))
    assert (at_once.log_rank_p, at_once.permutation_p) == (1.0, 1.0)
    assert "time 0" in speedup(times("0 20"), times("10 20")).no_ratio
    alike = speedup(times("40 40 40"), times("20 20 20"))
    assert alike.ratio == pytest.approx(2)
    assert isinstance(alike.saved, NotEstimable)
    assert alike.no_ratio
    empty = times_to_threshold(pd.DataFrame({"seed": [], "kimg": [], "quality": []}), 1.0)
    assert empty == nothing


@pytest.mark.parametrize("wrong", [((1, 2), (3.0,), (True,)), ((1,), (np.inf,), (False,)), ((1,), (-1.0,), (True,))])
def test_times_that_are_none(wrong):
    with pytest.raises(IgnmError, match="times to a threshold"):
        Times(*wrong)
