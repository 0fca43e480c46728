"""Trackers are told of every trial, and none of their faults reaches the study."""

import threading

import pytest
from support.studies import begun, trial_of

from ignm.errors import IgnmError
from search.study.sections import Tracking
from search.tracking import showing
from search.tracking.registry import TRACKERS, check_trackers, open_trackers
from search.tracking.showing import Showing


class Recorder:
    """Notes what it is asked to show; may fail, or keep waiting."""

    def __init__(self, fails=False, gate=None):
        self.shown, self.closed, self.fails, self.gate = [], 0, fails, gate

    def show(self, trial):
        if self.gate is not None:
            self.gate.wait(20)
        self.shown.append(trial.name)
        if self.fails:
            raise ConnectionError("the server is away")

    def close(self):
        self.closed += 1


@pytest.fixture
def folder(tmp_path, question):
    folder = begun(tmp_path, question)
    trial_of(folder, question, 0, (0.5, 9.0))
    return folder


@pytest.fixture
def name(folder):
    return folder.all_trials()[0].name


def test_earlier_trials_first_then_each_result(folder, name):
    recorder = Recorder()
    with Showing(folder, {"one": recorder}) as shown:
        shown.tell(name)
    assert recorder.shown == [name, name]
    assert recorder.closed == 1


def test_a_tracker_that_fails_costs_one_warning_and_no_other_tracker(folder, name, caplog):
    bad, good = Recorder(fails=True), Recorder()
    with Showing(folder, {"bad": bad, "good": good}) as shown:
        shown.tell(name)
        shown.tell(name)
    assert len(good.shown) == len(bad.shown) == 3
    assert caplog.text.count("tracking.bad: a result could not be shown") == 1


def test_after_an_error_what_waits_is_left_to_the_next_run(folder, name):
    gate = threading.Event()
    recorder = Recorder(gate=gate)
    shown = Showing(folder, {"slow": recorder})
    shown.__enter__()
    for _ in range(50):
        shown.tell(name)
    shown._hurried = True  # as leaving sets it; set here so that the gate may open before
    gate.set()
    shown.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    shown._thread.join(20)
    assert len(recorder.shown) <= 1
    assert recorder.closed == 1


def test_a_server_that_hangs_keeps_nobody_waiting(folder, name, monkeypatch):
    monkeypatch.setattr(showing, "CLOSING_SECONDS", 0.05)
    gate = threading.Event()
    with Showing(folder, {"hanging": Recorder(gate=gate)}) as shown:
        shown.tell(name)
    gate.set()


def test_without_trackers_there_is_no_thread(folder, name):
    before = threading.active_count()
    with Showing(folder, {}) as shown:
        shown.tell(name)
        assert threading.active_count() == before


@pytest.mark.parametrize("name", TRACKERS)
def test_a_missing_package_is_told_before_anything_runs(monkeypatch, name):
    monkeypatch.setattr("search.tracking.registry.find_spec", lambda package: None)
    asked = Tracking.model_validate({name: True if name == "tensorboard" else "somewhere"})
    with pytest.raises(IgnmError, match=rf"tracking\.{name}: .*pip install 'ignm\[{name}\]'"):
        check_trackers(asked)


def test_nothing_asked_for_needs_nothing(folder, monkeypatch):
    monkeypatch.setattr("search.tracking.registry.find_spec", lambda package: None)
    assert open_trackers(Tracking(), folder) == {}


def test_every_field_of_tracking_has_a_tracker():
    assert set(Tracking.model_fields) == set(TRACKERS)
