"""Who drives a study, as its folder tells: alive, silent, ended, on another machine."""

import json
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.studies import driven

from ignm.errors import IgnmError
from search.study.folder import StudyFolder
from search.study.heartbeat import SILENT_SECONDS, Driver, Heartbeat, _pids, read_driver, refuse_other_driver


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "small")


@pytest.fixture
def never():
    """A sleep that must not be needed."""

    def sleep(seconds):
        pytest.fail("waited without need")

    return sleep


def test_a_heartbeat_is_seen_and_ends(folder):
    folder.path.mkdir()
    heartbeat = Heartbeat(folder.path, "search", "auto")
    heartbeat.start()
    driver = read_driver(folder.path)
    assert driver.alive()
    assert (driver.host, driver.command, driver.address) == (socket.gethostname(), "search", "auto")
    heartbeat.note(slots=3)
    heartbeat.close("finished")
    ended = read_driver(folder.path)
    assert not ended.alive()
    assert (ended.outcome, ended.facts) == ("finished", {"slots": 3})


def test_it_goes_on_beating(folder, monkeypatch):
    monkeypatch.setattr("search.study.heartbeat.BEAT_SECONDS", 0.01)
    folder.path.mkdir()
    heartbeat = Heartbeat(folder.path, "run", None)
    heartbeat.start()
    first = read_driver(folder.path).beat
    deadline = time.monotonic() + 20
    while read_driver(folder.path).beat == first:
        assert time.monotonic() < deadline
    heartbeat.close("finished")


def test_a_full_disk_does_not_end_it(folder, monkeypatch, caplog):
    folder.path.mkdir()
    heartbeat = Heartbeat(folder.path, "run", None)
    heartbeat.start()

    def full(path, value, make_folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("search.study.heartbeat.write_json", full)
    heartbeat.close("finished")
    assert "No space left" in caplog.text


def test_a_process_of_this_machine_that_is_no_more_is_dead_at_once(folder):
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    now = time.time()
    driver = Driver(socket.gethostname(), process.pid, now, now, pids=_pids())
    assert (driver.alive(now), driver.gone) == (True, False)
    process.kill()
    process.wait()
    assert (driver.alive(now), driver.gone) == (False, True)
    # In another container, or on another machine, its number says nothing.
    for elsewhere in (replace(driver, pids="another boot"), replace(driver, pids="")):
        assert (elsewhere.alive(now), elsewhere.gone) == (True, False)
    assert not replace(driver, outcome="stopped").gone


@pytest.mark.parametrize("fact", [float("nan"), object()])
def test_a_fact_that_is_no_json_costs_the_facts_and_neither_beat_nor_last_word(folder, monkeypatch, caplog, fact):
    monkeypatch.setattr("search.study.heartbeat.BEAT_SECONDS", 0.01)
    folder.path.mkdir()
    heartbeat = Heartbeat(folder.path, "run", None)
    heartbeat.start()
    heartbeat.note(slots=3, left=fact)
    deadline = time.monotonic() + 20
    while caplog.text.count("written without what was noted") < 2:
        assert time.monotonic() < deadline
    assert read_driver(folder.path).alive()
    heartbeat.close("finished")
    ended = read_driver(folder.path)
    assert (ended.outcome, ended.facts) == ("finished", {})


@pytest.mark.parametrize(
    ("ago", "outcome", "alive"),
    [(1, "running", True), (SILENT_SECONDS + 1, "running", False), (1, "finished", False), (-5, "running", True)],
)
def test_alive_is_a_fresh_beat_without_a_last_word(folder, ago, outcome, alive):
    driven(folder, ago, outcome=outcome)
    assert read_driver(folder.path).alive() is alive


@pytest.mark.parametrize("text", [None, "", "{", "{}", '{"host": "a", "pid": 1, "started": 1, "beat": 1, "more": 2}'])
def test_no_driver_or_a_damaged_file_is_nobody(folder, text, never):
    folder.path.mkdir()
    if text is not None:
        (folder.path / "driver.json").write_text(text)
    assert read_driver(folder.path) is None
    refuse_other_driver(folder.path, never)


def test_a_driver_on_another_machine_is_named(folder, never):
    driven(folder, host="node-7", pid=4711)
    with pytest.raises(IgnmError, match=r"run already, by process 4711 on node-7, since \d{4}-.*ignm stop"):
        refuse_other_driver(folder.path, never)


def test_one_that_ended_or_is_of_this_machine_is_let_be(folder, never):
    driven(folder, outcome="stopped")
    refuse_other_driver(folder.path, never)
    driven(folder, host=socket.gethostname())  # for the lock to hold off
    refuse_other_driver(folder.path, never)


def test_one_that_is_silent_is_watched_for_two_beats(folder):
    driven(folder, ago=3600)
    waited = []
    refuse_other_driver(folder.path, waited.append)
    assert len(waited) == 1


def test_one_with_another_clock_is_found_alive(folder):
    driven(folder, ago=3600, host="node-7")
    with pytest.raises(IgnmError, match="node-7"):
        refuse_other_driver(folder.path, lambda seconds: driven(folder, ago=3600 - seconds, host="node-7"))


def test_one_that_ends_while_it_is_watched_is_let_be(folder):
    driven(folder, ago=3600)
    refuse_other_driver(folder.path, lambda seconds: driven(folder, outcome="stopped"))


def test_it_is_plain_json(folder):
    driven(folder)
    assert json.loads((folder.path / "driver.json").read_text())["pid"] == 7
