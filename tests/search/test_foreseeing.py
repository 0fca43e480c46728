"""The dry run: what it foresees, and that it leaves nothing behind."""

import re

import pytest
import yaml
from support.studies import begun, trial_of

from ignm.files import write_json
from ignm.models.shape import DataShape
from search.displaying.durations import in_units
from search.fixed_costs import AT_MOST, BEGINNING, PROCESS, REPORT, SLOWER, STAGE, TRIAL, WINNER
from search.relative_cost import RelativeCost, relative_cost
from search.stage_plans import Span, expected_kimg, expected_measurements, plan_confirm, plan_search, waves
from search.study.folder import Status, StudyFolder
from search.study.question import Question
from search.study.sections import Budget
from search.timing import Speed, known_speed


@pytest.fixture
def dry_run(ignm, home, monkeypatch, tmp_path, small_study):
    """`ignm run --dry-run` of the small study, changed; fails where Ray is started or anything is written."""
    import ray

    def run(*arguments, command="run", **changes):
        monkeypatch.setenv("IGNM_HOME", str(home))
        monkeypatch.setattr(ray, "init", lambda *a, **k: pytest.fail("started Ray"))
        monkeypatch.setattr("search.timing.TRY_SECONDS", 0.05)
        monkeypatch.setattr("search.running.capacity.os.cpu_count", lambda: 4)
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_study | changes))
        before = files(tmp_path), files(home)
        result = ignm(command, "small.yaml", "--dry-run", *arguments)
        assert (files(tmp_path), files(home)) == before
        return result

    return run


def files(root):
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("budget", "kimg"),
    [
        ({"kimg": 8, "first_rung": 1}, 1 + 1 / 2 + 2 / 4 + 4 / 8),
        ({"kimg": 9, "first_rung": 1, "reduction": 3}, 1 + 2 / 3 + 6 / 9),
        ({"kimg": 6, "first_rung": 2}, 2 + 2 / 2 + 2 / 4),
        ({"kimg": 5, "first_rung": 5}, 5),
    ],
)
def test_early_stopping_saves_what_it_should(budget, kimg):
    assert expected_kimg(Budget(trials=1, **budget), True) == pytest.approx(kimg)
    assert expected_kimg(Budget(trials=1, **budget), False) == budget["kimg"]


def test_a_study_is_foreseen_by_a_try_and_nothing_is_left(dry_run):
    code, text = dry_run()
    assert code == 0, text
    assert "a dry run" in text
    assert "3 axes, 4 discrete combinations, 1 continuous dimension" in text
    assert "search: 5 trials of 2 kimg, the best 1 in 2 going on at 0.5, 1; 10 kimg at most, about 5 expected" in text
    assert "confirm: 4 runs of 2 kimg (2 fresh seeds each)" in text
    assert "here: 4 slots, 1 CPU each" in text
    speed = r"speed: [0-9.e-]+ s for a kimg in a slot and [0-9.e-]+ s for a measurement of 64 images, tried out on \d+"
    assert re.search(speed + " images on CPU", text)
    assert "set resources.price to have it in money" in text


@pytest.mark.parametrize("objectives", [["cost"], ["diversity"], ["quality", "cost"]])
def test_no_saving_is_promised_where_nothing_is_stopped_early(dry_run, objectives):
    code, text = dry_run(command="search", suggesting={"objectives": objectives})
    assert code == 0, text
    assert "search: 5 trials of 2 kimg, none stopped early; 10 kimg at most, about 10 expected" in text


def test_search_alone_confirms_nothing(dry_run):
    text = dry_run(command="search")[1]
    assert "search takes about" in text
    assert "confirm" not in text


def measured(tmp_path, small_study, name, seconds, **changes):
    """A study of that name with one trial that held its slot for so long, for 2.01 kimg."""
    question = Question.model_validate(small_study | {"name": name} | changes)
    folder = begun(tmp_path / "studies", question)
    trial = trial_of(folder, question, 0, (0.5, 9.0), (2.0, 8.0), status=Status.COMPLETED)
    write_json(trial.path / "slot.json", {"seconds": seconds, "cpu_hours": seconds / 3600, "gpu_hours": 0})
    return folder


def test_an_earlier_study_tells_the_speed_and_the_cost(dry_run, tmp_path, small_study):
    measured(tmp_path, small_study, "earlier", 2010)
    code, text = dry_run("--set", "resources.price=0.5", "--set", "budget.trials=8")
    assert code == 0, text
    # 20 s of training for 2.01 kimg; 995 s beside for each of two measurements.
    kimg, measuring = 20 / 2.01, 995
    assert "9.95 s for a kimg in a slot and 995 s for a measurement of 64 images, measured in 1 trial" in text
    assert "measured in 1 trial of studies/earlier" in text
    # 8 trials of 1 kimg and 3 measurements expected, of 2 and 7 at most; 4 slots; 4 confirm runs of 2 kimg at once.
    whole = 2 * kimg + 7 * measuring
    search = whole + 2 * TRIAL + STAGE + PROCESS
    confirm = whole + TRIAL + STAGE + PROCESS + WINNER
    assert f"search takes about {in_units(search)}, at most" in text
    assert f"confirm takes about {in_units(confirm)}, at most" in text
    assert f"in all about {in_units(BEGINNING + search + confirm + REPORT)}, at most" in text
    hours = (8 * (kimg + 3 * measuring) + 4 * whole) / 3600
    most = SLOWER * 12 * whole / 3600
    assert f"about {hours:.3g} CPU-hours, at most {most:.3g}" in text
    assert f"in money about {hours / 2:.2f}, at most {most / 2:.2f}" in text


def test_a_study_that_trains_or_measures_otherwise_tells_no_speed(tmp_path, small_study, question):
    own = StudyFolder(tmp_path / "studies" / question.name)
    measured(tmp_path, small_study, "more-images", 9, evaluation={"images": 640})
    measured(tmp_path, small_study, "more-metrics", 9, evaluation={"images": 64, "metrics": ["precision"]})
    measured(tmp_path, small_study, "wider", 9, set=small_study["set"] | {"generator.width": 64})
    measured(tmp_path, small_study, "less-varied", 9, only=["generator.width"])
    assert known_speed(question, own) is None
    measured(tmp_path, small_study, "other-images", 220, data={"name": "painted", "resolution": 16})
    known = known_speed(question, own)
    assert (known.seconds_per_kimg, known.measuring) == (pytest.approx(20 / 2.01), pytest.approx(100))


def test_at_most_counts_the_slowest_trial_and_a_busy_machine(question):
    speed = Speed(1.0, 4.0, 0.5, "made up")
    plan = plan_search(question, 0, speed, 2)
    assert plan.wall.most == pytest.approx(3 * 4 * (2 + 7 * 0.5) * SLOWER + (3 * TRIAL + STAGE + PROCESS) * AT_MOST)
    assert plan.wall.expected == pytest.approx(2.5 * (1 + 3 * 0.5) + 3 * TRIAL + STAGE + PROCESS)
    # A limit of 2 s ends it at the next measurements, half a kimg further.
    late = plan.ending(2.0)
    assert late.most == pytest.approx(2 + 4 * (0.5 + 0.5) * SLOWER + STAGE * AT_MOST)
    assert late.expected == 2 + STAGE


def test_confirm_runs_are_shortened_to_the_time_asked_for(question):
    timed = question.model_copy(update={"confirm": question.confirm.model_copy(update={"kimg": 90, "minutes": 1})})
    plan = plan_confirm(timed, None, 0, Speed(1.0, 1.0, 0.0, "made up"), 2)
    assert plan.kimg_each == 25  # 0.85 of 60 s for two runs one after another
    assert plan.wall.expected == pytest.approx(50 + 2 * TRIAL + STAGE + PROCESS + WINNER)


def test_each_round_of_more_seeds_begins_processes_anew():
    once, thrice = (waves(4, 2, Span(10, 20), rounds) for rounds in (1, 3))
    assert once == Span(20 + 2 * TRIAL + STAGE + PROCESS, 40 + (2 * TRIAL + STAGE + PROCESS) * AT_MOST)
    assert thrice.most - once.most == pytest.approx(2 * PROCESS * AT_MOST)


def test_measurements_become_as_few_as_kimg_with_early_stopping():
    budget = Budget(trials=1, kimg=8, first_rung=1)
    assert budget.measure_at(8) == (1, 2, 3, 4, 5, 6, 7, 8)
    assert expected_measurements(budget, True) == 1 + 1 / 2 + 2 / 4 + 4 / 8
    assert expected_measurements(budget, False) == 8


def test_configs_of_a_space_are_dearer_than_the_base_as_what_they_compute(question):
    base = question.base()
    rates = question.load_space().only(["optim"])
    assert relative_cost(rates, base, DataShape(3, (), 0)) == RelativeCost(1.0, 1.0)
    widths = relative_cost(question.load_space().only(["generator.width"]), base, DataShape(3, (), 0))
    assert 1.0 < widths.mean < widths.most < 4.0
    assert widths == relative_cost(question.load_space().only(["generator.width"]), base, DataShape(3, (), 0))


def test_only_studies_of_this_resolution_tell_the_speed(tmp_path, small_study, question):
    own = StudyFolder(tmp_path / "studies" / question.name)
    assert known_speed(question, own) is None
    measured(tmp_path, small_study, "larger", 9, data={"name": "drawn", "resolution": 32})
    assert known_speed(question, own) is None
    measured(tmp_path, small_study, "same", 220)
    assert known_speed(question, own).measuring == pytest.approx(100)
    measured(tmp_path, small_study, "small", 420)  # its own trials come first
    assert known_speed(question, own).measuring == pytest.approx(200)


@pytest.fixture
def recorded(tmp_path, question, home):
    """The small study as its driver records it, of the very dataset, and without a trial."""
    from ignm.data.store import open_dataset
    from search.study.record import facts_of, record_question

    folder = StudyFolder(tmp_path / "studies" / question.name)
    facts = facts_of(open_dataset("drawn", 16, home / "data"))
    record_question(folder, question, {"name": "fd_scatter", "reference_id": "r", "images": 64}, facts)
    return folder


def test_the_confirm_stage_alone_is_foreseen_by_what_the_search_found(dry_run, recorded, question):
    code, text = dry_run(command="confirm")
    assert (code, "nothing to confirm, no trial of the search was measured" in text) == (2, True), text
    trial = trial_of(recorded, question, 0, (2.0, 9.0), status=Status.COMPLETED)
    write_json(trial.path / "slot.json", {"seconds": 2010, "cpu_hours": 1, "gpu_hours": 0})
    code, text = dry_run(command="confirm")
    assert code == 0, text
    # What was found is the preset itself, which needs no baseline beside it.
    assert "confirm: 2 runs of 2 kimg (2 fresh seeds each)" in text
    # 20 s of training for 2.01 kimg, 1,990 s beside for its one measurement; a run has seven.
    assert "9.95 s for a kimg in a slot and 1,990 s for a measurement of 64 images, measured in 1 trial" in text
    whole = 2 * 20 / 2.01 + 7 * 1990
    assert f"confirm takes about {in_units(whole + TRIAL + STAGE + PROCESS + WINNER)}, at most" in text
    assert f"cost: about {2 * whole / 3600:.3g} CPU-hours" in text
    assert "search:" not in text
    trial_of(recorded, question, 0, (2.0, 9.0), stage="confirm", status=Status.COMPLETED)
    assert "confirm: 2 runs (1 of them ended) of 2 kimg" in dry_run(command="confirm")[1]


def test_trials_that_have_ended_cost_nothing_more(dry_run, recorded, question):
    folder = recorded
    for number in range(3):
        trial_of(folder, question, number, (0.5, 9.0), status=Status.PRUNED)
    text = dry_run()[1]
    assert "search: 5 trials (3 of them ended) of 2 kimg" in text
    assert "4 kimg at most" in text
    for number in range(3, 5):
        trial_of(folder, question, number, (2.0, 9.0), status=Status.COMPLETED)
    for number in range(4):
        trial_of(folder, question, number, (2.0, 9.0), stage="confirm", status=Status.COMPLETED)
    text = dry_run()[1]
    assert "search: 5 trials (5 of them ended) of 2 kimg" in text
    assert "confirm: 4 runs (4 of them ended) of 2 kimg (2 fresh seeds each)" in text
    assert "takes about" not in text


def test_a_limit_that_will_end_the_search_is_named(dry_run, tmp_path, small_study):
    measured(tmp_path, small_study, "earlier", 2010)
    budget = small_study["budget"] | {"minutes": 5, "gpu_hours": 100}
    text = dry_run(budget=budget)[1]
    assert "limit budget.minutes: 5 minutes, 0 used; it will probably end the search" in text
    assert "limit budget.gpu_hours: 100 CPU-hours, 0 used" in text
    assert text.count("it will probably") == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--set", "data.name=nobody"), "no dataset 'nobody'"),
        (("--set", "budget.money=3"), "set resources.price"),
        (("--set", "resources.cpus=64"), "a trial takes 64 CPU(s)"),
        (("--set", "evaluation.split=test"), "holds 0 images out"),
        (("--set", "budget.trails=3"), "did you mean 'trials'?"),
    ],
)
def test_a_bad_question_fails_as_when_it_is_run(dry_run, arguments, expected):
    code, text = dry_run(*arguments)
    assert (code, expected in text) == (2, True), text


def test_another_study_of_this_name_is_found(dry_run, tmp_path, small_study):
    begun(tmp_path / "studies", Question.model_validate(small_study | {"seed": 9}))
    code, text = dry_run()
    assert (code, "seed: 9 -> 0" in text) == (2, True), text
