import pytest
import yaml

from ignm.errors import IgnmError
from search.study.folder import StudyFolder
from search.study.question import Budget, bundled_names, load_question
from search.study.record import read_question, record_question

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
        ({"fix": {"optim.bach": 3}}, r"optim.bach: unknown key \(did you mean 'batch'\?\)"),
        ({"fix": {"optim.batch": 1}}, r"optim.batch: .*greater than or equal to 2"),
        ({"fix": {"data.resolution": 64}}, r"fix: data.resolution is said once"),
        ({"fix": 3}, r"fix: .*dictionary"),
        ({"ablate": {"datasets": ["drawn@20"]}}, r"ablate.datasets.0: 'drawn@20' .* expected NAME@RESOLUTION"),
        ({"only": "loss"}, r"only: .*tuple"),
        ({"only": ["los"]}, r"only los: neither .* \(did you mean 'loss'\?\)"),
        ({"only": ["init"]}, r"no axis of this strategy; it has axes of data, structure, loss, optim"),
        ({"only": ["data"], "fix": {"augment.policy": None}}, r"every axis is fixed"),
        ({"fix": {"generator.width": 24}, "points": [{"generator.width": 64}]}, r"other paths differ"),
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


def test_lists_of_labels_can_be_set(tmp_path):
    question = load_question(write(tmp_path, set={"data.labels": ["smile"]}), {"fix.optim.batch": 32})
    assert question.base().data.labels == ("smile",)
    assert question.fix == {"optim.batch": 32}


@pytest.mark.parametrize("field", ["set", "fix"])
def test_changes_of_what_is_not_a_mapping_are_told(tmp_path, field):
    with pytest.raises(IgnmError, match=f"{field}: expected a mapping"):
        load_question(write(tmp_path, **{field: 3}), {f"{field}.optim.batch": 32})


def test_what_is_fixed_is_in_the_base_and_not_searched(tmp_path):
    whole = load_question(write(tmp_path, set={"generator.width": 32}))
    fixed = load_question(write(tmp_path, set={"generator.width": 32}), fix={"generator.width": 24, "optim.batch": 16})
    assert (fixed.base().generator.width, fixed.base().optim.batch) == (24, 16)
    assert set(whole.load_space().paths) - set(fixed.load_space().paths) == {"generator.width"}


def test_only_some_strategies_and_paths_are_searched(tmp_path):
    paths = load_question(write(tmp_path), only=["loss", "optim.generator.lr"]).load_space().paths
    assert paths == ["loss.adversarial", "optim.generator.lr"]


def test_what_is_narrowed_on_the_way_adds_to_the_files_own(tmp_path):
    path = write(tmp_path, fix={"generator.width": 24, "augment.policy": None}, only=["structure"])
    question = load_question(path, fix={"generator.width": 32})
    assert question.fix == {"generator.width": 32, "augment.policy": None}
    assert {axis.strategy for axis in question.load_space().axes} == {"structure"}
    assert load_question(path, only=["optim"]).load_space().paths == ["optim.generator.lr", "optim.discriminator.lr"]


def test_axes_that_a_fixed_value_rules_out_are_not_searched(tmp_path):
    question = load_question(write(tmp_path, space="first"), fix={"discriminator.normalisation": "batch"})
    assert not {"loss.penalty", "loss.gamma"} & set(question.load_space().paths)
    with pytest.raises(IgnmError, match=r"no axis of it exists for this base\n  loss.gamma exists only with"):
        load_question(write(tmp_path, space="first"), only=["loss.gamma"])


def test_values_that_a_fixed_value_rules_out_are_not_searched(tmp_path):
    path = write(tmp_path, preset="wgan-gp", space="full")
    axes = {axis.path: axis.domain for axis in load_question(path, fix={"loss.penalty": "r1"}).load_space().axes}
    assert "batch" not in axes["discriminator.normalisation"]
    assert "loss.gamma" in axes
    assert not {"loss.penalty", "loss.clip"} & axes.keys()


def test_known_points_keep_what_is_still_searched(tmp_path):
    points = [
        {"loss.adversarial": "hinge", "generator.width": 32},
        {"generator.width": 24},
        {"discriminator.normalisation": None, "loss.penalty": "r1", "loss.gamma": 0.1},
    ]
    path = write(tmp_path, space="first", points=[points[0], {"generator.width": 48}, points[2]])
    assert load_question(path).points[0] == points[0]
    # The last point's penalty cannot do with the baseline's batch normalisation, and the second has no loss to keep.
    assert load_question(path, only=["loss"]).points == ({"loss.adversarial": "hinge"},)
    assert load_question(path, fix={"generator.width": 64}).points == ({"loss.adversarial": "hinge"}, points[2])
    with pytest.raises(IgnmError, match=r"does not contain the config: generator.width=1000"):
        load_question(write(tmp_path, points=[{"generator.width": 1000}]), only=["optim"])


def test_a_narrowed_question_is_read_back_from_its_record(tmp_path):
    question = load_question(write(tmp_path), fix={"generator.width": 24, "augment.policy": None}, only=["structure"])
    record = tmp_path / "study.yaml"
    record.write_text(yaml.safe_dump({"name": "mine", "question": question.model_dump(mode="json"), "axes": []}))
    assert load_question(str(record)) == question


def facts(question):
    return {"fingerprint": "f", "name": question.data.name}


def test_a_study_narrowed_otherwise_is_another_study(tmp_path):
    folder = StudyFolder(tmp_path / "mine")
    asked = load_question(write(tmp_path), fix={"augment.policy": None}, only=["structure", "data"])
    record_question(folder, asked, {}, facts(asked))
    record_question(folder, asked, {}, facts(asked))
    for fix, only, told in (
        ({"augment.policy": "diffaugment"}, ["structure"], "fix.augment.policy: None -> diffaugment"),
        ({"augment.policy": None}, ["optim"], r"only: \['structure', 'data'\] -> \['optim'\]"),
        ({}, ["structure", "data"], "the axes of the space"),
        ({"augment.policy": None, "generator.width": 24}, ["structure"], "fix.generator.width: None -> 24"),
    ):
        other = load_question(write(tmp_path), fix=fix, only=only)
        with pytest.raises(IgnmError, match=rf"holds another study(.|\n)*{told}"):
            record_question(folder, other, {}, facts(other))
    assert read_question(folder) == asked


def test_a_space_beside_the_study_is_found_from_anywhere(tmp_path, monkeypatch):
    (tmp_path / "own.yaml").write_text("axes:\n- {path: optim.batch, strategy: optim, int: [8, 64]}\n")
    monkeypatch.chdir("/")
    assert load_question(write(tmp_path, space="own.yaml")).load_space().name == "own"


def test_a_path_of_the_config_is_set_in_every_trial(tmp_path):
    study = write(tmp_path, set={"optim.batch": 64})
    question = load_question(study, {"optim.batch": 32, "data.mirror": True, "budget.kimg": 3})
    assert (question.base().optim.batch, question.base().data.mirror, question.budget.kimg) == (32, True, 3)
    with pytest.raises(IgnmError, match=r"its set: not valid\n  optim.bacth: unknown key \(did you mean 'batch'"):
        load_question(study, {"optim.bacth": 3})


@pytest.mark.parametrize("place", ["mine.yaml", "mine.yml", "studies/mine/study.yaml"])
def test_a_study_that_is_named_without_its_file_is_shown_it(tmp_path, monkeypatch, place):
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IgnmError, match=rf"did you mean {place}\?"):
        load_question("mine")


def test_only_what_was_mistaken_is_told(tmp_path):
    with pytest.raises(IgnmError) as told:
        load_question(write(tmp_path, budgt={"trials": 3}, ablate={"designs": ["leave_one_oot"]}))
    _, unknown, *rest = str(told.value).splitlines()
    assert "budgt: unknown key (did you mean 'budget'?)" in unknown
    assert any("'leave_one_oot' is not one of" in line and "did you mean 'leave_one_out'" in line for line in rest)
    assert not any("at least 1 item" in line for line in rest)


def test_rungs_and_measurements():
    budget = Budget(trials=4, kimg=64, first_rung=8, reduction=2)
    assert budget.rungs() == [8, 16, 32]
    assert budget.measure_at(64) == (8, 16, 24, 32, 40, 48, 56, 64)
    assert Budget(trials=1, kimg=10, reduction=3).rungs() == [1.25, 3.75]
    longer = budget.measure_at(128)
    assert longer[-1] == 128
    assert set(budget.rungs()) <= set(longer)


def test_files_are_found_from_where_they_were_named(tmp_path, monkeypatch):
    """In a study's file from its own folder, on the command line from the current one: trials run elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    study = write(tmp_path, set={"init.checkpoint": "runs/old"})
    assert load_question(study).base().init.checkpoint == str(tmp_path / "runs/old")
    for given in (
        load_question(study, {"set.init.checkpoint": "mine"}),
        load_question(study, fix={"init.checkpoint": "mine"}),
    ):
        assert given.base().init.checkpoint == str(elsewhere / "mine")
    absolute = str(tmp_path / "there")
    assert load_question(study, fix={"init.checkpoint": absolute}).base().init.checkpoint == absolute
