"""The plan: what is run, in which order, on which seeds; kept, extended, and refused where it would mix two things."""

import json
import random
from dataclasses import replace

import pytest
from support.ablations import IMPROVED

from ignm.config import Config, flat, save_config
from ignm.errors import IgnmError
from search.confirming import FIRST_FRESH_SEED
from search.designs.plan import FIRST_REPORT_SEED, begin_runs, read_plan, run_name, wanted_runs
from search.study.folder import Status
from search.study.sections import Confirm


def noise(arm, seed):
    return random.Random(f"{arm['number']} {seed}").gauss(0, 1)


def noisy(arm, seed):
    """Arms that differ by chance alone."""
    return 30.0 + 5 * noise(arm, seed)


def clear(arm, seed):
    """Every arm far from every other."""
    return 100.0 - 9.0 * arm["number"] + 0.1 * noise(arm, seed)


def test_the_three_sets_of_seeds_share_none(by_hand, asking):
    plan = by_hand.plan(asking(seeds=3))
    assert plan["seeds"] == [2000, 2001, 2002]
    most = Confirm.model_fields["seeds"].metadata[1].le
    question = asking()
    assert question.seed < question.seed + FIRST_FRESH_SEED
    assert question.seed + FIRST_FRESH_SEED + most <= question.seed + FIRST_REPORT_SEED


def test_every_arm_has_the_same_seeds_budget_and_evaluation(by_hand, asking):
    question = asking(designs=["baselines", "factorial"])
    plan = by_hand.plan(question)
    runs = begin_runs(by_hand.folder, question, plan)
    specs = {(trial.label()["arm"], trial.spec().seed): trial.spec() for trial in runs}
    assert set(specs) == {(arm["number"], seed) for arm in plan["arms"] for seed in plan["seeds"]}
    assert {(each.kimg, each.measure_at, each.evaluation) for each in specs.values()} == {
        (2, question.budget.measure_at(2), question.evaluation)
    }


def test_an_arm_of_several_designs_is_run_once(by_hand, asking):
    plan = by_hand.plan(asking(designs=["baselines", "factorial", "half_factorial", "leave_one_out", "path"]))
    identities = [arm["config_id"] for arm in plan["arms"]]
    assert len(set(identities)) == len(identities) == 8
    assert [arm["number"] for arm in plan["arms"]] == list(range(8))
    whole = next(each["arm"] for each in plan["designs"][0]["arms"] if each["preset"] == "improved")
    assert {"without": None, "arm": whole} in plan["designs"][3]["arms"]
    for arm in plan["arms"]:
        assert Config.model_validate(arm["config"]).config_id == arm["config_id"]


def test_whole_seeds_come_before_the_next(by_hand, asking):
    question = asking(designs=["factorial"])
    plan = by_hand.plan(question)
    assert [seed for _, seed in wanted_runs(plan)] == [2000] * 8 + [2001] * 8
    names = [trial.name for trial in begin_runs(by_hand.folder, question, plan)]
    assert names == [run_name(arm, seed) for arm, seed in wanted_runs(plan)]
    assert names[9] == f"ablate-01-{plan['arms'][1]['config_id'][:8]}-s2001"


def test_what_is_done_is_kept(by_hand, asking):
    question = asking()
    plan, first = by_hand.step(question, clear)
    assert len(first) == 8
    again, second = by_hand.step(question, clear)
    assert second == []
    assert again["complete"]
    assert again["arms"] == plan["arms"]
    assert read_plan(by_hand.folder) == again


def test_undecided_comparisons_alone_get_more_seeds(by_hand, asking):
    """Two of the arms are alike but for noise; the others are far away."""

    def quality(arm, seed):
        if arm["name"] in ("dcgan+structure+loss", "ignm"):
            return 50.0 + 5 * noise(arm, seed)
        return 500.0 + noise(arm, seed)

    plan = by_hand.finish(asking(seeds=3, most_seeds=5), quality)
    seeds = {arm["name"]: arm["seeds"] for arm in plan["arms"]}
    assert seeds == {
        "dcgan+structure+loss": [2000, 2001, 2002, 2003, 2004],
        "dcgan+data+loss": [2000, 2001, 2002],
        "dcgan+data+structure": [2000, 2001, 2002],
        "ignm": [2000, 2001, 2002, 2003, 2004],
    }
    assert len(by_hand.runs) == len(set(by_hand.runs)) == 16
    told = {each["name"]: each for each in plan["designs"][0]["contrasts"]}
    assert not any(each["open"] for each in told.values())
    assert (told["data"]["seeds"], told["structure"]["seeds"]) == (5, 3)
    assert "limit of 5 seeds" in told["data"]["reason"]
    assert plan["seeds"] == [2000, 2001, 2002, 2003, 2004]


def test_an_open_main_effect_takes_the_whole_lattice_along(by_hand, asking):
    plan = by_hand.finish(asking(designs=["factorial"], seeds=3, most_seeds=4), noisy)
    assert {tuple(arm["seeds"]) for arm in plan["arms"]} == {(2000, 2001, 2002, 2003)}


def test_diverged_arms_are_results(by_hand, asking):
    plan = by_hand.finish(asking(seeds=3), lambda arm, seed: None if arm["number"] == 0 else clear(arm, seed))
    told = {each["name"]: each for each in plan["designs"][0]["contrasts"]}
    assert plan["complete"]
    assert (told["data"]["seeds"], told["data"]["lost"], told["data"]["open"]) == (0, 3, False)
    assert {trial.status() for trial in by_hand.folder.all_trials("ablate")} == {Status.COMPLETED, Status.DIVERGED}


def test_a_path_is_found_round_by_round(by_hand, asking):
    """Structure, then loss, then data; each round runs only what no round before has run."""
    worth = {"structure": 9.0, "loss": 4.0, "data": 1.0}

    def quality(arm, seed):
        on = set(worth) if arm["name"] == "ignm" else set(arm["name"].split("+")[1:])
        return 50.0 - sum(worth[name] for name in on) + 0.01 * (seed % 3)

    question = asking(designs=["path"])
    rounds = []
    for _ in range(4):
        plan, ended = by_hand.step(question, quality)
        rounds.append(len(ended))
    # Start and three changes; two; one; nothing. Two seeds each.
    assert rounds == [8, 4, 2, 0]
    told = plan["designs"][0]
    assert [each["taken"] for each in told["rounds"]] == ["structure", "loss", "data"]
    assert plan["arms"][told["start"]]["name"] == "dcgan"
    assert plan["arms"][told["rounds"][1]["tried"]["data"]]["name"] == "dcgan+data+structure"
    assert plan["complete"]


def test_a_plan_is_extended_by_what_is_new(by_hand, asking):
    by_hand.finish(asking(), clear)
    before = read_plan(by_hand.folder)
    plan, ended = by_hand.step(asking(designs=["factorial"], seeds=3), clear)
    # Arms of before keep their numbers and runs; the design asked for before stays.
    assert plan["arms"][:4] == [arm | {"seeds": [2000, 2001, 2002]} for arm in before["arms"]]
    assert [each["design"] for each in plan["designs"]] == ["leave_one_out", "factorial"]
    assert len(ended) == 4 * 1 + 4 * 3


def test_a_winner_that_has_changed_leaves_its_runs_and_no_design(by_hand, asking, tmp_path):
    question = asking(improved="winner", designs=["baselines"])
    with pytest.raises(IgnmError, match=r"ablate.improved: winner: .* has no winner yet.*--set ablate.improved=ignm"):
        by_hand.plan(question)
    assert not by_hand.folder.ablation.exists()
    save_config(IMPROVED, by_hand.folder.best / "config.yaml")
    plan, _ = by_hand.step(question, clear)
    winner = Config.model_validate(plan["arms"][1]["config"])
    at, there = flat(winner), flat(IMPROVED)
    assert {path for path in at if at[path] != there[path]} == {"data.name", "data.resolution"}
    save_config(IMPROVED.model_copy(update={"loss": question.base().loss}), by_hand.folder.best / "config.yaml")
    plan, ended = by_hand.step(question, clear)
    assert [each["arm"] for each in plan["designs"][0]["arms"]] == [0, 2]
    assert {number for number, _ in ended} == {2}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kimg": 4}, r"ablate.kimg: this study's ablation was asked for with 2, now 4; runs of different"),
        (
            {"smallest_effect": 0.2},
            r"ablate.smallest_effect: .* with 0.05, now 0.2; what is worth having is",
        ),
    ],
)
def test_what_would_mix_two_ablations_is_refused(by_hand, asking, changes, message):
    by_hand.plan(asking())
    before = by_hand.folder.ablation.read_bytes()
    with pytest.raises(IgnmError, match=message):
        by_hand.plan(asking(**changes))
    assert by_hand.folder.ablation.read_bytes() == before


def test_another_dataset_of_the_same_name_is_refused(by_hand, asking):
    by_hand.plan(asking())
    by_hand.facts["drawn@16"]["fingerprint"] = "g"
    with pytest.raises(IgnmError, match=r"drawn@16 or its reference is not what this study's ablation was begun with"):
        by_hand.plan(asking())


def test_an_arm_that_cannot_begin_stops_the_plan_before_it_is_written(by_hand, asking):
    def check(arm):
        raise IgnmError(f"{arm.name} cannot")

    with pytest.raises(IgnmError, match="cannot"):
        by_hand.plan(asking(), check)
    assert not by_hand.folder.path.exists()


def test_the_budget_is_the_confirm_runs_where_nothing_is_said(by_hand, asking):
    question = asking()
    assert by_hand.plan(question)["kimg"] == 2
    longer = question.model_copy(update={"confirm": question.confirm.model_copy(update={"kimg": 7.0})})
    other = replace_folder(by_hand, "longer")
    assert other.plan(longer)["kimg"] == 7
    # Where the confirm runs were shortened to what fits into their time, so are these.
    lowered = replace_folder(by_hand, "lowered")
    lowered.folder.path.mkdir()
    lowered.folder.plan.write_text(json.dumps({"kimg": 3.0}))
    plan = lowered.plan(longer)
    assert (plan["asked_kimg"], plan["kimg"]) == (7, 3)


def replace_folder(by_hand, name):
    other = type(by_hand)(by_hand.folder.path.parent)
    other.folder = replace(by_hand.folder, path=by_hand.folder.path.parent / name)
    return other
