"""When trials are told to stop, and how they end: as Tune would ask, without Ray."""

import pickle

import pytest
from support.studies import begun, trial_of

from search.running.callbacks import HoldSlots, ShowResults, WriteEnds
from search.running.orders import Orders
from search.running.watch import StageWatch
from search.storage.studies import InPlace
from search.study.folder import Status
from search.study.heartbeat import Heartbeat
from search.study.progress import search_reader
from search.study.requests import BY_HAND, clear_stop, request_stop, stop_requested
from search.study.spending import Meter


class TuneTrial:
    """As much of Tune's trial as callbacks look at."""

    def __init__(self, name):
        self.config = {"trial": name}


@pytest.fixture
def folder(tmp_path, question):
    folder = begun(tmp_path, question)
    for number in range(3):
        trial_of(folder, question, number)
    return folder


@pytest.fixture
def trials(folder):
    return folder.all_trials()


@pytest.fixture
def meter(folder):
    return Meter(folder, "search")


@pytest.fixture
def orders(folder, meter):
    return Orders(folder, meter)


def measured(trial, done=False):
    return {"config": {"trial": trial.name}, "quality": 1.0, "done": done}


def test_without_orders_nothing_stops(orders, trials):
    assert not orders("t", measured(trials[0]))
    assert orders("t", measured(trials[0], done=True))
    assert not orders.stop_all()
    assert not orders.closed
    assert trials[0].status() is Status.RUNNING


def test_a_trial_that_was_asked_to_stops_alone(orders, trials):
    request_stop(trials[1].path)
    assert not orders("a", measured(trials[0]))
    assert orders("b", measured(trials[1]))
    assert (trials[1].status(), trials[1].reason()) == (Status.PRUNED, BY_HAND)
    assert not orders.stop_all()


def test_a_limit_ends_every_trial_for_its_reason(orders, trials):
    orders.end_all("budget.money was used up")
    assert orders("a", measured(trials[0]))
    assert (trials[0].status(), trials[0].reason()) == (Status.PRUNED, "budget.money was used up")
    # What has ended by itself at that measurement keeps its own end.
    trials[1].end(Status.COMPLETED)
    assert orders("b", measured(trials[1], done=True))
    assert trials[1].status() is Status.COMPLETED


def test_a_study_winds_up_at_the_next_measurements_and_leaves_trials_unfinished(orders, meter, trials):
    meter.begin(trials[0].name, 1, 0)
    meter.begin(trials[1].name, 1, 0)
    orders.wind_up()
    assert not orders.stop_all()
    assert orders("a", measured(trials[0]))
    meter.end(trials[0].name)
    meter.begin(trials[2].name, 1, 0)  # the slot's next trial, which has nothing to lose
    assert not orders.stop_all()
    assert orders("b", measured(trials[1]))
    meter.end(trials[1].name)
    assert orders.stop_all()
    assert {trial.status() for trial in trials} == {Status.RUNNING}


def test_winding_up_beats_a_limit(orders, trials):
    orders.end_all("budget.minutes was used up")
    orders.wind_up()
    assert orders("a", measured(trials[0]))
    assert trials[0].status() is Status.RUNNING


def test_callbacks_hold_and_give_back_slots(meter, trials):
    held = HoldSlots(meter, cpus=2, gpus=0.5)
    trial = TuneTrial(trials[0].name)
    for end in (held.on_trial_complete, held.on_trial_error, held.on_trial_recover):
        held.on_trial_start(0, [], trial)
        assert meter.holding == {trials[0].name}
        end(0, [], trial)
        assert meter.holding == frozenset()


def test_results_and_failures_are_shown(trials):
    told = []
    shown = ShowResults(type("Showing", (), {"tell": staticmethod(told.append)}))
    shown.on_trial_result(0, [], TuneTrial("a"), {})
    shown.on_trial_error(0, [], TuneTrial("b"))
    assert told == ["a", "b"]


def test_what_tune_pickles_is_next_to_nothing(folder, meter, orders):
    # Tune pickles its stopper and its callbacks at every snapshot; locks and open files would fail there.
    for part in (orders, WriteEnds(folder, InPlace(), 2), HoldSlots(meter, 1, 0), ShowResults(None)):
        assert len(pickle.dumps(part)) < 200


def test_requests_come_and_go(tmp_path):
    assert not stop_requested(tmp_path)
    request_stop(tmp_path)
    assert stop_requested(tmp_path)
    clear_stop(tmp_path)
    clear_stop(tmp_path)
    assert not stop_requested(tmp_path)


class Watched:
    """A watch over the search, looked at step by step."""

    def __init__(self, folder, question):
        self.closed = []
        self.heartbeat = Heartbeat(folder.path, "search", None)
        reader = search_reader(folder, question)
        self.watch = StageWatch(folder, question, reader, self.heartbeat, self.close)

    def close(self, over):
        self.closed.append(over)


def limited(question, **budget):
    return question.model_copy(update={"budget": question.budget.model_copy(update=budget)})


def test_the_watch_closes_the_search_once_when_a_limit_is_used_up(folder, question, trials):
    watched = Watched(folder, limited(question, gpu_hours=1e-12))
    watched.watch._give_orders()
    assert watched.closed == []
    watched.watch.meter.begin(trials[0].name, 1, 0)
    watched.watch._give_orders()
    watched.watch._give_orders()
    assert watched.closed == ["budget.gpu_hours was used up"]
    assert watched.watch.orders("a", measured(trials[0]))
    assert trials[0].reason() == "budget.gpu_hours was used up"


def test_a_request_is_heard_even_when_a_limit_was_first(folder, question, trials):
    watched = Watched(folder, limited(question, minutes=1e-9))
    watched.watch._give_orders()
    request_stop(folder.path)
    watched.watch._give_orders()
    assert watched.watch.orders.winding_up
    assert watched.closed == ["budget.minutes was used up"]


def test_the_heartbeat_says_what_is_spent_and_left(folder, question):
    watched = Watched(folder, limited(question, minutes=60.0))
    watched.watch.cluster = lambda: {"nodes": [], "slots": 2}
    with watched.watch:
        pass
    facts = watched.heartbeat._facts
    assert (facts["stage"], facts["slots"]) == ("search", 2)
    assert facts["limits"][0]["field"] == "budget.minutes"
    assert facts["spent"]["minutes"] >= 0
    assert (folder.path / "clock.json").exists()
