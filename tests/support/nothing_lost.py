"""What a study must be after any fault, told from its files alone: nothing finished is lost, nothing trained twice."""

import json
from dataclasses import dataclass
from itertools import pairwise

import optuna
import yaml

LOST = ("diverged", "out_of_memory")
STATES = {"completed": "COMPLETE", "failed": "FAIL", **dict.fromkeys(("pruned", *LOST), "PRUNED")}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@dataclass
class Repeated:
    """kimg that each attempt but the first of its trial trained again; by trial."""

    by_trial: dict

    @property
    def each(self):
        return [kimg for attempts in self.by_trial.values() for kimg in attempts]

    def __str__(self):
        most = max(self.each, default=0.0)
        return f"{len(self.each)} times taken up again, {sum(self.each):.3f} kimg repeated, at most {most:.3f} at once"


def assert_nothing_lost(folder, ends=(), intervals=1):
    """Check a search that has come to its end; returns what was repeated.

    `ends` are ends that are expected beside completed and pruned; `intervals` between checkpoints may be repeated at
    once.
    """
    asked = yaml.safe_load((folder / "study.yaml").read_text())["question"]
    trials = sorted(path.parent for path in folder.glob("trials/search-*/label.json"))
    assert len(trials) == asked["budget"]["trials"]
    labels = [json.loads((trial / "label.json").read_text()) for trial in trials]
    assert len({label["config_id"] for label in labels}) == len(trials), "a config was tried twice"
    for trial in trials:
        assert_whole(trial, ("completed", "pruned", *ends))
    most = intervals * asked["resources"]["checkpoint_kimg"] + asked["set"]["optim.batch"] / 1000
    repeated = {trial.name: repeated_by(trial, most) for trial in trials}
    assert_optuna_agrees(folder, asked["name"])
    return Repeated(repeated)


def assert_whole(trial, ends):
    """Ended, measured at its points in order, each once; and nobody took it up after its end."""
    status = json.loads((trial / "status.json").read_text())["status"]
    assert status in ends, f"{trial.name}: {status}"
    spec = json.loads((trial / "trial.json").read_text())
    measured = lines(trial / "measurements.jsonl")
    assert [each["point"] for each in measured] == spec["measure_at"][: len(measured)]
    for before, after in pairwise(measured):
        assert before["kimg"] < after["kimg"]
        assert before["seconds"] < after["seconds"]
    if status in ("completed", "pruned"):
        assert measured
        assert (measured[-1]["point"] == spec["kimg"]) is (status == "completed")
    ended = (trial / "status.json").stat().st_mtime
    assert all(attempt["time"] <= ended for attempt in lines(trial / "attempts.jsonl"))


def repeated_by(trial, most):
    """What was trained again, at most `most` kimg at once; and it never went back behind where it had begun before."""
    attempts = lines(trial / "attempts.jsonl")
    again = [attempt["reached"] - attempt["kimg"] for attempt in attempts]
    assert all(kimg <= most + 1e-9 for kimg in again), f"{trial.name}: {again}"
    assert all(before["kimg"] <= after["kimg"] for before, after in pairwise(attempts))
    return again[1:]


def assert_optuna_agrees(folder, name):
    """Numbers, states, values and measurements are those of the folders, and nothing there is left open."""
    trials = optuna.load_study(study_name=name, storage=f"sqlite:///{folder}/optuna/study.db").trials
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED", "FAIL"}
    # One that went on as a finalist is there twice, and its last end counts.
    first, last = {}, {}
    for trial in trials:
        if "trial" in trial.user_attrs:
            first.setdefault(trial.user_attrs["trial"], trial)
            last[trial.user_attrs["trial"]] = trial
    assert first.keys() == {path.parent.name for path in folder.glob("trials/search-*/label.json")}
    for path in (folder / "trials" / name for name in first):
        assert_told(path, first[path.name], last[path.name])


def assert_told(path, first, last):
    status = json.loads((path / "status.json").read_text())["status"]
    measured = lines(path / "measurements.jsonl")
    assert first.number == json.loads((path / "label.json").read_text())["number"]
    assert last.params == json.loads((path / "label.json").read_text())["parameters"]
    assert last.state.name == STATES[status]
    if status == "completed":
        assert last.values == [measured[-1]["quality"]]
    assert last.intermediate_values == {round(1000 * each["point"]): each["quality"] for each in measured}
    assert all(value <= 0 for value in last.constraints.values()) is (status not in LOST)


def kept(folder):
    """What must never change again: the files of each ended trial."""
    return {path.parent.name: files_of(path.parent) for path in folder.glob("trials/*/status.json")}


def files_of(trial):
    names = ("status.json", "measurements.jsonl", "attempts.jsonl", "trial.json", "label.json")
    return {name: (trial / name).read_bytes() for name in names}


def assert_kept(before, folder):
    """What had ended is as it was; what went on as a finalist begins with all that it had been."""
    for name, files in before.items():
        trial = folder / "trials" / name
        if (trial / "pruned.json").exists() and b"pruned" in files["status.json"]:
            assert (trial / "pruned.json").read_bytes() == files["status.json"]
            now = {each: (trial / each).read_bytes() for each in files if each != "status.json"}
            assert all(content.startswith(files[each]) for each, content in now.items()), name
        else:
            assert files_of(trial) == files, name
