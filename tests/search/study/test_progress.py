"""How a stage stands, from folders made by hand."""

import pytest
from support.searching import asking
from support.studies import begun, measure, trial_of

from ignm.files import write_json
from search.study.folder import Status
from search.study.progress import ProgressReader, ablate_reader, confirm_reader, search_reader
from search.study.remaining import remaining, remaining_at_rest
from search.study.spending import Limit


@pytest.fixture
def folder(tmp_path, question):
    return begun(tmp_path, question)


def test_rungs_tell_how_many_came_there_and_who_is_best(folder, question):
    a = trial_of(folder, question, 0, (0.5, 9.0), (1.0, 5.0), (2.0, 4.0), status=Status.COMPLETED)
    b = trial_of(folder, question, 1, (0.5, 8.0), (1.0, 6.0), status=Status.PRUNED)
    c = trial_of(folder, question, 2, (0.5, 7.0))
    trial_of(folder, question, 3, (0.5, 1.0), status=Status.DIVERGED)
    rungs = search_reader(folder, question).read().rungs
    assert [(rung.kimg, rung.reached, rung.best) for rung in rungs] == [
        (0.5, 3, (c.name, 7.0)),
        (1.0, 2, (a.name, 5.0)),
        (2.0, 1, (a.name, 4.0)),
    ]
    assert b.name in {trial.name for trial in folder.all_trials()}


def test_the_best_may_still_run_and_may_not_have_diverged(folder, question):
    trial_of(folder, question, 0, (0.5, 9.0), status=Status.PRUNED)
    running = trial_of(folder, question, 1, (0.5, 8.0))
    trial_of(folder, question, 2, (0.5, 0.1), status=Status.DIVERGED)
    progress = search_reader(folder, question).read()
    assert progress.best == (running.name, 8.0, 0.51)
    assert progress.ended == {Status.PRUNED: 1, Status.DIVERGED: 1}
    assert [each.name for each in progress.running] == [running.name]


def test_a_trial_that_never_had_a_process_is_not_running(folder, question):
    trial_of(folder, question, 0, process=False)
    assert search_reader(folder, question).read().running == []


def test_a_trial_that_is_taken_up_again_runs_again(folder, question):
    trial = trial_of(folder, question, 0, (0.5, 9.0), status=Status.PRUNED)
    reader = search_reader(folder, question)
    assert reader.read().count_ended == 1
    (trial.path / "status.json").unlink()
    assert reader.read().count_ended == 0
    measure(trial, (0.5, 9.0), (2.0, 3.0))
    trial.end(Status.COMPLETED)
    assert reader.read().best[1] == 3.0


@pytest.mark.parametrize("name", ["status.json", "measurements.jsonl", "trial.json"])
def test_a_damaged_folder_is_named_and_passed_over(folder, question, name):
    whole = trial_of(folder, question, 0, (0.5, 9.0), status=Status.PRUNED)
    torn = trial_of(folder, question, 1, (0.5, 8.0), status=Status.PRUNED)
    (torn.path / name).write_text('{"status": ')
    progress = search_reader(folder, question).read()
    assert progress.unreadable == [torn.name]
    assert progress.best[0] == whole.name


def test_half_built_studies_are_read(folder, question):
    assert search_reader(folder, question).read().count_ended == 0
    (folder.trials / "search-0000-half").mkdir(parents=True)
    (folder.trials / "tuner.pkl").write_bytes(b"")
    progress = search_reader(folder, question).read()
    assert (progress.count_ended, progress.running, progress.best, progress.kimg_left) == (0, [], None, 0)
    assert confirm_reader(folder).read().total == 0


def test_what_is_left_is_what_waiting_and_running_trials_will_train(folder, question):
    trial_of(folder, question, 0, (0.5, 9.0), status=Status.PRUNED)
    trial_of(folder, question, 1, (1.0, 9.0), (2.0, 9.0), status=Status.COMPLETED)
    trial_of(folder, question, 2, (0.5, 9.0))
    progress = ProgressReader(folder, "search", 5, stops_early=True).read()
    mean = (0.51 + 2.01) / 2
    assert progress.kimg_left == pytest.approx(2 * mean + (mean - 0.51))
    assert progress.seconds_per_kimg == pytest.approx((5 / 0.51 + 20 / 2.01 + 5 / 0.51) / 3)
    at_rest = remaining_at_rest(progress, slots=2)
    assert at_rest.seconds == pytest.approx(progress.kimg_left * progress.seconds_per_kimg / 2)
    assert "2 slots" in at_rest.how


def test_a_search_that_stops_nothing_early_is_expected_to_train_its_whole_budget(folder, question):
    trial_of(folder, question, 0, (0.5, 9.0))
    assert search_reader(folder, question).read().expected_kimg == 1.0
    cost = asking(question, {"objectives": ("cost",)})
    assert search_reader(folder, cost).read().expected_kimg == 2.0


def test_the_soonest_end_counts(folder, question):
    trial_of(folder, question, 0, (1.0, 9.0), (2.0, 9.0), status=Status.COMPLETED)
    progress = ProgressReader(folder, "search", 3, stops_early=False).read()

    def hours(used):
        return [Limit("budget.gpu_hours", 10.0, used, "GPU-hours")]

    # 4 kimg are left, and 2 took 100 seconds.
    slow = remaining(progress, 2.0, 100.0, hours(1.0), hours(1.1))
    assert (slow.seconds, slow.how) == (pytest.approx(progress.kimg_left * 50), "at this run's speed")
    # 5 hours are left, and 4 went in 100 seconds.
    soon = remaining(progress, 2.0, 100.0, hours(1.0), hours(5.0))
    assert (soon.seconds, soon.how) == (pytest.approx(125), "until budget.gpu_hours is used up")
    assert remaining(progress, 0.0, 1.0, [], []) is None


def test_runs_say_for_whom_they_run_and_no_arm_is_the_best(folder, question):
    begun(folder.path.parent, question)
    write_json(
        folder.plan,
        {"candidates": [{"role": "candidate", "source": "search-0003"}, {"role": "baseline", "source": "dcgan"}]},
    )
    write_json(folder.ablation, {"arms": [{"number": 0, "name": "winner"}], "datasets": ["drawn@16"]})
    for name in ("confirm-00-29331fe0-s1000", "confirm-01-e89cad65-s1001", "ablate-00-29331fe0-s2000"):
        trial = folder.begin_trial(name, trial_of(folder, question, 9).spec(), {"number": 0, "parameters": {}})
        (trial.path / "process").write_text("host 1\n")
        measure(trial, (1.0, 5.0))
    confirm, ablate = confirm_reader(folder).read(), ablate_reader(folder).read()
    assert [each.what for each in confirm.running] == ["search-0003, seed 1000", "baseline dcgan, seed 1001"]
    assert str(ablate.running[0]) == "ablate-00-29331fe0-s2000 (winner, seed 2000)"
    assert (confirm.best is not None, ablate.best) == (True, None)
