import numpy as np
import pandas as pd
import pytest
from support.ablated import KIMG, Ablated

from analysis.ablation.comparing import compare
from analysis.ablation.contrasts import Contrast, contrast, contrasts_of
from analysis.ablation.effects import added_alone, changes, lattice_effects, lattice_shares, left_out
from analysis.ablation.loading import load_ablation
from analysis.ablation.speed import kimg_to_quality, threshold, times
from analysis.results import load_study
from analysis.statistics.estimates import Estimate, NotEstimable

SEEDS = range(2000, 2008)
EFFECTS = {"data": 10.0, "loss": 5.0, ("data", "loss"): 4.0}


def loaded(study):
    return load_ablation(load_study(study.write()))


@pytest.fixture
def study(tmp_path):
    return Ablated(tmp_path, EFFECTS, {"structure": 0.2}, seeds=SEEDS)


def by_hand(study, arms):
    rows = pd.DataFrame(study.rows())
    ends = rows[(rows["point"] == KIMG) & rows["arm"].isin(arms)]
    return ends.pivot(index="seed", columns="arm", values="quality").mean(axis=1)


def test_a_main_effect_is_the_mean_of_off_less_that_of_on(study):
    ablation = loaded(study.factorial())
    found = contrast(ablation.designs[0], "data")
    on = [arm["number"] for arm in study.arms if "data.mirror" in arm["parameters"]]
    off = [arm["number"] for arm in study.arms if "data.mirror" not in arm["parameters"]]
    gains = by_hand(study, off) - by_hand(study, on)
    shown = compare(ablation, found)
    assert shown.improvement.value == pytest.approx(gains.mean())
    assert shown.improvement.error == pytest.approx(gains.std(ddof=1) / np.sqrt(8))
    assert shown.ground == pytest.approx(by_hand(study, off).mean())
    # Planted: 10 alone, and half of the 4 that it gains with the loss.
    assert shown.improvement.low < 12 < shown.improvement.high


def test_every_design_finds_what_was_planted(study):
    ablation = loaded(study.everything().axes().axes("add_axis_in"))
    truth = {
        "factorial": {"data": 12, "structure": 0, "init": 0, "loss": 7},
        "leave_one_out": {"data": 14, "structure": 0, "init": 0, "loss": 9},
        "add_one_in": {"data": 10, "structure": 0, "init": 0, "loss": 5},
        "leave_axis_out": {
            "data.mirror": 14,
            "generator.activation": 0,
            "init.reconstruction": 0,
            "loss.adversarial": 9,
        },
        "add_axis_in": {"data.mirror": 10, "generator.activation": 0, "init.reconstruction": 0, "loss.adversarial": 5},
        "path": {"data": 10, "loss": 9, "structure": 0, "init": 0},
        "baselines": {"dcgan": 19},
        "sweeps": {"relu": -6, "mish": 1, "diffaugment": -2},
    }
    for design in ablation.designs:
        for each in contrasts_of(design):
            found = compare(ablation, each, confidence=0.999).improvement
            assert isinstance(found, Estimate)
            assert found.low < truth[design.design][each.name] < found.high, (design.design, each.name)


def test_half_of_a_lattice_has_sides_and_no_twins(study):
    ablation = loaded(study.factorial(half=True))
    found = contrast(ablation.designs[0], "data")
    assert not found.twins
    assert len(found.without) == len(found.having) == 4
    assert isinstance(compare(ablation, found, "kimg_to_quality").improvement, NotEstimable)
    assert compare(ablation, found, confidence=0.999).improvement.value == pytest.approx(12, abs=1.5)


def test_a_measure_that_is_to_be_high_improves_upwards(study):
    ablation = loaded(study.factorial())
    found = contrast(ablation.designs[0], "structure")
    assert compare(ablation, found, "diversity").improvement.value == pytest.approx(0.2, abs=0.02)
    assert compare(ablation, found, "diversity_gap").improvement.value == pytest.approx(0.2, abs=0.02)


def test_lost_seeds_are_counted_and_missing_ones_are_not(study):
    study.add_one_in()
    data = study.number(["data"])
    ablation = loaded(study.lose(data, 2000).leave_out(data, 2001))
    shown = compare(ablation, contrast(ablation.designs[0], "data"))
    assert (shown.improvement.n, shown.improvement.lost) == (6, 1)
    assert shown.standing.waiting == (2001,)
    assert shown.lost_by_itself == (0, 1)


def test_a_machines_loss_is_not_the_arms(study):
    study.add_one_in()
    ablation = loaded(study.lose(study.number(["data"]), 2000, "failed"))
    assert compare(ablation, contrast(ablation.designs[0], "data")).lost_by_itself == (0, 0)


def test_the_worst_value_takes_a_lost_runs_place(study):
    study.add_one_in()
    data = study.number(["data"])
    ablation = loaded(study.lose(data, 2000))
    shown = compare(ablation, contrast(ablation.designs[0], "data"), lost_as_worst=True)
    none = ablation.values(study.number([]))
    worst = max(none.max(), ablation.values(data).max())
    assert shown.improvement.n == 8
    assert shown.per_seed[2000] == pytest.approx(none[2000] - worst)


def test_one_seed_gives_a_number_and_no_interval(tmp_path):
    ablation = loaded(Ablated(tmp_path, EFFECTS, seeds=[2000]).add_one_in())
    found = compare(ablation, contrast(ablation.designs[0], "data")).improvement
    assert isinstance(found, NotEstimable)
    assert found.value == pytest.approx(10, abs=5)


def test_an_arm_that_was_not_run_is_said(study):
    study.add_one_in()
    ablation = loaded(study.leave_out(study.number(["data"])))
    found = compare(ablation, contrast(ablation.designs[0], "data")).improvement
    assert isinstance(found, NotEstimable)
    assert "2000" in found.reason
    assert found.lost == 0


def test_a_lattice_holds_what_other_designs_would_run(study):
    ablation = loaded(study.factorial())
    whole = study.number(["data", "structure", "init", "loss"])
    assert added_alone(ablation.designs, "data") == Contrast("data", (study.number([]),), (study.number(["data"]),))
    assert left_out(ablation.designs, "data") == Contrast(
        "data", (study.number(["structure", "init", "loss"]),), (whole,)
    )
    assert added_alone(ablation.designs, "colour") is None


def test_shares_sum_to_the_total_and_leave_out_seeds_that_are_not_complete(study):
    study.factorial()
    ablation = loaded(study.leave_out(study.number(["data", "structure", "init", "loss"]), 2007))
    shares = lattice_shares(ablation, ablation.designs[0])
    assert len(shares.seeds) == 7
    assert shares.lost == 0
    summed = np.sum([share.per_seed for share in shares.shares], axis=0)
    assert np.abs(summed - np.array(shares.totals)).max() < 1e-9


def test_main_effects_in_tables_are_those_that_verdicts_judge(study):
    """Also where a seed has not been run on all arms yet: neither counts what there is of it."""
    study.factorial()
    ablation = loaded(study.leave_out(study.number(["data", "structure", "init", "loss"]), 2007))
    design = ablation.designs[0]
    shown, judged = lattice_effects(ablation, design), compare(ablation, contrast(design, "data"))
    assert shown.effect("data").estimate.value == pytest.approx(judged.improvement.value, rel=1e-9)


def test_the_planted_interaction_is_found(study):
    effects = lattice_effects(loaded(study.factorial()), load_ablation(load_study(study.folder)).designs[0])
    found = effects.effect("data", "loss").estimate
    # Half of what the data's effect changes by.
    assert found.low < 2 < found.high
    assert found.low > 0


def test_changes_are_told_by_strategy(study):
    ablation = loaded(study.factorial())
    ends = [ablation.arms[study.number(on)] for on in ([], ["data", "structure", "init", "loss"])]
    assert changes(*ends) == {
        "data": {"data.mirror": True},
        "structure": {"generator.activation": "silu"},
        "init": {"init.reconstruction": 4.0},
        "loss": {"loss.adversarial": "hinge"},
    }


def test_times_to_a_quality_are_on_the_line_between_measurements(study):
    ablation = loaded(study.factorial())
    rows = ablation.rows_of(0)
    mine = rows[rows["seed"] == 2000].sort_values("point")
    quality = float(mine["quality"].iloc[3:5].mean())
    found = times(ablation, 0, quality)
    assert found.times[0] == pytest.approx(mine["point"].iloc[3:5].mean())
    assert found.reached[0]


def test_a_run_that_diverged_never_comes_there_and_a_failed_one_says_nothing(study):
    ablation = loaded(study.factorial().lose(0, 2000, "diverged", 0.25).lose(0, 2001, "failed", 0.25))
    kimg = kimg_to_quality(ablation, 0, threshold(ablation, 0))
    assert kimg[2000] == KIMG
    assert np.isnan(kimg[2001])
    assert kimg[2002] < KIMG


def test_a_faster_beginning_is_measured_in_kimg(tmp_path):
    study = Ablated(tmp_path, faster=3.0, seeds=SEEDS).factorial()
    ablation = loaded(study)
    found = compare(ablation, contrast(ablation.designs[0], "init"), "kimg_to_quality").improvement
    # 1.25 times the end is where 3 (exp(-t/20) - exp(-4)) is 1/4: at 45.8 kimg, and at a third of that plus a little.
    slow, fast = 20 * -np.log(1 / 12 + np.exp(-4)), 20 / 3 * -np.log(1 / 12 + np.exp(-12))
    assert found.value == pytest.approx(slow - fast, abs=2.5)
