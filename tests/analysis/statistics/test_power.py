import numpy as np
import pytest
from statsmodels.stats.power import TTestPower

from analysis.statistics.paired import paired_difference
from analysis.statistics.power import more_seeds, power, seeds_for_power
from ignm.errors import IgnmError


def simulated(effect, sd, n, alpha=0.05, studies=40_000):
    """Share of simulated studies whose interval lies above 0; the critical value comes from simulation too."""
    rng = np.random.default_rng(21)
    draws = rng.standard_normal((studies, n))
    t = [(x.mean(axis=1)) / (x.std(axis=1, ddof=1) / np.sqrt(n)) for x in (draws, effect / sd + draws)]
    return np.mean(t[1] > np.quantile(t[0], 1 - alpha / 2))


@pytest.mark.parametrize(("effect", "sd", "n"), [(1.0, 1.0, 5), (2.0, 1.0, 3), (0.5, 1.2, 20)])
def test_power_is_what_simulation_gives(effect, sd, n):
    assert power(effect, sd, n) == pytest.approx(simulated(effect, sd, n), abs=0.015)


@pytest.mark.parametrize("effect", [-1.0, 0.0, 0.3, 3.0])
@pytest.mark.parametrize("n", [2, 5, 50, 1000])
def test_power_is_statsmodels(effect, n):
    assert power(effect, 2.0, n) == pytest.approx(TTestPower().power(effect / 2, n, 0.025, alternative="larger"))


def test_without_an_effect_power_is_the_error_of_one_side():
    assert power(0.0, 1.0, 7) == pytest.approx(0.025)


@pytest.mark.parametrize(("effect", "sd"), [(3.0, 1.0), (1.0, 1.0), (0.3, 1.0), (50.0, 1.0)])
def test_seeds_for_power_are_the_fewest(effect, sd):
    n = seeds_for_power(effect, sd)
    assert power(effect, sd, n) >= 0.8
    assert n == 2 or power(effect, sd, n - 1) < 0.8


def test_no_number_of_seeds_finds_nothing():
    assert seeds_for_power(0.0, 1.0) is None
    assert seeds_for_power(-1.0, 1.0) is None


def test_published_sample_size():
    # Cohen (1988), paired t, two-sided .05, d = .5, power .8: 34 pairs (33.4).
    assert seeds_for_power(0.5, 1.0) == 34


@pytest.mark.parametrize(("value", "smallest"), [(0.5, 0.2), (0.05, 1.0), (0.5, 1.0)])
def test_more_seeds_bring_the_chance_of_a_decision_to_eighty_percent(value, smallest):
    spread = np.random.default_rng(22).normal(0, 1, 6)
    spread = (spread - spread.mean()) / spread.std(ddof=1)
    found = paired_difference(value + spread, np.zeros(6))
    total = 6 + more_seeds(found, smallest, (0.05, 0.05))

    def chance(n):
        return max(power(value, 1.0, n), power(smallest - value, 1.0, n))

    assert chance(total) >= 0.8 > chance(total - 1)


@pytest.mark.parametrize(("sd", "n"), [(0.0, 5), (1.0, 1)])
def test_power_of_nothing(sd, n):
    with pytest.raises(IgnmError):
        power(1.0, sd, n)
