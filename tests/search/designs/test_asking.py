"""The question's `ablate` section: what may be said, and how what may not is told."""

import pytest
import yaml

from ignm.config import load_preset, override, save_config
from ignm.errors import IgnmError
from search.designs.terms import SWEPT, ablate_of, improved_model, stand_in, terms_of
from search.study.folder import StudyFolder
from search.study.question import Question, load_question


@pytest.fixture
def question_of(tmp_path, small_study):
    """The small study's question as read from a file, with this `ablate` section."""

    def read(ablate, **changes):
        path = tmp_path / "studies" / "small.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(small_study | {"ablate": ablate} | changes))
        return load_question(str(path))

    return read


def terms(question, folder=None):
    return terms_of(question, improved_model(question, folder))


@pytest.mark.parametrize(
    ("ablate", "message"),
    [
        ({"designs": ["factorail"]}, r"ablate.designs.0: 'factorail' is not one of .*'factorial'"),
        ({"designs": []}, r"ablate.designs: .*at least 1 item"),
        ({"designs": ["path", "path"]}, r"ablate.designs: each may be named once"),
        ({"improved": "ignmm"}, r"ablate.improved: 'ignmm' is neither a preset .* \(did you mean 'ignm'\?\)"),
        ({"baselines": ["dcgan", "sgan"]}, r"ablate.baselines.1: 'sgan' is neither .*did you mean 'sagan'"),
        ({"baselines": ["dcgan"], "starts": ["sagan"]}, r"ablate: starts: sagan must be among baselines too"),
        ({"starts": ["sagan"]}, r"ablate: starts: sagan must be among baselines too"),
        ({"datasets": ["faces"]}, r"ablate.datasets.0: .*expected NAME@RESOLUTION"),
        ({"seeds": 5, "most_seeds": 4}, r"ablate: most_seeds must not be below seeds \(5\), not 4"),
        ({"kimg": 0}, r"ablate.kimg: "),
        ({"smallest_effect": 1.5}, r"ablate.smallest_effect: .*less than 1"),
        ({"sweep": ["generator.activaton"]}, r"ablate.sweep.0: .*did you mean 'generator.activation'"),
        ({"sweep": ["data.name"]}, r"ablate.sweep.0: 'data.name': the config has no such path to vary"),
        ({"sees": 3}, r"ablate.sees: unknown key \(did you mean 'seeds'\?\)"),
    ],
)
def test_what_cannot_be_asked_names_its_field(question_of, ablate, message):
    with pytest.raises(IgnmError, match=message):
        question_of(ablate)


@pytest.mark.parametrize(
    ("ablate", "message"),
    [
        ({"improved": "none.yaml"}, r"ablate.improved: .*none.yaml: no such file"),
        ({"improved": "ignm", "baselines": ["sagan"]}, r"ablate.baselines: [\s\S]*no 16x16 map"),
        ({"improved": "ignm", "sweep": ["ema.ramp", "data.synthetic.seed"]}, r"ablate.sweep: data.synthetic.seed: no"),
    ],
)
def test_what_cannot_be_resolved_names_its_field(question_of, ablate, message):
    with pytest.raises(IgnmError, match=message):
        terms(question_of(ablate))


def test_without_a_section_there_is_nothing_to_run(question):
    with pytest.raises(IgnmError, match=r"has no `ablate` section.*--set ablate.improved=ignm"):
        ablate_of(question)


def test_what_is_not_said(question_of):
    question = question_of({"improved": "ignm"})
    asked = question.ablate
    assert asked.designs == ("baselines", "factorial", "leave_one_out")
    assert (asked.seeds, asked.most_seeds, asked.kimg, asked.smallest_effect) == (3, 10, None, 0.05)
    (only,) = terms(question)
    assert only.dataset == "drawn@16"
    assert [(model.name, model.config) for model in only.baselines] == [("dcgan", question.base())]
    assert only.starts == only.baselines
    assert only.sweep == SWEPT


def test_what_the_study_sets_holds_in_every_arm(question_of):
    question = question_of({"improved": "ignm", "baselines": ["dcgan", "wgan-gp"]}, fix={"ema.ramp": 0.0})
    (only,) = terms(question)
    for model in (*only.baselines, only.improved):
        config = model.config
        assert (config.optim.batch, config.generator.width, config.ema.ramp) == (32, 8, 0.0)
        assert (config.data.name, config.data.resolution) == ("drawn", 16)
    assert only.improved.config.loss.adversarial == "hinge"


def test_every_model_is_put_on_every_dataset(question_of):
    question = question_of({"improved": "ignm", "datasets": ["drawn@16", "embedded@32"]})
    found = terms(question)
    assert [each.dataset for each in found] == ["drawn@16", "embedded@32"]
    for each in found:
        for model in (*each.baselines, each.improved):
            assert f"{model.config.data.name}@{model.config.data.resolution}" == each.dataset


def test_a_model_that_does_not_fit_a_dataset_is_told_with_it(question_of):
    question = question_of({"improved": "sagan", "datasets": ["drawn@16"]}, data={"name": "drawn", "resolution": 32})
    with pytest.raises(IgnmError, match=r"ablate.improved: sagan cannot be trained on drawn@16: [\s\S]*16x16"):
        terms(question)


def test_files_are_found_beside_the_studys(question_of, tmp_path):
    (tmp_path / "studies").mkdir()
    save_config(override(load_preset("dcgan"), {"loss.lecam": 0.3}), tmp_path / "studies" / "mine.yaml")
    (only,) = terms(question_of({"improved": "mine.yaml", "baselines": ["dcgan", "mine.yaml"]}))
    assert [model.name for model in (*only.baselines, only.improved)] == ["dcgan", "mine", "mine"]
    assert only.improved.config.loss.lecam == 0.3
    assert only.improved.config == only.baselines[1].config


def test_the_winner_is_taken_as_it_is(question_of, tmp_path):
    """What the search found may differ at a path that the study sets for its presets."""
    question = question_of({"improved": "winner"})
    folder = StudyFolder(tmp_path / "small")
    wide = override(question.base(), {"generator.width": 16})
    save_config(wide, folder.best / "config.yaml")
    assert terms(question, folder)[0].improved.config == wide


def test_sweeps_go_by_the_studys_own_axes(question_of):
    (only,) = terms(question_of({"improved": "ignm", "sweep": ["generator.width", "loss.adversarial"]}))
    assert only.domains["generator.width"].values == (8, 16)
    assert "relativistic" in only.domains["loss.adversarial"].values


def test_a_winner_to_come_is_stood_in_for(question):
    ablating = Question.model_validate({**question.model_dump(), "ablate": {}})
    config = stand_in(ablating).config
    base = question.base()
    assert config.generator.width != base.generator.width
    assert config.discriminator.normalisation is None
    assert config.optim.generator.lr != base.optim.generator.lr
