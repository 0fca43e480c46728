import pytest

from analysis.findings import find
from analysis.leaderboard import leaderboard
from analysis.results import load_study, summarise_trials
from search.study.requests import BY_HAND
from search.study.spending import Limit


def finding_of(maker, evidence=None, asked=None):
    study = load_study(maker.write(evidence, asked))
    trials = summarise_trials(study)
    return find(study, trials, leaderboard(study, trials))


def confirm(maker, config, qualities, kimg=120.0, seeds=(11, 12, 13, 14), **changed):
    for seed, quality in zip(seeds, qualities, strict=False):
        name = f"confirm-{config}-{seed}"
        maker.trial(name, config, [3 * quality, quality], stage="confirm", seed=seed, kimg=kimg, **changed)


def baseline(config="base", **changed):
    return {"config_id": "aaa", "baseline": {"config_id": config, "name": "dcgan", "qualities": [18.0, 17.0]} | changed}


def test_headline_states_mean_spread_seeds_length_and_improvement(maker):
    maker.trial("s0", "aaa", [20.0], seed=0)
    confirm(maker, "aaa", [12.0, 12.6])
    confirm(maker, "base", [18.0, 17.6])
    finding = finding_of(maker, baseline())
    assert finding.support == "confirmed"
    assert finding.headline == (
        "Best configuration: aaa — fd_tiny 12.3 ± 0.4 (mean ± SD of 2 fresh seeds, 120 kimg), 31% below the dcgan "
        "baseline (17.8), within seed noise"
    )
    assert any("winner's curse" in text for text in finding.caveats)
    assert any("Only 2 seeds" in text for text in finding.caveats)


def test_a_difference_inside_the_seed_noise_is_called_that(maker):
    confirm(maker, "aaa", [12.0, 16.0])
    confirm(maker, "base", [13.0, 16.0])
    finding = finding_of(maker, baseline())
    assert finding.headline.endswith("3% below the dcgan baseline (14.5), within seed noise")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"kimg": 40.0}, "it was measured at 40 kimg, the best at 120 kimg"),
        ({"metric": "fd_other"}, "another metric or against another reference"),
        ({"reference_id": "elsewhere"}, "another metric or against another reference"),
        ({"status": "running"}, "none of its confirm runs has come to its end"),
    ],
)
def test_no_percentage_against_a_baseline_that_is_not_comparable(maker, changed, said):
    confirm(maker, "aaa", [12.0, 12.6])
    confirm(maker, "base", [18.0, 17.6], **changed)
    finding = finding_of(maker, baseline())
    assert "%" not in finding.headline
    assert any("Not compared with the dcgan baseline" in text and said in text for text in finding.caveats)


@pytest.mark.parametrize("evidence", [baseline(), None])
def test_a_baseline_measured_only_in_the_search_is_not_compared(maker, evidence):
    maker.trial("s-base", "base", [30.0], kimg=40)
    confirm(maker, "aaa", [12.0, 12.6])
    finding = finding_of(maker, evidence)
    assert "%" not in finding.headline
    assert any("No baseline was run on fresh seeds" in text for text in finding.caveats)


def test_a_baseline_whose_fresh_seeds_all_diverged_is_not_replaced_by_its_search_trial(maker):
    maker.trial("s-base", "base", [30.0], kimg=120)
    confirm(maker, "aaa", [12.0, 12.6])
    confirm(maker, "base", [400.0, 500.0], status="diverged")
    finding = finding_of(maker, baseline())
    assert finding.headline.endswith("(mean ± SD of 2 fresh seeds, 120 kimg)")
    assert "Not compared with the dcgan baseline: all its confirm seeds were lost." in finding.caveats


def test_seeds_that_the_baseline_lost_are_said(maker):
    confirm(maker, "aaa", [12.0, 12.6, 12.2])
    confirm(maker, "base", [18.0, 17.6])
    confirm(maker, "base", [400.0], seeds=(13,), status="diverged")
    finding = finding_of(maker, baseline())
    assert (
        "1 further seed of the dcgan baseline diverged, ran out of memory or failed; its mean omits it."
        in finding.caveats
    )
    assert any("paired t, the same 2 seeds" in text for text in finding.details)


def asked(**changed):
    return {"question": {"preset": "dcgan"}} | changed


@pytest.mark.parametrize("evidence", [None, {"config_id": "aaa", "baseline": None}, {"baseline_config_id": "base"}])
def test_a_preset_among_the_candidates_is_the_baseline(maker, evidence):
    confirm(maker, "aaa", [12.0, 12.1, 12.2])
    confirm(maker, "base", [18.0, 17.9, 18.2])
    known = {} if evidence and "baseline_config_id" in evidence else {"base_config_id": "base"}
    finding = finding_of(maker, evidence, asked(**known))
    assert finding.headline.endswith("33% below the dcgan baseline (18.0)")
    assert not any("No baseline" in text for text in finding.caveats)


def test_study_yaml_knows_the_baseline_better_than_the_evidence(maker):
    confirm(maker, "aaa", [12.0, 12.1, 12.2])
    confirm(maker, "base", [18.0, 17.9, 18.2])
    told = {"baseline": {"config_id": "aaa", "name": "search-0003-aaa"}}
    assert "below the dcgan baseline (18.0)" in finding_of(maker, told, asked(base_config_id="base")).headline


def test_a_winning_preset_is_said_plainly(maker):
    confirm(maker, "base", [12.0, 12.6])
    confirm(maker, "aaa", [13.0, 13.6])
    finding = finding_of(maker, {"config_id": "aaa"}, asked(base_config_id="base"))
    assert finding.headline.endswith("the dcgan preset itself; nothing searched beat it")
    assert finding.details[0] == "Of the configurations that were run again on fresh seeds, the preset was the best."
    assert any("best/ holds configuration aaa" in text for text in finding.caveats)


def test_a_preset_that_leads_while_others_run_has_not_won(maker):
    confirm(maker, "base", [12.0])
    confirm(maker, "aaa", [13.0], status="running")
    finding = finding_of(maker, None, asked(base_config_id="base"))
    assert finding.headline.endswith("nothing searched has beaten it so far")


def test_an_improvement_from_one_seed_is_qualified(maker):
    confirm(maker, "aaa", [12.0])
    confirm(maker, "base", [18.0])
    assert finding_of(maker, baseline()).headline.endswith(
        "12.0 (1 fresh seed, 120 kimg), 33% below the dcgan baseline (18.0), from too few seeds to tell"
    )


def test_a_configuration_with_one_finished_seed_does_not_lead_those_with_three(maker):
    confirm(maker, "aaa", [11.9])
    confirm(maker, "aaa", [30.0, 30.0], seeds=(12, 13), status="running", kimg=40)
    confirm(maker, "bbb", [12.0, 12.1, 12.2])
    finding = finding_of(maker)
    assert finding.config_id == "bbb"
    assert any(text.startswith("aaa has a lower mean (11.9), but lost seeds or has not") for text in finding.caveats)


def test_the_baseline_is_compared_once_and_is_no_candidate(maker):
    confirm(maker, "aaa", [12.0, 12.6])
    confirm(maker, "base", [18.0, 17.6])
    finding = finding_of(maker, baseline())
    assert len(finding.details) == 1
    assert not any("optimism" in text for text in finding.caveats)


def test_candidates_are_counted_without_the_baseline(maker):
    confirm(maker, "aaa", [12.0, 12.6])
    confirm(maker, "base", [13.0, 13.6])
    confirm(maker, "bbb", [18.0, 17.6])
    finding = finding_of(maker, baseline())
    assert "the next configuration, bbb" in finding.details[1]
    assert any("first of 2 confirmed configurations" in text for text in finding.caveats)


BEATEN = "not among the best at its rung"
MINUTES, MONEY = (Limit(f"budget.{name}", 4.0, 4.0, name).reason for name in ("minutes", "money"))


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        # A limit that was set and not reached: the space had no more points.
        ([], "The search ended after 6 of 8 trials."),
        ([BEATEN, BY_HAND], "The search ended after 6 of 8 trials."),
        (["", BEATEN, MINUTES, MINUTES], "The search ended after 6 of 8 trials; {}, which stopped 2 of them."),
        # The first was raised, and the search went on until the other.
        ([MONEY, MINUTES, BEATEN], "The search ended after 6 of 8 trials; {}, which stopped 1 of them."),
    ],
)
def test_a_search_that_was_confirmed_is_not_unfinished(maker, reasons, said):
    for number in range(6):
        reason = reasons[number] if number < len(reasons) else ""
        maker.trial(f"s{number}", f"c{number}", [20.0 + number], number=number, reason=reason)
    confirm(maker, "c0", [12.0, 12.6])
    budget = {"trials": 8, "minutes": 4.0, "gpu_hours": 2.0, "money": 4.0}
    caveats = finding_of(maker, None, asked(question={"budget": budget})).caveats
    assert said.format("budget.minutes was used up") in caveats
    assert not any("Unfinished" in text for text in caveats)


def test_results_of_before_reasons_were_kept_say_that_the_search_ended(maker):
    maker.trial("s0", "c0", [20.0])
    confirm(maker, "c0", [12.0, 12.6])
    caveats = finding_of(maker, None, asked(question={"budget": {"trials": 8, "minutes": 4.0}})).caveats
    assert "The search ended after 1 of 8 trials." in caveats


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
    assert finding.headline == "Recorded as best: aaa — fd_tiny 12.3 ± 0.4 (mean ± SD of 2 seeds, 120 kimg)"


def test_runner_up_within_noise_is_said(maker):
    confirm(maker, "aaa", [12.0, 14.0])
    confirm(maker, "bbb", [12.5, 14.4])
    finding = finding_of(maker)
    assert any("the next configuration, bbb" in text and "not distinguishable" in text for text in finding.details)


def test_the_best_configuration_is_told_by_what_it_changes(maker):
    for name, width, policy in (("aaa", 96, "ada"), ("base", 64, None)):
        confirm(maker, name, [12.0, 12.6], **{"generator.width": width, "augment.policy": policy, "x.same": 1})
    finding = finding_of(maker, None, {"base_config_id": "base", "question": {"preset": "dcgan"}})
    assert finding.what == "It is the dcgan preset with generator.width 96, augment.policy ada."
    maker.rows.clear()
    confirm(maker, "base", [12.0, 12.6], **{"generator.width": 64})
    assert finding_of(maker, None, {"base_config_id": "base"}).what == "It is the baseline itself."
    maker.rows.clear()
    confirm(maker, "ccc", [12.0, 12.6], **{"generator.width": 64})
    assert finding_of(maker, None, {"base_config_id": "base"}).what == ""


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (
            {"trial": "t", "quality": 12.0},
            "those of its best seed (t: 12.0); the number above is the mean over its 2 seeds",
        ),
        ({"trial": "t", "quality": 12.6}, "those of one of its seeds (t: 12.6)"),
        ({"trial": "t", "quality": 12.0, "config_id": "bbb"}, ""),
        ({"trial": "t", "quality": 12.0, "seeds": [11]}, ""),
        ({}, ""),
    ],
)
def test_whose_weights_are_kept_is_said_beside_the_mean(maker, kept, said):
    confirm(maker, "aaa", [12.0, 12.6])
    evidence = {"config_id": "aaa", "seeds": [11, 12], "qualities": [12.0, 12.6]} | kept
    found = finding_of(maker, evidence).kept
    assert said in found
    assert bool(found) == bool(said)
