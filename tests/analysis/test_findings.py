import math

import numpy as np
import pytest

from analysis.findings import difference_interval, find
from analysis.leaderboard import leaderboard
from analysis.results import load_study, summarise_trials


def finding_of(maker, evidence=None, asked=None):
    study = load_study(maker.write(evidence, asked))
    trials = summarise_trials(study)
    return find(study, trials, leaderboard(study, trials))


def confirm(maker, config, qualities, kimg=120.0, seeds=(11, 12, 13, 14), **changed):
    for seed, quality in zip(seeds, qualities, strict=False):
        name = f"confirm-{config}-{seed}"
        maker.trial(name, config, [3 * quality, quality], stage="confirm", seed=seed, kimg=kimg, **changed)


def baseline(config="base", **changed):
    return {"config_id": "aaa", "baseline": {"config_id": config, "name": "DCGAN", "qualities": [18.0, 17.0]} | changed}


def test_headline_states_mean_spread_seeds_length_and_improvement(maker):
    maker.trial("s0", "aaa", [20.0], seed=0)
    confirm(maker, "aaa", [12.0, 12.6])
    confirm(maker, "base", [18.0, 17.6])
    finding = finding_of(maker, baseline())
    assert finding.support == "confirmed"
    assert finding.headline == (
        "Best configuration: aaa — fd_tiny 12.3 ± 0.4 (2 fresh seeds, 120 kimg), 31% below the DCGAN baseline (17.8)"
    )
    assert any("winner's curse" in text for text in finding.caveats)
    assert any("Only 2 seeds" in text for text in finding.caveats)


def test_interval_is_welchs():
    one, other = [12.0, 12.6, 12.1], [18.0, 17.6]
    se = [np.var(values, ddof=1) / len(values) for values in (one, other)]
    freedom = sum(se) ** 2 / (se[0] ** 2 / 2 + se[1] ** 2 / 1)
    low, high = difference_interval(one, other)
    middle = np.mean(one) - np.mean(other)
    assert (low + high) / 2 == pytest.approx(middle)
    # Student's t at 97.5 %, found by integrating its density: independent of the routine under test.
    half = (high - low) / 2 / math.sqrt(sum(se))
    x = np.linspace(-half, half, 400_001)
    density = (1 + x**2 / freedom) ** (-(freedom + 1) / 2)
    density *= math.gamma((freedom + 1) / 2) / math.sqrt(freedom * math.pi) / math.gamma(freedom / 2)
    assert np.trapezoid(density, x) == pytest.approx(0.95, abs=1e-6)


@pytest.mark.parametrize(("one", "other"), [([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0]), ([], [])])
def test_no_interval_without_spread(one, other):
    assert difference_interval(one, other) is None


def test_a_difference_inside_the_seed_noise_is_called_that(maker):
    confirm(maker, "aaa", [12.0, 16.0])
    confirm(maker, "base", [13.0, 16.0])
    finding = finding_of(maker, baseline())
    assert finding.headline.endswith("3% below the DCGAN baseline (14.5), within seed noise")


@pytest.mark.parametrize(
    "told", [{"kimg": 40}, {"metric": "fd_other"}, {"reference_id": "elsewhere"}, {"qualities": []}]
)
def test_no_percentage_against_a_baseline_that_is_not_comparable(maker, told):
    confirm(maker, "aaa", [12.0, 12.6])
    finding = finding_of(maker, baseline("absent", **told))
    assert "%" not in finding.headline
    assert any("Not compared with the DCGAN baseline" in text for text in finding.caveats)


def test_a_baseline_measured_only_at_search_length_is_not_compared(maker):
    maker.trial("s-base", "base", [30.0], kimg=40)
    confirm(maker, "aaa", [12.0, 12.6])
    assert "%" not in finding_of(maker, baseline()).headline


def test_the_baseline_itself_may_win(maker):
    confirm(maker, "base", [12.0, 12.6])
    confirm(maker, "aaa", [13.0, 13.6])
    finding = finding_of(maker, baseline())
    assert finding.headline.endswith("the DCGAN baseline itself")
    assert any("best/ holds configuration aaa" in text for text in finding.caveats)


def test_seeds_used_in_the_search_are_not_called_fresh(maker):
    maker.trial("s0", "aaa", [20.0], seed=11)
    confirm(maker, "aaa", [12.0, 12.6])
    finding = finding_of(maker)
    assert "2 seeds" in finding.headline
    assert "fresh" not in finding.headline
    assert any("not all fresh" in text for text in finding.caveats)


def test_one_confirmed_seed_has_no_spread(maker):
    confirm(maker, "aaa", [12.0])
    finding = finding_of(maker)
    assert "12.0 (1 fresh seed, 120 kimg)" in finding.headline
    assert any("One seed ranks nothing" in text for text in finding.caveats)


def test_search_alone_is_called_unconfirmed(maker):
    for number in range(5):
        maker.trial(f"s{number}", f"c{number}", [20.0 + number])
    finding = finding_of(maker)
    assert finding.support == "searched"
    assert finding.headline.startswith("Not confirmed yet.")
    assert "smallest of 5 noisy numbers" in finding.details[0]
    assert any("5 of the 20 planned trials" in text for text in finding.caveats)


def test_all_lost(maker):
    maker.trial("s0", "a", [90.0], status="diverged", kimg=4)
    maker.trial("s1", "b", [], status="out_of_memory")
    finding = finding_of(maker)
    assert finding.support == "nothing"
    assert finding.headline == "No result: every one of the 2 trials was lost (1 diverged, 1 out of memory)"


def test_evidence_without_measurements_is_only_recorded(maker):
    finding = finding_of(
        maker, {"config_id": "aaa", "mean": 12.3, "sd": 0.4, "seeds": [1, 2], "kimg": 120, "metric": "m"}
    )
    assert finding.support == "recorded"
    assert finding.headline == "Recorded as best: aaa — fd_tiny 12.3 ± 0.4 (2 seeds, 120 kimg)"


def test_runner_up_within_noise_is_said(maker):
    confirm(maker, "aaa", [12.0, 14.0])
    confirm(maker, "bbb", [12.5, 14.5])
    finding = finding_of(maker)
    assert any("the next configuration, bbb" in text and "not distinguishable" in text for text in finding.details)
