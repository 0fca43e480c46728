import numpy as np
import pytest
from support import ablated
from support.ablated import Ablated

from analysis.ablation.loading import load_ablation
from analysis.claims.claim import Claim
from analysis.claims.judging import judge_claims
from analysis.claims.paper import PAPER
from analysis.results import load_study

SEEDS = range(2000, 2010)
PLANTED = {"data": 10.0, "loss": 5.0}
LEVELS = {"wgan-gp": 95.0, "sagan": 90.0}


def judged(study, claims=PAPER):
    ablation = load_ablation(load_study(study.write()))
    return {judgement.claim.id: judgement for judgement in judge_claims(ablation, claims)}


def study_of(tmp_path, effects=PLANTED, variety={"structure": 0.2}, faster=3.0, levels=LEVELS, **options):  # noqa: B006
    return Ablated(tmp_path, effects, variety, faster, levels, **{"seeds": SEEDS} | options)


def test_what_was_planted_is_supported(tmp_path):
    found = judged(study_of(tmp_path).factorial().baselines("wgan-gp", "sagan"))
    assert {name: each.verdict for name, each in found.items()} == {
        "data": "supported", "structure": "supported", "pretraining": "supported", "improved": "supported",
    }  # fmt: skip
    assert [part.hypothesis.name for part in found["improved"].parts] == ["dcgan", "wgan-gp", "sagan"]


def test_nothing_planted_is_refuted_as_too_small(tmp_path):
    found = judged(study_of(tmp_path, {}, {}, 1.0, {"wgan-gp": 100.0}, smallest_effect=0.05).factorial())
    assert found["data"].verdict == "refuted"
    assert found["data"].parts[0].verdict.detail == "equivalent"


def test_the_opposite_is_refuted_as_worse(tmp_path):
    found = judged(study_of(tmp_path, {"data": -10.0}, {"structure": -0.2}, 0.7, {}).factorial())
    assert [found[name].verdict for name in ("data", "structure", "pretraining")] == ["refuted"] * 3
    assert found["data"].parts[0].verdict.detail == "worse"


def test_one_baseline_that_is_not_beaten_refutes_the_whole(tmp_path):
    found = judged(study_of(tmp_path, levels={"wgan-gp": 92.0, "sagan": 70.0}).baselines("wgan-gp", "sagan"))
    assert found["improved"].verdict == "refuted"
    assert [part.verdict.verdict for part in found["improved"].parts] == ["supported", "supported", "refuted"]


def test_a_baseline_that_was_not_asked_for_leaves_the_whole_open(tmp_path):
    found = judged(study_of(tmp_path).baselines("wgan-gp"))["improved"]
    assert found.verdict == "inconclusive"
    assert "not tested" in found.reason
    assert "ablate.baselines has no sagan" in found.parts[2].verdict.reason
    assert found.parts[0].family_size == 2


def test_too_much_noise_is_inconclusive_and_says_how_many_seeds_more(tmp_path):
    found = judged(study_of(tmp_path, {"data": 2.0}, noise=8.0, seeds=range(2000, 2004)).add_one_in())["data"]
    assert found.verdict == "inconclusive"
    assert found.parts[0].verdict.more_seeds > 4


def test_the_first_design_that_was_asked_for_decides_whatever_came_out(tmp_path):
    # Alone it harms, and to the others it adds: the lattice is named before leave-one-out in the claim.
    effects = {"data": -4.0, ("data", "loss"): 20.0}
    both = judged(study_of(tmp_path / "both", effects).add_one_in().leave_one_out())["data"]
    assert both.parts[0].hypothesis.design.design == "leave_one_out"
    assert both.verdict == "supported"
    alone = judged(study_of(tmp_path / "alone", effects).add_one_in())["data"]
    assert alone.verdict == "refuted"


def test_each_dataset_is_a_hypothesis_of_the_family(tmp_path):
    found = judged(study_of(tmp_path, datasets=("faces@32", "cats@32")).factorial())
    assert [part.hypothesis.dataset for part in found["data"].parts] == ["faces@32", "cats@32"]
    assert found["data"].parts[0].family_size == 6


def test_a_strategy_in_which_the_models_do_not_differ_is_not_tested(tmp_path):
    found = judged(study_of(tmp_path, strategies=("data", "structure", "loss")).factorial())["pretraining"]
    assert found.verdict == "inconclusive"
    assert not found.parts[0].tested
    assert "do not differ in init" in found.parts[0].verdict.reason
    assert found.parts[0].verdict.more_seeds is None


def test_initial_weights_alone_are_no_pretraining(tmp_path, monkeypatch):
    monkeypatch.setitem(ablated.PATHS, "init", ("generator.weights", "normal", "he"))
    found = judged(study_of(tmp_path).factorial())
    part = found["pretraining"].parts[0]
    assert (found["pretraining"].verdict, part.tested) == ("inconclusive", False)
    assert part.verdict.reason.startswith(
        "not tested: init changes generator.weights here, and none of init.checkpoint"
    )
    # What cannot be told is no hypothesis of the family either.
    assert found["data"].parts[0].family_size == 2


def test_the_smallest_effect_is_a_share_of_the_value_without(tmp_path):
    part = judged(study_of(tmp_path, smallest_effect=0.1).add_one_in())["data"].parts[0]
    assert part.smallest_effect == pytest.approx(0.1 * part.comparison.ground)


def test_seeds_added_while_looking_widen_the_interval(tmp_path):
    once = judged(study_of(tmp_path / "once").factorial())["data"].parts[0].verdict
    again = judged(study_of(tmp_path / "again", seeds=range(2000, 2010), most_seeds=14).factorial())["data"]
    assert again.parts[0].verdict.value == once.value
    assert again.parts[0].verdict.low < once.low


def test_arms_that_lost_most_of_their_runs_are_not_called_better_by_the_rest(tmp_path):
    study = study_of(tmp_path).add_one_in()
    for seed in range(2000, 2006):
        study.lose(study.number(["data"]), seed)
    found = judged(study)["data"].parts[0].verdict
    assert found.verdict == "inconclusive"
    assert "diverged" in found.reason
    assert found.lost == 6


def test_one_lost_run_of_many_arms_takes_nothing_back(tmp_path):
    study = study_of(tmp_path).factorial()
    study.lose(study.number(["data"]), 2000)
    found = judged(study)["data"].parts[0].verdict
    assert found.verdict == "supported"
    assert "worst value measured" in found.reason


def test_an_arm_that_diverged_on_every_seed_is_not_saved_by_more(tmp_path):
    study = study_of(tmp_path).add_one_in()
    for seed in SEEDS:
        study.lose(study.number(["data"]), seed)
    found = judged(study)["data"].parts[0].verdict
    assert (found.verdict, found.more_seeds) == ("inconclusive", None)


def test_ones_own_claim_on_a_sweep(tmp_path):
    study = study_of(tmp_path).sweep("generator.activation", {"relu": -6.0, "silu": None, "mish": 0.0})
    own = Claim(
        id="relu", text="ReLU is worse than SiLU", designs=("sweeps",), path="generator.activation",
        contrasts=("relu",), direction="worse", smallest_effect=0.03,
    )  # fmt: skip
    found = judged(study, [own])["relu"]
    assert found.verdict == "supported"
    assert found.parts[0].verdict.value == pytest.approx(6, abs=1.5)
    other = own.model_copy(update={"path": "generator.upsampling"})
    assert "generator.upsampling" in judged(study, [other])["relu"].parts[0].verdict.reason


@pytest.mark.parametrize(
    ("path", "gains", "contrast"),
    [
        ("discriminator.normalisation", {None: -6.0, "layer": None}, "null"),
        ("data.mirror", {True: -6.0, False: None}, "true"),
        ("augment.strength", {0.25: -6.0, 1.0: None}, "0.25"),
    ],
)
def test_a_sweeps_value_is_named_as_yaml_spells_it(tmp_path, path, gains, contrast):
    study = study_of(tmp_path).sweep(path, gains)
    own = Claim(
        id="own", text="The other value is worse", designs=("sweeps",), path=path, contrasts=(contrast,),
        direction="worse", smallest_effect=0.03,
    )  # fmt: skip
    assert judged(study, [own])["own"].verdict == "supported"


def test_without_an_ablation_every_claim_is_open(tmp_path):
    study = study_of(tmp_path)
    study.write()
    (tmp_path / "ablation.json").unlink()
    found = judge_claims(load_ablation(load_study(tmp_path)), PAPER)
    assert {each.verdict for each in found} == {"inconclusive"}
    assert all("no ablation" in part.verdict.reason for each in found for part in each.parts)


@pytest.mark.slow
def test_false_verdicts_of_a_family_are_rare(tmp_path):
    # Nothing is planted: each study may call none of three claims supported in more than 2.5 of 100.
    seeds, wrong = np.random.default_rng(3).integers(1e6, size=200), 0
    for seed in seeds:
        first = int(seed) * 10
        study = study_of(tmp_path / str(seed), {}, {}, 1.0, {}, seeds=range(first, first + 4)).add_one_in()
        wrong += any(each.verdict == "supported" for each in judged(study).values())
    # Binomial: 12 or more of 200 at 2.5% happens in under 1 of 100 cases.
    assert wrong < 12
