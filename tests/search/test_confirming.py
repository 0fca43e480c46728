import json

import pytest

from ignm.config import TrialSpec, override
from ignm.errors import IgnmError
from search.confirming import FIRST_FRESH_SEED, begin_runs, make_plan, ranked
from search.study.folder import Status, StudyFolder


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small").mkdir()
    return StudyFolder(tmp_path / "small")


def searched(folder, question, number, status, *measurements, overshoot=0.0):
    config = override(question.base(), {"optim.generator.lr": 1e-4 * (1 + number)})
    spec = TrialSpec(config=config, seed=0, kimg=2, measure_at=question.budget.measure_at(2))
    name = f"search-{number:04d}-{config.config_id[:8]}"
    trial = folder.begin_trial(
        name, spec, {"number": number, "parameters": {"optim.generator.lr": 1e-4 * (1 + number)}}
    )
    lines = [
        json.dumps({"kimg": k + overshoot, "point": k, "quality": q, "images_per_second": 100.0})
        for k, q in measurements
    ]
    (trial.path / "measurements.jsonl").write_text("\n".join(lines))
    trial.end(status)
    return trial


def test_ranking_compares_equal_budgets_before_qualities(folder, question):
    early = searched(folder, question, 0, Status.PRUNED, (0.5, 1.0))
    late = searched(folder, question, 1, Status.COMPLETED, (0.5, 9.0), (2, 5.0))
    best = searched(folder, question, 2, Status.COMPLETED, (2, 4.0))
    searched(folder, question, 3, Status.DIVERGED, (2, 0.1))
    assert ranked(folder) == [best, late, early]


def test_a_larger_batch_that_overshoots_is_no_better_for_it(folder, question):
    worse = searched(folder, question, 0, Status.COMPLETED, (2, 9.0), overshoot=0.048)
    better = searched(folder, question, 1, Status.COMPLETED, (2, 1.0), overshoot=0.016)
    assert ranked(folder) == [better, worse]


def test_the_plan_takes_the_best_and_the_baseline_on_fresh_seeds(folder, question):
    searched(folder, question, 0, Status.COMPLETED, (2, 5.0))
    best = searched(folder, question, 2, Status.COMPLETED, (2, 4.0))
    plan = make_plan(folder, question, slots=2)
    assert [(c["role"], c["source"]) for c in plan["candidates"]] == [("candidate", best.name), ("baseline", "dcgan")]
    assert plan["seeds"] == [FIRST_FRESH_SEED, FIRST_FRESH_SEED + 1]
    runs = begin_runs(folder, question, plan)
    assert len({run.name for run in runs}) == 4
    assert {run.spec().seed for run in runs} == set(plan["seeds"])
    assert {run.spec().kimg for run in runs} == {2}


def asking(question, **changes):
    return question.model_copy(update={"confirm": question.confirm.model_copy(update=changes)})


def test_a_plan_is_kept_and_extended_by_what_is_new(folder, question):
    searched(folder, question, 0, Status.COMPLETED, (2, 5.0))
    first = make_plan(folder, question, slots=2)
    assert make_plan(folder, question, slots=8) == first
    better = searched(folder, question, 2, Status.COMPLETED, (2, 1.0))
    more = make_plan(folder, asking(question, seeds=3), slots=2)
    assert more["candidates"][:2] == first["candidates"]
    assert [each["source"] for each in more["candidates"][2:]] == [better.name]
    assert more["seeds"] == [*first["seeds"], FIRST_FRESH_SEED + 2]
    assert more["kimg"] == first["kimg"]


def test_confirm_runs_of_another_length_are_refused(folder, question):
    searched(folder, question, 0, Status.COMPLETED, (2, 5.0))
    make_plan(folder, question, slots=2)
    with pytest.raises(IgnmError, match="different length cannot be compared"):
        make_plan(folder, asking(question, kimg=4), slots=2)


def test_one_configuration_found_twice_is_confirmed_once(folder, question):
    wanted = asking(question, top=3)
    first = searched(folder, question, 0, Status.COMPLETED, (2, 5.0))
    twin = folder.begin_trial("search-0009-twin", first.spec(), first.label())
    (twin.path / "measurements.jsonl").write_text((first.path / "measurements.jsonl").read_text())
    twin.end(Status.COMPLETED)
    assert len(make_plan(folder, wanted, slots=2)["candidates"]) == 2


@pytest.mark.parametrize(("minutes", "expected"), [(None, 2), (10, 2), (1 / 60, 0.5)])
def test_limited_time_lowers_the_budget_for_all_alike(folder, question, minutes, expected):
    wanted = asking(question, minutes=minutes)
    searched(folder, question, 0, Status.COMPLETED, (2, 5.0))
    plan = make_plan(folder, wanted, slots=2)
    assert plan["kimg"] == expected


def test_nothing_to_confirm_is_one_clear_error(folder, question):
    searched(folder, question, 0, Status.DIVERGED)
    with pytest.raises(IgnmError, match=r"nothing to confirm[\s\S]*search-0000.*diverged"):
        make_plan(folder, question, slots=2)
    assert not folder.plan.exists()
