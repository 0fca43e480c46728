"""What Optuna is told, without Ray: each event of a trial's life, and a restart after each."""

import math

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.search import Searcher
from support.searching import Driver, open_optuna

from ignm.errors import IgnmError
from ignm.files import write_json
from search.searcher.study_search import StudySearch
from search.study.folder import Status
from search.study.results import collect


def opened(folder, question):
    return StudySearch(folder, question, question.load_space(), {"study": str(folder.path)})


def measured(folder, name, *qualities):
    lines = [f'{{"kimg": {0.5 * 2**i + 0.03}, "point": {0.5 * 2**i}, "quality": {q}}}' for i, q in enumerate(qualities)]
    (folder.trial(name).path / "measurements.jsonl").write_text("\n".join(lines))


def states(folder, question):
    return {t.user_attrs.get("trial"): t.state for t in open_optuna(folder, question).get_trials()}


def begin(search, tune_id="a"):
    return search.suggest(tune_id)["trial"]


def test_a_suggestion_is_a_folder_before_it_is_a_trial(folder, question):
    search = opened(folder, question)
    name = begin(search)
    trial = folder.trial(name)
    assert trial.status() is Status.RUNNING
    assert trial.spec().config.config_id.startswith(name.split("-")[2])
    assert trial.spec().seed == question.seed


def test_the_preset_is_tried_first(folder, question):
    search = opened(folder, question)
    assert folder.trial(begin(search)).spec().config == question.base()


def test_completed(folder, question):
    search = opened(folder, question)
    name = begin(search)
    measured(folder, name, 9, 5, 3)
    folder.trial(name).end(Status.COMPLETED)
    search.on_trial_complete("a", {"quality": 3})
    frozen = open_optuna(folder, question).trials[0]
    assert frozen.state is TrialState.COMPLETE
    assert frozen.value == 3
    assert frozen.intermediate_values == {500: 9, 1000: 5, 2000: 3}


def test_pruned_is_told_as_pruned_with_what_was_measured(folder, question):
    search = opened(folder, question)
    good, bad = begin(search, "a"), begin(search, "b")
    assert not search.should_prune("a", {"point": 0.5, "quality": 1.0})
    assert search.should_prune("b", {"point": 0.5, "quality": 2.0})
    measured(folder, bad, 2.0)
    search.on_trial_complete("b", {"quality": 2.0})
    assert states(folder, question) == {good: TrialState.RUNNING, bad: TrialState.PRUNED}
    assert folder.trial(bad).status() is Status.PRUNED


def test_rungs_survive_a_restart(folder, question):
    search = opened(folder, question)
    begin(search, "a")
    search.should_prune("a", {"point": 0.5, "quality": 1.0})
    again = opened(folder, question)
    first = begin(again, "x")
    begin(again, "y")
    assert folder.trial(first).label()["number"] == 0
    assert again.should_prune("y", {"point": 0.5, "quality": 2.0})


def test_a_trial_is_judged_at_a_rung_once_though_it_was_interrupted_there(folder, question):
    """It passed as one of two; by the time that it is taken up again, all that came since were better."""
    first = Driver(folder, question)
    names = [first.begin() for _ in range(6)]
    assert not first.measure(names[0], 5.0)
    for name, quality in zip(names[1:], (4.0, 3.0, 2.0, 1.0, 0.5), strict=True):
        assert not first.measure(name, quality)
    again = Driver(folder, question)
    assert [again.begin() for _ in names] == names
    kept = again.trial(names[0]).measurements()[0]
    assert not again.search.should_prune(again.keys[names[0]], kept)
    # Another one of that quality, judged now, is stopped.
    assert again.measure(again.begin(), 5.0)


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.OUT_OF_MEMORY])
def test_diverged_and_out_of_memory_count_as_bad_not_as_running_or_good(folder, question, status):
    search = opened(folder, question)
    for index, quality in enumerate((5.0, 4.0)):
        name = begin(search, str(index))
        measured(folder, name, quality, quality, quality)
        folder.trial(name).end(Status.COMPLETED)
        search.on_trial_complete(str(index), {"quality": quality})
    lost = begin(search, "lost")
    measured(folder, lost, 0.1)
    folder.trial(lost).end(status, "made to")
    search.on_trial_complete("lost", {"quality": math.inf})
    study = open_optuna(folder, question)
    assert study.trials[2].state is TrialState.PRUNED
    assert study.trials[2].user_attrs["status"] == status
    assert study.best_trial.value == 4.0
    _, worse = optuna.samplers._tpe.sampler._split_trials(study, study.get_trials(), 2)
    assert [t.number for t in worse] == [2]


def test_a_crash_is_a_failure_with_its_reason(folder, question):
    search = opened(folder, question)
    name = begin(search)
    (folder.trial(name).path / "process").write_text("somewhere 1")
    (folder.trial(name).path / "traceback.txt").write_text("Traceback ...\nRuntimeError: made to\n")
    folder.trial(name).end_failed()
    search.on_trial_complete("a", error=True)
    assert states(folder, question)[name] is TrialState.FAIL
    assert folder.trial(name).status() is Status.FAILED
    assert folder.trial(name).reason().endswith("RuntimeError: made to")


def test_a_trial_that_never_got_to_begin_is_left_for_another_run(folder, question):
    search = opened(folder, question)
    name = begin(search)
    search.on_trial_complete("a", error=True)
    assert folder.trial(name).status() is Status.RUNNING
    assert begin(opened(folder, question), "x") == name


def test_a_no_is_written_down_before_it_is_given(folder, question):
    """The driver may die between the pruner's answer and Tune's: the loser must not go on after a restart."""
    search = opened(folder, question)
    begin(search, "a")
    loser = begin(search, "b")
    search.should_prune("a", {"point": 0.5, "quality": 1.0})
    measured(folder, loser, 2.0)
    assert search.should_prune("b", {"point": 0.5, "quality": 2.0})
    again = opened(folder, question)
    assert states(folder, question)[loser] is TrialState.PRUNED
    assert begin(again, "x") != loser


def test_batches_that_overshoot_a_rung_meet_on_it(folder, question):
    search = opened(folder, question)
    begin(search, "a"), begin(search, "b")
    assert not search.should_prune("a", {"point": 0.5, "kimg": 0.512, "quality": 1.0})
    assert search.should_prune("b", {"point": 0.5, "kimg": 0.64, "quality": 2.0})
    steps = [set(t.intermediate_values) for t in open_optuna(folder, question).trials[:2]]
    assert steps == [{500}, {500}]


def test_a_known_point_killed_before_it_began_is_tried_again(folder, question):
    search = opened(folder, question)
    search._ot_study.ask()
    again = opened(folder, question)
    assert folder.trial(begin(again)).spec().config == question.base()


def test_a_point_that_the_config_refuses_costs_no_trial(folder, question, tmp_path):
    """Batch normalisation and a penalty are each allowed, and refused together."""
    path = tmp_path / "conflict.yaml"
    path.write_text(
        "axes:\n"
        "- {path: discriminator.normalisation, strategy: structure, choice: [batch, layer]}\n"
        "- {path: loss.penalty, strategy: loss, choice: [r1, null]}\n"
        "- {path: optim.generator.lr, strategy: optim, log_float: [1e-4, 1e-3]}\n"
    )
    asked = question.model_copy(update={"space": str(path)})
    search = opened(folder, asked)
    configs = [folder.trial(begin(search, str(i))).spec().config for i in range(12)]
    assert any(config.loss.penalty for config in configs)
    assert search.missing == asked.budget.trials
    refused = [t for t in open_optuna(folder, asked).trials if "refused" in t.user_attrs]
    assert refused
    assert all(t.state is TrialState.PRUNED for t in refused)


def test_an_end_told_twice_is_told_once(folder, question):
    search = opened(folder, question)
    name = begin(search)
    measured(folder, name, 9, 5, 3)
    folder.trial(name).end(Status.COMPLETED)
    search.on_trial_complete("a", {"quality": 3})
    search.on_trial_complete("a", error=True)
    assert states(folder, question)[name] is TrialState.COMPLETE


def test_restart_takes_up_the_unfinished_first_and_repeats_nothing(folder, question):
    search = opened(folder, question)
    names = [begin(search, key) for key in "abc"]
    measured(folder, names[0], 9, 5, 3)
    folder.trial(names[0]).end(Status.COMPLETED)  # ended, but its driver died before telling
    again = opened(folder, question)
    assert states(folder, question)[names[0]] is TrialState.COMPLETE
    assert [begin(again, key) for key in "xy"] == names[1:]
    assert begin(again, "z") not in names
    assert again.missing == question.budget.trials - 1


def test_killed_between_naming_and_writing_down_is_made_again(folder, question):
    search = opened(folder, question)
    name = begin(search)
    before = folder.trial(name).spec()
    for file in folder.trial(name).path.iterdir():
        file.unlink()
    folder.trial(name).path.rmdir()
    again = opened(folder, question)
    assert begin(again, "x") == name
    assert folder.trial(name).spec() == before


def test_killed_before_naming_leaves_nothing_waiting(folder, question):
    search = opened(folder, question)
    search._ot_study.ask()
    again = opened(folder, question)
    assert again.missing == question.budget.trials
    assert TrialState.RUNNING not in states(folder, question).values()


def test_a_restarted_sampler_does_not_repeat_itself(folder, question):
    search = opened(folder, question)
    first = {begin(search, str(i)) for i in range(4)}
    for name in first:
        folder.trial(name).end(Status.PRUNED)
    again = opened(folder, question)
    rates = [folder.trial(begin(again, str(i))).label()["parameters"]["optim.generator.lr"] for i in range(3)]
    before = [folder.trial(name).label()["parameters"]["optim.generator.lr"] for name in first]
    assert not set(rates) & set(before)


def test_closed_suggests_nothing_and_ends_what_was_left(folder, question):
    search = opened(folder, question)
    name = begin(search)
    again = opened(folder, question)
    again.close("budget.minutes was used up")
    again.end_unfinished()
    assert again.suggest("x") == Searcher.FINISHED
    assert (folder.trial(name).status(), folder.trial(name).reason()) == (Status.PRUNED, "budget.minutes was used up")
    assert states(folder, question)[name] is TrialState.PRUNED


def test_closed_by_hand_it_stops_trials_and_ends_none(folder, question):
    driver = Driver(folder, question)
    name = driver.begin()
    driver.search.close()
    assert driver.search.should_prune(driver.keys[name], {"point": driver.points[0], "quality": 3.0})
    assert folder.trial(name).status() is Status.RUNNING
    assert Driver(folder, question).begin() == name


def test_the_first_end_written_down_stands(folder, question):
    trial = folder.trial(begin(opened(folder, question)))
    trial.end(Status.DIVERGED, "first")
    trial.end(Status.PRUNED, "second")
    assert (trial.status(), trial.reason()) == (Status.DIVERGED, "first")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("status.json", '{"sta', "status.json: cannot be read"),
        ("status.json", '{"status": "sleeping"}', "unknown status 'sleeping'"),
        ("status.json", "[]", "damaged, or of another version"),
        ("label.json", "{}", "expected an object with number"),
        ("measurements.jsonl", '{"kimg": 1', "measurements.jsonl: cannot be read"),
        ("trial.json", '{"config": 3}', "trial.json: not valid"),
    ],
)
def test_damaged_trial_files_are_named(folder, question, name, text, expected):
    trial = folder.trial(begin(opened(folder, question)))
    (trial.path / name).write_text(text)
    with pytest.raises(IgnmError, match=expected):
        collect(folder)


def test_progress_of_a_torn_file_is_no_progress(folder, question):
    trial = folder.trial(begin(opened(folder, question)))
    (trial.path / "progress.json").write_text('{"kimg": 1')
    assert trial.kimg() == 0
    write_json(trial.path / "progress.json", {"kimg": 1.5, "time": 0})
    assert trial.kimg() == 1.5


def test_a_point_that_cannot_be_trained_on_the_dataset_costs_no_trial(folder, question):
    def check(config):
        if config.generator.width != 16:
            raise IgnmError("no labels for it here")

    search = StudySearch(folder, question, question.load_space(), {"study": str(folder.path)}, check)
    names = [begin(search, str(number)) for number in range(3)]
    assert {folder.trial(name).spec().config.generator.width for name in names} == {16}
    refused = [t for t in open_optuna(folder, question).trials if "refused" in t.user_attrs]
    assert refused
    assert all(t.user_attrs["refused"] == "no labels for it here" for t in refused)
    assert len(folder.all_trials("search")) == 3
