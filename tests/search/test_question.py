import re
from pathlib import Path

import pytest
import yaml

from ignm.errors import IgnmError
from search.question import Budget, bundled_names, load_question

STUDY = {
    "data": {"name": "drawn", "resolution": 16},
    "space": "quick",
    "budget": {"trials": 5, "kimg": 2},
}


def write(tmp_path, **changes):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({**STUDY, **changes}))
    return str(path)


@pytest.mark.parametrize("name", bundled_names())
def test_bundled_studies_are_valid(name):
    question = load_question(name)
    assert question.name == name
    assert question.base().data.name == question.data.name


def test_a_study_is_named_by_its_file_and_changed_by_path(tmp_path):
    question = load_question(write(tmp_path), {"budget.trials": 7, "seed": 3})
    assert (question.name, question.budget.trials, question.seed) == ("mine", 7, 3)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"budjet": {}}, r"budjet: unknown key \(did you mean 'budget'\?\)"),
        ({"budget": {"trials": 0, "kimg": 2}}, r"budget.trials: .*greater than or equal to 1"),
        ({"budget": {"trials": 3}}, r"budget.kimg: required"),
        ({"budget": {"trials": 3, "kimg": 2, "first_rung": 4}}, r"first_rung must not be above kimg"),
        ({"data": {"name": "drawn", "resolution": 20}}, r"data.resolution: 20 is not one of"),
        ({"set": {"optim.bach": 3}}, r"optim.bach: unknown key \(did you mean 'batch'\?\)"),
        ({"space": "quik"}, r"did you mean 'quick'"),
        ({"preset": "dcgann"}, r"did you mean 'dcgan'"),
        ({"points": [{"generator.width": 1000}]}, r"does not contain the config: generator.width=1000"),
        ({"name": "../up"}, r"name: .*pattern"),
        ({"set": {"data.resolution": 64}}, r"data.resolution is said once"),
        ({"set": 3}, r"set: .*dictionary"),
        ({"budget": 5}, r"budget: .*Budget"),
        ({"points": {"a": 1}}, r"points: "),
        ({"budget": {"trials": 3, "kimg": 0.001}}, r"budget.kimg: .*0.01"),
        ({"evaluation": {"seed": -1}}, r"evaluation.seed: .*greater than or equal to 0"),
    ],
)
def test_faults_are_told_by_path(tmp_path, changes, expected):
    with pytest.raises(IgnmError, match=expected):
        load_question(write(tmp_path, **changes))


def test_neither_a_file_nor_a_bundled_name():
    with pytest.raises(IgnmError, match=r"did you mean 'quick'"):
        load_question("quikc")


def test_a_studys_own_record_is_a_study(tmp_path):
    record = tmp_path / "study.yaml"
    question = load_question(write(tmp_path))
    record.write_text(yaml.safe_dump({"name": "mine", "question": question.model_dump(mode="json"), "axes": []}))
    assert load_question(str(record)) == question


def test_values_under_set_are_changed_by_their_own_dotted_path(tmp_path):
    assert load_question(write(tmp_path), {"set.optim.batch": 32}).set == {"optim.batch": 32}


def test_a_space_beside_the_study_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "own.yaml").write_text("axes:\n- {path: optim.batch, strategy: optim, int: [8, 64]}\n")
    monkeypatch.chdir("/")
    assert load_question(write(tmp_path, space="own.yaml")).load_space().name == "own"


def test_the_readmes_examples_are_valid(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", (Path(__file__).parents[2] / "README.md").read_text(), re.DOTALL)
    study, space = blocks
    (tmp_path / "mine.yaml").write_text(study)
    (tmp_path / "own.yaml").write_text(space)
    question = load_question(str(tmp_path / "mine.yaml"), {"space": str(tmp_path / "own.yaml")})
    assert {axis.path for axis in question.load_space().axes} >= {"loss.penalty", "loss.gamma"}


def test_rungs_and_measurements():
    budget = Budget(trials=4, kimg=64, first_rung=8, reduction=2)
    assert budget.rungs() == [8, 16, 32]
    assert budget.measure_at(64) == (8, 16, 24, 32, 40, 48, 56, 64)
    assert Budget(trials=1, kimg=10, reduction=3).rungs() == [1.25, 3.75]
    longer = budget.measure_at(128)
    assert longer[-1] == 128
    assert set(budget.rungs()) <= set(longer)
