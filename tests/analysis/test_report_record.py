"""The report of a study whose study.yaml was written by the search itself."""

import html
import re
import shlex

import pytest

from analysis.made import domain_words
from analysis.report import build_report
from ignm.config import override, save_config, value_at
from search.study.folder import StudyFolder
from search.study.question import load_question
from search.study.record import record_question
from spaces.axis import Axis


@pytest.fixture
def question():
    return load_question("quick")


@pytest.fixture
def study(maker, question):
    """A recorded study whose winner differs from the base in three values."""
    metric = {"name": "fd_tiny", "reference_id": "faces-64-2048-tiny-bicubic", "images": 2000}
    base = question.base()
    winner = override(base, {"augment.policy": "diffaugment", "generator.width": 32, "ema.ramp": 0.25})
    for config, quality in ((winner, 12.0), (base, 18.0)):
        values = {axis.path: value_at(config, axis.path) for axis in question.load_space().axes}
        for seed, share in ((1000, 1.0), (1001, 1.05)):
            name = f"confirm-{config.config_id[:8]}-s{seed}"
            maker.trial(name, config.config_id, [share * quality], stage="confirm", seed=seed, **values)
    folder = maker.write({"config_id": winner.config_id, "kimg": 40})
    (folder / "study.yaml").unlink()
    record_question(StudyFolder(folder), question, metric, {"name": "embedded", "fingerprint": "f"})
    save_config(winner, folder / "best" / "config.yaml")
    return folder


@pytest.fixture
def maker(maker, question):
    maker.folder = maker.folder.with_name(question.name)
    return maker


def section(page, name):
    return page.read_text(encoding="utf-8").split(f'<section id="{name}">')[1].split("</section>")[0]


def table(text):
    rows = re.findall(r"<tr>(.*?)</tr>", text)
    return [[html.unescape(cell) for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row)] for row in rows]


def test_the_winner_is_set_beside_the_preset_value_by_value(study):
    text = section(build_report(study, notebooks=False), "configuration")
    assert table(text) == [
        ["Parameter", "Value", "dcgan", "Strategy"],
        ["augment.policy", "diffaugment", "–", "data"],
        ["generator.width", "32", "64", "structure"],
        ["ema.ramp", "0.25", "0.05", "–"],
    ]
    assert "Where it differs from the dcgan preset (with the study&#39;s own optim.batch 64)" in text


def test_a_winner_that_is_the_preset_differs_in_nothing(study, question):
    save_config(question.base(), study / "best" / "config.yaml")
    assert "itself: nothing differs." in section(build_report(study, notebooks=False), "configuration")


@pytest.mark.parametrize("damaged", ["a: [1", "- 1", ""])
def test_a_damaged_configuration_does_not_cost_the_report(study, damaged):
    (study / "best" / "config.yaml").write_text(damaged)
    assert build_report(study, notebooks=False).exists()


def test_the_preset_is_recognised_by_the_record_alone(study):
    text = build_report(study, notebooks=False).read_text(encoding="utf-8")
    assert "33% below the dcgan baseline" in text
    assert "No baseline" not in text


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ({"path": "generator.activation", "choice": ["relu", None], "source": "Mish 2020"}, "relu, null; Mish 2020"),
        ({"path": "loss.gamma", "log_float": [1e-4, 8e-4], "when": {"loss.penalty": ["r1"]}, "needs": ["data.labels"]},
         "0.0001 to 0.0008, log, when loss.penalty: r1; data.labels not null"),
        (None, "–"),
    ],
)  # fmt: skip
def test_what_was_searched_is_told_in_words(axis, words):
    assert domain_words(axis and Axis.model_validate(axis)) == words


def test_the_command_to_do_it_again_loads_and_asks_the_same(study, question, monkeypatch):
    commands = html.unescape(
        re.search(r"<pre>(ignm run .*?)</pre>", section(build_report(study, notebooks=False), "how"), re.S)[1]
    )
    words = shlex.split(commands.splitlines()[0])
    assert words == ["ignm", "run", "quick/study.yaml", "--storage", "."]
    monkeypatch.chdir(study.parent)
    again = load_question(words[2])
    assert again == question
    assert (study.parent / words[4] / again.name).samefile(study)
