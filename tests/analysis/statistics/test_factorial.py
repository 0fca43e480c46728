import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.designs import codes, words
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.factorial import CONTRASTS, MIXED, factorial_effects
from analysis.statistics.power import power

FACTORS = ["data", "structure", "init", "loss"]
LEVELS = codes(4)
TRUE = {("data",): 3.0, ("structure",): 2.0, ("structure", "loss"): 1.2}
"""Effects, on minus off, above 0 where on is better."""


def surface(true):
    """(16,) what each arm gains."""
    return sum(effect / 2 * LEVELS[:, [FACTORS.index(f) for f in each]].prod(axis=1) for each, effect in true.items())


def table(gains):
    """One row a run, from (seeds, 16) gains; quality is better where lower."""
    seeds, arms = np.meshgrid(range(len(gains)), range(16), indexing="ij")
    rows = pd.DataFrame((LEVELS[arms.ravel()] > 0), columns=FACTORS)
    return rows.assign(seed=seeds.ravel(), quality=20 - np.asarray(gains).ravel())


def noisy(seeds, rng, true=TRUE, seed_sd=2.0):
    return surface(true) + seed_sd * rng.standard_normal((seeds, 1)) + rng.standard_normal((seeds, 16))


def by_hand(gains, order=2):
    """Effects, standard errors and degrees of freedom of a complete design by sums of squares, each seed a block.

    gains: (..., seeds, 16).
    """
    matrix = np.column_stack([LEVELS[:, word].prod(axis=1) for word in words(4, order)])
    seeds = gains.shape[-2]
    effects = gains.mean(axis=-2) @ matrix / 8
    residual = gains - gains.mean(axis=-1, keepdims=True) - (effects @ matrix.T / 2)[..., None, :]
    df = gains.shape[-2] * 15 - matrix.shape[1]
    variance = (residual**2).sum(axis=(-1, -2)) / df
    return effects, np.sqrt(variance / (4 * seeds)), df


def test_without_noise_the_planted_effects_come_out():
    found = factorial_effects(
        table(surface(TRUE) + np.zeros((3, 1)) + 1e-3 * np.arange(48).reshape(3, 16) ** 2 % 7e-3), FACTORS
    )
    for effect in found.effects:
        true = TRUE.get(tuple(effect.name.split(":")), 0.0)
        assert effect.estimate.value == pytest.approx(true, abs=0.01)
    assert found.effect("loss", "structure").name == "structure:loss"


def test_the_mixed_model_is_the_analysis_of_blocks():
    gains = noisy(4, np.random.default_rng(51))
    found = factorial_effects(table(gains), FACTORS)
    effects, error, df = by_hand(gains)
    assert (found.method, found.fallback, found.relation) == (MIXED, "", ())
    assert (found.seeds, found.arms, found.runs, found.lost) == (4, 16, 64, 0)
    for effect, value in zip(found.effects, effects, strict=True):
        assert effect.estimate.value == pytest.approx(value, abs=1e-6)
        assert effect.estimate.error == pytest.approx(error, rel=1e-3)
        assert effect.estimate.df == df
    assert found.residual_sd == pytest.approx(error * np.sqrt(16), rel=1e-3)


def test_a_contrast_a_seed_is_the_t_test_of_its_seeds():
    gains = noisy(5, np.random.default_rng(52))
    found = factorial_effects(table(gains), FACTORS)
    per_seed = gains[:, LEVELS[:, 0] > 0].mean(axis=1) - gains[:, LEVELS[:, 0] < 0].mean(axis=1)
    told = stats.ttest_1samp(per_seed, 0).confidence_interval()
    contrast = found.effect("data").contrast
    assert (contrast.low, contrast.high) == pytest.approx((told.low, told.high))


def test_intervals_cover_what_they_say():
    """2,000 studies at once by the sums of squares, which the test above finds equal to the model's."""
    rng = np.random.default_rng(53)
    gains = surface(TRUE) + 2 * rng.standard_normal((2_000, 3, 1)) + rng.standard_normal((2_000, 3, 16))
    effects, error, df = by_hand(gains)
    half = stats.t.isf(0.025, df) * error
    true = [TRUE.get(tuple(FACTORS[i] for i in word), 0.0) for word in words(4, 2)]
    covered = np.abs(effects - true) <= half[:, None]
    assert ((covered.mean(axis=0) >= 0.935) & (covered.mean(axis=0) <= 0.965)).all()


@pytest.mark.parametrize("seed_sd", [0.0, 0.3])
def test_intervals_hold_where_the_model_is_often_singular(seed_sd):
    """The choice between the two methods is made on the same data: together they must still cover."""
    rng = np.random.default_rng(54)
    covered, methods = [], set()
    for _ in range(60):
        found = factorial_effects(table(noisy(3, rng, seed_sd=seed_sd)), FACTORS)
        methods.add(found.method)
        covered += [
            each.estimate.low <= TRUE.get(tuple(each.name.split(":")), 0.0) <= each.estimate.high
            for each in found.effects
        ]
    assert methods == {MIXED, CONTRASTS}
    assert 0.92 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_planted_interaction_is_found_with_the_stated_power(seeds):
    rng = np.random.default_rng(55)
    gains = surface(TRUE) + 2 * rng.standard_normal((4_000, seeds, 1)) + rng.standard_normal((4_000, seeds, 16))
    effects, error, df = by_hand(gains)
    position = words(4, 2).index((1, 3))
    found = effects[:, position] - stats.t.isf(0.025, df) * error > 0
    # One seed's contrast of 16 arms of spread 1 has spread 2 / sqrt(16).
    stated = power(1.2, 0.5, seeds, df=df)
    assert found.mean() == pytest.approx(stated, abs=0.02)
    per_seed = gains @ (LEVELS[:, 1] * LEVELS[:, 3]) / 8
    alone = stats.ttest_1samp(per_seed, 0, axis=1, alternative="greater").pvalue < 0.025
    assert alone.mean() == pytest.approx(power(1.2, 0.5, seeds), abs=0.02)


def test_a_model_too_sure_of_itself_where_seeds_answer_differently():
    """Why the contrast stands beside it: the effect of `data` varies from seed to seed as much as one run does."""
    rng = np.random.default_rng(56)
    slopes = rng.standard_normal((2_000, 3, 1)) * LEVELS[:, 0] / 2
    gains = surface(TRUE) + slopes + rng.standard_normal((2_000, 3, 1)) + rng.standard_normal((2_000, 3, 16))
    effects, error, df = by_hand(gains)
    model = np.abs(effects[:, 0] - 3.0) <= stats.t.isf(0.025, df) * error
    interval = stats.ttest_1samp(gains @ LEVELS[:, 0] / 8, 3.0, axis=1).pvalue > 0.05
    assert model.mean() < 0.8
    assert 0.935 <= interval.mean() <= 0.965


def test_a_half_fraction_says_what_it_cannot_tell_apart():
    gains = noisy(3, np.random.default_rng(57))
    runs = table(gains)
    half = runs[(2 * runs[FACTORS].astype(int) - 1).prod(axis=1) == 1]
    found = factorial_effects(half, FACTORS)
    assert found.relation == ("data:structure:init:loss",)
    assert found.effect("data").aliases == ("structure:init:loss",)
    assert [each.name for each in found.effects if each.order == 2] == ["data:structure", "data:init", "data:loss"]
    # The planted structure:loss shows up where it is aliased to, with its name beside it.
    assert found.effect("data", "init").aliases == ("structure:loss",)
    assert found.effect("data", "init").estimate.value == pytest.approx(1.2, abs=0.8)
    with pytest.raises(KeyError, match="structure:loss"):
        found.effect("structure", "loss")


def test_lost_runs_are_left_out_and_counted():
    rng = np.random.default_rng(58)
    gains = noisy(4, rng)
    gains[1, 3] = gains[2, 9] = np.nan
    found = factorial_effects(table(gains), FACTORS)
    assert (found.method, found.runs, found.lost) == (MIXED, 62, 2)
    assert found.effect("data").estimate.value == pytest.approx(3.0, abs=1.0)
    assert found.effect("data").contrast.n == 4


def test_lost_runs_leave_the_coverage_as_it_is():
    rng = np.random.default_rng(59)
    covered = []
    for _ in range(60):
        gains = noisy(3, rng)
        gains[rng.random(gains.shape) < 0.08] = np.nan
        found = factorial_effects(table(gains), FACTORS)
        covered += [
            each.estimate.low <= TRUE.get(tuple(each.name.split(":")), 0.0) <= each.estimate.high
            for each in found.effects
        ]
    assert 0.92 <= np.mean(covered) <= 0.98


def test_arms_that_all_diverged_cost_the_interactions_first():
    gains = noisy(3, np.random.default_rng(60))
    gains[:, 8:] = np.nan
    gains[:, 8] = noisy(3, np.random.default_rng(61))[:, 8]
    found = factorial_effects(table(gains), FACTORS)
    assert {each.order for each in found.effects} == {1}
    gains[:, 8:] = np.nan
    gone = factorial_effects(table(gains), FACTORS)
    assert isinstance(gone, NotEstimable)
    assert gone.reason.startswith("8 of 16 arms")
    assert "loss" in gone.reason


def test_one_seed_has_values_and_no_intervals():
    found = factorial_effects(table(noisy(1, np.random.default_rng(62))), FACTORS)
    assert (found.method, found.fallback) == (CONTRASTS, "one seed has no spread between seeds")
    effect = found.effect("data").estimate
    assert isinstance(effect, NotEstimable)
    assert effect.value == pytest.approx(3.0, abs=1.5)


def test_runs_without_any_noise_have_no_interval_and_no_traceback():
    found = factorial_effects(table(surface(TRUE) + np.arange(3.0)[:, None]), FACTORS)
    assert found.method == CONTRASTS
    assert found.effect("data").estimate.value == pytest.approx(3.0)
    assert isinstance(found.effect("data").estimate, NotEstimable)


def test_all_diverged():
    assert isinstance(factorial_effects(table(np.full((3, 16), np.nan)), FACTORS), NotEstimable)
    assert isinstance(factorial_effects(table(np.zeros((0, 16))), FACTORS), NotEstimable)


def test_all_alike():
    found = factorial_effects(table(np.ones((3, 16))), FACTORS)
    assert found.fallback == "all runs gave the same value"
    assert all(isinstance(each.estimate, NotEstimable) for each in found.effects)


def test_unit_order_and_direction():
    runs = table(noisy(4, np.random.default_rng(63)))
    found = factorial_effects(runs, FACTORS).effect("data").estimate
    scaled = factorial_effects(runs.assign(quality=1000 * runs["quality"] + 5), FACTORS).effect("data").estimate
    assert (scaled.value, scaled.error) == pytest.approx((1000 * found.value, 1000 * found.error), rel=1e-4)
    shuffled = factorial_effects(runs.sample(frac=1, random_state=1), FACTORS).effect("data").estimate
    assert (shuffled.value, shuffled.error) == pytest.approx((found.value, found.error), rel=1e-6)
    other = factorial_effects(runs, FACTORS, lower_is_better=False).effect("data").estimate
    assert (other.value, other.low) == pytest.approx((-found.value, -found.high), rel=1e-4)
