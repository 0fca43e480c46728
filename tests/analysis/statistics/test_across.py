import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.across import _widened, interquartile_mean, log_improvement, probability_of_improvement
from analysis.statistics.estimates import NotEstimable
from ignm.errors import IgnmError


def test_the_interquartile_mean_by_hand():
    scores = {"celeba": [1.0, 2.0, 3.0, 100.0], "ffhq": [4.0, 5.0, 6.0, -100.0]}
    found = interquartile_mean(scores)
    assert found.value == np.mean([2.0, 3.0, 4.0, 5.0])
    assert (found.datasets, found.n, found.lost) == (2, 8, 0)
    assert found.low < found.value < found.high


def test_datasets_seeds_and_units_in_any_order():
    rng = np.random.default_rng(91)
    scores = {name: rng.normal(0.3, 0.2, 5) for name in ("celeba", "ffhq", "lsun")}
    found = interquartile_mean(scores)
    other = interquartile_mean({name: scores[name][::-1] for name in ("lsun", "celeba", "ffhq")})
    assert (other.value, other.low, other.high) == pytest.approx((found.value, found.low, found.high))
    scaled = interquartile_mean({name: 10 * values for name, values in scores.items()})
    assert (scaled.value, scaled.low) == pytest.approx((10 * found.value, 10 * found.low))


def test_intervals_of_the_interquartile_mean_cover_what_they_say():
    rng = np.random.default_rng(92)
    shifts = {"celeba": 0.0, "ffhq": 0.25, "lsun": 0.5}
    truth = stats.trim_mean(np.concatenate([shift + rng.standard_normal(300_000) for shift in shifts.values()]), 0.25)
    covered = []
    for _ in range(200):
        found = interquartile_mean({name: shift + rng.standard_normal(5) for name, shift in shifts.items()})
        covered.append(found.low <= truth <= found.high)
    assert 0.92 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize(("seeds", "tail"), [(5, 0.0010), (10, 0.0086), (20, 0.0159)])
def test_percentiles_are_widened_as_published(seeds, tail):
    """Hesterberg (2015): the tails that stand in for .025 each."""
    assert _widened([seeds], 0.95) == pytest.approx(tail, abs=6e-5)


def test_the_probability_of_improvement_counts_pairs():
    rng = np.random.default_rng(93)
    baseline = {name: rng.integers(0, 9, 5).astype(float) for name in ("celeba", "ffhq")}
    improved = {name: rng.integers(0, 7, 4).astype(float) for name in baseline}
    found = probability_of_improvement(baseline, improved)
    wins = [np.mean([(b > i) + 0.5 * (b == i) for b in baseline[name] for i in improved[name]]) for name in baseline]
    assert found.value == pytest.approx(np.mean(wins))
    back = probability_of_improvement(improved, baseline)
    assert (back.value, back.low, back.high) == pytest.approx((1 - found.value, 1 - found.high, 1 - found.low))
    higher = probability_of_improvement(baseline, improved, lower_is_better=False)
    assert higher.value == pytest.approx(1 - found.value)


def test_all_wins_are_not_certainty():
    """Where a bootstrap would say 1 to 1."""
    found = probability_of_improvement({"celeba": [5.0, 6.0, 7.0]}, {"celeba": [1.0, 2.0, 3.0]})
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low < 0.6
    none = probability_of_improvement({"celeba": [1.0, 2.0, 3.0]}, {"celeba": [5.0, 6.0, 7.0]})
    assert (none.value, none.low) == (0.0, 0.0)


def test_intervals_of_the_probability_cover_what_they_say():
    rng = np.random.default_rng(94)
    effects = {"celeba": 0.2, "ffhq": 0.8, "lsun": 1.5}
    truth = np.mean([stats.norm.cdf(effect / np.sqrt(2)) for effect in effects.values()])
    covered = []
    for _ in range(500):
        found = probability_of_improvement(
            {name: rng.standard_normal(5) for name in effects},
            {name: rng.standard_normal(5) - effect for name, effect in effects.items()},
        )
        covered.append(found.low <= truth <= found.high)
    assert np.mean(covered) >= 0.94


def test_ratios_put_datasets_on_one_scale():
    baseline, improved = pd.Series([10.0, 20.0], index=[1, 2]), pd.Series([5.0, 40.0, 7.0], index=[2, 1, 3])
    found = log_improvement(baseline, improved)
    assert found[1] == pytest.approx(np.log(10 / 40))
    assert found[2] == pytest.approx(np.log(20 / 5))
    assert np.isnan(found[3])
    with pytest.raises(IgnmError, match="above 0"):
        log_improvement(baseline, improved - 5)


def test_what_cannot_be_estimated_says_why():
    short = interquartile_mean({"celeba": [1.0, 2.0, 3.0], "ffhq": [1.0, np.nan]})
    assert isinstance(short, NotEstimable)
    assert "ffhq" in short.reason
    assert short.lost == 1
    assert isinstance(interquartile_mean({}), NotEstimable)
    lost = probability_of_improvement({"celeba": [1.0, 2.0]}, {"celeba": [np.nan, np.nan]})
    assert isinstance(lost, NotEstimable)
    with pytest.raises(IgnmError, match="differ"):
        probability_of_improvement({"celeba": [1.0, 2.0]}, {"ffhq": [1.0, 2.0]})
