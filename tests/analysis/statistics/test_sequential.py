import numpy as np
import pytest
from scipy import stats

from analysis.statistics.estimates import NotEstimable
from analysis.statistics.paired import paired_difference
from analysis.statistics.sequential import SeedPlan, look_level, next_step
from ignm.errors import IgnmError

STUDIES = 20_000
PLAN = SeedPlan(first=3, limit=10)


def followed(effect, smallest, level, seed, plan=PLAN):
    """Follow many studies at once: verdict and interval of each where it stops."""
    draws = effect + np.random.default_rng(seed).standard_normal((STUDIES, plan.limit))
    going = np.ones(STUDIES, dtype=bool)
    supported, refuted = np.zeros(STUDIES, dtype=bool), np.zeros(STUDIES, dtype=bool)
    low, high, used = np.empty(STUDIES), np.empty(STUDIES), np.zeros(STUDIES, dtype=int)
    for n in range(plan.first, plan.limit + 1):
        mean, error = draws[:, :n].mean(axis=1), draws[:, :n].std(axis=1, ddof=1) / np.sqrt(n)
        half = stats.t.isf(level / 2, n - 1) * error
        low, high = np.where(going, mean - half, low), np.where(going, mean + half, high)
        used[going] = n
        refuted |= going & (high < smallest)
        supported |= going & (low > 0) & ~refuted
        going &= ~(supported | refuted)
    return draws, supported, refuted, low, high, used


def test_peeking_at_95_percent_claims_too_much_and_the_plan_does_not():
    smallest = 1.0
    naive = followed(0.0, smallest, 0.05, 41)
    honest = followed(0.0, smallest, PLAN.level, 41)
    assert naive[1].mean() > 0.035
    assert honest[1].mean() <= 0.025
    # A two-sided interval at every look misses a true 0 in more than twice what it says.
    assert np.mean((naive[3] > 0) | (naive[4] < 0)) > 0.05


def test_all_looks_together_miss_in_alpha():
    """Independent of the stopping rule: nobody's interval at any look, by fresh draws."""
    draws = np.random.default_rng(42).standard_normal((STUDIES, PLAN.limit))
    missed = np.zeros(STUDIES, dtype=bool)
    for n in range(PLAN.first, PLAN.limit + 1):
        missed |= stats.ttest_1samp(draws[:, :n], 0, axis=1).pvalue < PLAN.level
    assert 0.045 <= missed.mean() <= 0.053


@pytest.mark.parametrize("effect", [0.0, 0.5, 1.0, 2.0])
def test_intervals_cover_wherever_it_stopped(effect):
    _, _, _, low, high, _ = followed(effect, 1.0, PLAN.level, 43)
    assert np.mean((low <= effect) & (effect <= high)) >= 0.95


def test_what_is_worth_it_is_rarely_refuted_and_found_early_if_large():
    assert followed(1.0, 1.0, PLAN.level, 44)[2].mean() <= 0.025
    _, supported, _, _, _, used = followed(4.0, 1.0, PLAN.level, 45)
    assert supported.mean() > 0.95
    assert used.mean() < 6


def test_each_step_is_the_rule_that_was_simulated():
    draws, supported, refuted, low, high, used = followed(1.2, 1.0, PLAN.level, 46)
    for study in range(60):
        for n in range(PLAN.first, PLAN.limit + 1):
            step = next_step(paired_difference(draws[study, :n], np.zeros(n)), 1.0, PLAN)
            if step.finished:
                break
            assert step.add == 1
        assert n == used[study]
        assert step.add == 0
        assert (step.verdict.verdict == "supported", step.verdict.verdict == "refuted") == (
            supported[study], refuted[study],
        )  # fmt: skip
        assert (step.verdict.low, step.verdict.high) == pytest.approx((low[study], high[study]))


def test_it_begins_with_the_first_seeds():
    step = next_step(NotEstimable("no pair of runs yet"), 1.0, PLAN)
    assert (step.add, step.finished) == (3, False)
    two = next_step(paired_difference([9.0, 9.1], [1.0, 1.05]), 1.0, PLAN)
    assert (two.add, two.finished) == (1, False)


def test_lost_seeds_count_towards_the_limit():
    lost = paired_difference([1.0, 2.0, 3.0, *[np.nan] * 7], [1.5, 1.0, 3.5, *[1.0] * 7])
    step = next_step(lost, 1.0, PLAN)
    assert (step.finished, step.add) == (True, 0)
    assert "limit" in step.reason
    nothing = next_step(NotEstimable("no pair of runs is left", 0, 4), 1.0, PLAN)
    assert (nothing.finished, nothing.add) == (False, 1)


def test_a_look_alone_is_no_correction_and_many_cost_less_than_bonferroni():
    assert look_level(5, 5, 0.05) == 0.05
    assert 0.05 / 8 < PLAN.level < 0.05
    assert SeedPlan(comparisons=4).level < PLAN.level


@pytest.mark.parametrize(
    "wrong", [{"first": 1}, {"first": 5, "limit": 4}, {"limit": 101}, {"comparisons": 0}, {"alpha": 0}]
)
def test_plans_that_cannot_be(wrong):
    with pytest.raises(IgnmError, match="a plan begins"):
        SeedPlan(**wrong)
