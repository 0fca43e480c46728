import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.statistics.estimates import NotEstimable
from analysis.statistics.selection import candidates


def table(values, first_seed=0):
    values = np.asarray(values, dtype=float)
    seeds = range(first_seed, first_seed + len(values))
    return pd.DataFrame(values, index=seeds, columns=[f"c{i}" for i in range(values.shape[1])])


@pytest.mark.parametrize("scales", [np.ones(5), np.array([1.0, 1.0, 4.0, 4.0, 0.5])])
def test_the_true_best_stays_in_the_set(scales):
    """Also where all are equal, and whichever looks best; with spreads of their own and noise that seeds share."""
    rng = np.random.default_rng(103)
    kept = []
    for _ in range(250):
        true = np.array([0.0, 0.0, 0.0, 1.0, 2.0])
        found = candidates(table(true + rng.standard_normal((4, 1)) + scales * rng.standard_normal((4, 5))))
        kept.append("c0" in found.best_set)
    assert np.mean(kept) >= 0.93


def test_what_is_clearly_worse_leaves_the_set():
    rng = np.random.default_rng(104)
    found = candidates(table(np.array([1.0, 1.1, 9.0]) + 0.5 * rng.standard_normal((6, 3))))
    assert found.best_set in (("c0", "c1"), ("c1", "c0"))
    worst = found.candidates[-1]
    assert (worst.config, worst.in_set, worst.best) == ("c2", False, False)
    assert found.candidates[0].best
    assert [each.mean for each in found.candidates] == sorted(each.mean for each in found.candidates)


def test_the_probability_of_the_better_of_two_is_their_t_tests():
    rng = np.random.default_rng(105)
    values = table(rng.standard_normal((5, 1)) + rng.standard_normal((5, 2)))
    found = {each.config: each.probability for each in candidates(values).candidates}
    told = stats.ttest_rel(values["c1"], values["c0"], alternative="greater").pvalue
    assert found["c0"] == pytest.approx(1 - told, abs=0.016)
    assert sum(found.values()) == pytest.approx(1)


def test_probabilities_mean_what_they_say():
    """Calibrated: over studies with effects drawn wide, of what is called best with probability p, a share p is."""
    rng = np.random.default_rng(106)
    said, was = [], []
    for _ in range(250):
        true = rng.normal(0, 30, 3) if rng.random() < 0.1 else rng.uniform(-2, 2, 3)
        found = candidates(table(true + rng.standard_normal((5, 1)) + rng.standard_normal((5, 3))))
        for each in found.candidates:
            said.append(each.probability)
            was.append(each.config == f"c{true.argmin()}")
    said, was = np.array(said), np.array(was)
    sure = said > 0.9
    assert was[sure].mean() > 0.9
    assert np.mean((said - was) ** 2) < 0.12


def test_order_of_seeds_and_columns_changes_nothing():
    values = table(np.random.default_rng(107).standard_normal((5, 4)))
    one, other = candidates(values), candidates(values.iloc[::-1][["c2", "c0", "c3", "c1"]])
    for each, same in zip(one.candidates, other.candidates, strict=True):
        assert (each.config, each.in_set) == (same.config, same.in_set)
        assert (each.mean, each.p, each.probability) == pytest.approx((same.mean, same.p, same.probability))


def test_lost_runs_and_lost_configurations_are_said():
    values = table([[1.0, 2.0, np.nan], [1.2, 2.1, np.nan], [0.9, np.nan, np.nan], [1.1, 2.2, np.nan]])
    found = candidates(values)
    by_name = {each.config: each for each in found.candidates}
    assert (by_name["c1"].n, by_name["c1"].lost) == (3, 1)
    assert (by_name["c2"].mean, by_name["c2"].in_set, by_name["c2"].lost) == (None, False, 4)
    assert found.note == "probabilities of being best leave out 1 seed without all configurations"


@pytest.mark.parametrize(
    ("values", "note"),
    [([[1.0, 2.0]], "two are needed"), ([[1.0, 2.0], [2.0, 3.0]], "no seed noise")],
)
def test_too_little_to_tell_keeps_everybody(values, note):
    found = candidates(table(values))
    assert found.best_set == ("c0", "c1")
    assert note in found.note
    assert all(each.probability is None for each in found.candidates)


def test_one_or_none():
    assert candidates(table([[1.0], [2.0]])).candidates[0].probability == 1.0
    assert isinstance(candidates(table([[np.nan], [np.nan]])), NotEstimable)
