"""`ignm status` and `ignm stop` on studies made by hand: alive, silent, half-built, damaged."""

import json
import shlex

import pytest
from support.studies import begun, driven, trial_of

from ignm.files import write_json
from search.study.folder import Status
from search.study.question import load_question
from search.study.requests import BY_HAND, stop_requested


@pytest.fixture
def folder(tmp_path, question):
    return begun(tmp_path / "studies", question)


@pytest.fixture
def searched(folder, question):
    """Two trials ended, one in training."""
    trial_of(folder, question, 0, (0.5, 9.0), (1.0, 5.0), (2.0, 4.0), status=Status.COMPLETED)
    trial_of(folder, question, 1, (0.5, 8.0), status=Status.PRUNED)
    trial_of(folder, question, 2, (0.5, 7.0))
    return folder


FACTS = {
    "stage": "search",
    "slots": 3,
    "nodes": [
        {"name": "node-a", "cpus": 8.0, "gpus": 2.0, "alive": True},
        {"name": "node-b", "cpus": 8.0, "gpus": 2.0, "alive": False},
    ],
    "left": {"seconds": 3700.0, "how": "at this run's speed"},
}


def test_status_while_it_runs(ignm, searched):
    driven(searched, ago=2, facts=FACTS)
    write_json(searched.all_trials()[0].path / "slot.json", {"seconds": 7200, "cpu_hours": 4, "gpu_hours": 1.5})
    code, text = ignm("status", "small")
    assert code == 0
    assert "small driven by process 7 on far" in text
    assert "3 slots on" in text
    assert "node-a 8 2" in text
    assert "node-b 8 2 lost" in text
    assert "search 2/5: 1 completed, 1 pruned; best so far fd_scatter 4.00 (search-0000" in text
    assert "search-0002" in text
    assert "0.5 / 2 7.00" in text
    assert "0.5 kimg 3 7.00 search-0002" in text
    assert "2 kimg 1 4.00 search-0000" in text
    assert "search has about 1:01:40 left, at this run's speed" in text
    assert "1.5 GPU-hours" in text
    assert "winner: not confirmed yet" in text


def test_status_as_json_says_the_same(ignm, capsys, searched):
    driven(searched, ago=2, facts=FACTS)
    _, text = ignm("status", "small", "--json")
    told = json.loads(text)
    assert told["driver"]["alive"] is True
    assert told["go_on"] is None
    assert told["nodes"] == FACTS["nodes"]
    search = told["stages"]["search"]
    assert search["ended"] == {"completed": 1, "pruned": 1}
    assert [rung["reached"] for rung in search["rungs"]] == [3, 1, 1]
    assert search["best"]["quality"] == 4.0
    assert told["left"] == {"seconds": 3700.0, "how": "at this run's speed"}
    assert told["winner"] is None


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ({"ago": 120}, "its driver is silent since 2:00, and was probably lost (process 7 on far"),
        ({"ago": 5, "outcome": "stopped"}, "its driver stopped 0:05 ago"),
        ({"ago": 5, "outcome": "failed"}, "its driver failed 0:05 ago"),
        (None, "nobody drives it"),
    ],
)
def test_a_study_that_nobody_drives_says_how_to_go_on(ignm, searched, driver, expected):
    if driver is not None:
        driven(searched, command="search", address="auto", **driver)
    code, text = ignm("status", "small")
    assert code == 0
    assert expected in text
    assert "of training, at the speeds measured, with 1 slot" in text
    command = text.partition("go on with: ")[2].partition(" search ")[0]
    verb = "search" if driver else "run"
    assert text.partition("go on with: ")[2].startswith(f"ignm {verb} studies/small/study.yaml --storage studies")
    assert ("--address auto" in text) is (driver is not None)
    assert shlex.split(command)[0] == "ignm"


def test_the_study_s_own_record_is_the_same_question(ignm, folder, question):
    ignm("--version")  # to be where the command above would be given
    assert load_question("studies/small/study.yaml") == question


def test_spending_is_set_against_its_limits(ignm, tmp_path, question):
    budget = question.budget.model_copy(update={"minutes": 10.0, "money": 3.0})
    resources = question.resources.model_copy(update={"price": 2.0})
    folder = begun(tmp_path / "studies", question.model_copy(update={"budget": budget, "resources": resources}))
    trial = trial_of(folder, question, 0)
    write_json(trial.path / "slot.json", {"seconds": 3600, "cpu_hours": 1, "gpu_hours": 2})
    write_json(folder.path / "clock.json", {"search": 300})
    text = ignm("status", "small")[1]
    assert "2 GPU-hours, 4.00 in money" in text
    assert "budget.minutes 5 of 10 minutes" in text
    assert "budget.money 4 of 3 money, used up" in text


@pytest.mark.parametrize("name", ["status.json", "measurements.jsonl", "trial.json"])
def test_status_of_a_damaged_study_names_what_is_damaged(ignm, searched, name):
    torn = searched.all_trials()[1]
    (torn.path / name).write_text("{")
    code, text = ignm("status", "small")
    assert code == 0
    assert f"cannot be read: {torn.name}" in text
    assert "search-0000" in text


def test_status_of_a_study_that_has_only_begun(ignm, folder):
    code, text = ignm("status", "small")
    assert (code, "search 0/5: none ended yet" in text) == (0, True)
    (folder.path / "study.yaml").unlink()
    driven(folder)
    code, text = ignm("status", "small")
    assert (code, "is only being begun, by process 7 on far" in text) == (2, True)
    driven(folder, outcome="failed")
    assert "no study here" in ignm("status", "small")[1]


def test_watching_a_study_without_a_driver_is_one_look(ignm, searched):
    assert "search 2/5" in ignm("status", "small", "--watch")[1]


def test_watching_ends_with_the_driver(ignm, searched, monkeypatch):
    driven(searched, facts=FACTS)
    looks = []

    def sleep(seconds):
        looks.append(seconds)
        driven(searched, outcome="finished")

    monkeypatch.setattr("search.cli.watching.time.sleep", sleep)
    code, text = ignm("status", "small", "--watch")
    assert (code, len(looks)) == (0, 1)
    assert "its driver finished" in text


def test_stop_asks_the_driver(ignm, searched):
    driven(searched, facts=FACTS)
    code, text = ignm("stop", "small")
    assert code == 0
    assert "asked its driver (process 7 on far" in text
    assert "1 unfinished trial stop at their next measurement" in text
    assert stop_requested(searched.path)


def test_stopping_a_study_that_is_not_run_leaves_nothing(ignm, searched):
    driven(searched, outcome="finished")
    code, text = ignm("stop", "small")
    assert (code, "small is not being run" in text) == (0, True)
    assert not stop_requested(searched.path)


def test_stopping_a_trial_asks_for_it_alone(ignm, searched):
    driven(searched)
    trial = searched.all_trials()[2]
    code, text = ignm("stop", "small", "search-0002")
    assert (code, "ends at its next measurement" in text) == (0, True)
    assert stop_requested(trial.path)
    assert not stop_requested(searched.path)
    assert trial.status() is Status.RUNNING


def test_a_trial_of_a_study_that_is_not_run_ends_at_once(ignm, searched):
    trial = searched.all_trials()[2]
    code, text = ignm("stop", "small", trial.name)
    assert (code, "has ended, unfinished as it was" in text) == (0, True)
    assert (trial.status(), trial.reason()) == (Status.PRUNED, BY_HAND)


def test_an_ended_trial_keeps_its_end(ignm, searched):
    assert "has ended already: completed" in ignm("stop", "small", "search-0000")[1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("search-0009-deadbeef", "small has no such trial (did you mean 'search-000"),
        ("serch-0001", "did you mean 'search-0001"),
        ("search", "3 trials begin so"),
        ("nonsense", "see `ignm status studies/small`"),
    ],
)
def test_a_mistaken_trial_stops_nothing(ignm, searched, name, expected):
    driven(searched)
    code, text = ignm("stop", "small", "search-0002", name)
    assert (code, expected in text) == (2, True)
    assert not any(stop_requested(trial.path) for trial in searched.all_trials())


def test_a_folder_that_cannot_be_written_is_told(ignm, searched, monkeypatch):
    driven(searched)

    def refused(path, value):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("search.study.requests.write_json", refused)
    code, text = ignm("stop", "small")
    assert (code, "studies/small: cannot be written: Permission denied" in text) == (2, True)
