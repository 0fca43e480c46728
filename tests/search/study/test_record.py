"""`study.yaml` says with what a study was answered, and what changed on the way."""

import pytest
from support.studies import DATA, METRIC, begun

from analysis.caveats import coverage_caveats
from analysis.results import load_study, summarise_trials
from ignm.config import read_yaml
from search.clusters.version import CodeVersion
from search.study import record
from search.study.record import record_question


@pytest.fixture
def again(tmp_path, question):
    folder = begun(tmp_path, question)
    return folder, lambda: record_question(folder, question, METRIC, DATA)


def test_nothing_is_noted_where_nothing_changed(again):
    folder, record_again = again
    assert record_again() == []
    assert read_yaml(folder.question)["later_runs"] == []


def test_sources_that_were_edited_on_the_way_are_noted_and_told(again, monkeypatch):
    folder, record_again = again
    monkeypatch.setattr(record, "code_version", lambda: CodeVersion("0123456789abcdef", "3.11", ()))
    assert record_again() == ["code"]
    (later,) = read_yaml(folder.question)["later_runs"]
    assert later["code"] == "0123456789abcdef"
    # The next run by the same code is no change.
    assert record_again() == []
    study = load_study(folder.path)
    assert "Its sources changed on the way (2 runs); study.yaml says when." in coverage_caveats(
        study, summarise_trials(study)
    )


def test_a_commit_says_whether_the_sources_are_as_it_has_them(tmp_path, monkeypatch):
    told = iter(["abc\n", " M ignm/files.py\n", "abc\n", ""])
    monkeypatch.setattr(record.subprocess, "run", lambda *_, **__: type("Done", (), {"stdout": next(told)})())
    assert record._commit() == "abc, changed"
    assert record._commit() == "abc"
