"""What a study says when it goes on, and when its space has fewer points than it asked for."""

import pytest
from rich.console import Console
from support.studies import begun, trial_of

from search.displaying.going_on import tell_exhausted, tell_going_on
from search.study.folder import Status


@pytest.fixture
def said(tmp_path, question):
    """Call a teller on a study of three trials, two of them ended; returns what it printed."""
    folder = begun(tmp_path, question)
    trial_of(folder, question, 0, (2.0, 9.0), status=Status.COMPLETED)
    trial_of(folder, question, 1, (0.5, 19.0), status=Status.PRUNED)
    trial_of(folder, question, 2, (0.5, 12.0))
    console = Console(width=200, record=True)

    def call(teller, *more):
        teller(console, folder, question, *more)
        return console.export_text()

    return call


def test_what_is_done_and_what_changed_is_said(said):
    text = said(tell_going_on, ["code"])
    assert "going on; done so far: search 2 of 5 trials (1 unfinished)" in text
    assert "not as it was before: code; noted in study.yaml" in text


def test_a_new_study_goes_on_from_nothing(tmp_path, question):
    console = Console(record=True)
    tell_going_on(console, begun(tmp_path, question), question, [])
    assert console.export_text() == ""


def test_a_space_that_has_no_more_points_is_told(said):
    assert "the space has no more points; 3 of 5 trials" in said(tell_exhausted)
