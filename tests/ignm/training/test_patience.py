import errno
import os

import pytest
from support.clocks import FakeTime

from ignm.errors import IgnmError
from ignm.training import patience
from ignm.training.patience import patiently

AWAY = OSError(errno.ESTALE, os.strerror(errno.ESTALE))


@pytest.fixture
def clock(monkeypatch):
    clock = FakeTime()
    monkeypatch.setattr(patience, "time", clock)
    return clock


def failing(times, error=AWAY):
    left = [times]

    def action():
        if left[0]:
            left[0] -= 1
            raise error
        return "done"

    return action


def test_what_works_is_done_once_and_at_once(clock):
    assert patiently(failing(0), "x") == "done"
    assert clock.slept == []


@pytest.mark.parametrize("code", sorted(patience.PASSING))
def test_faults_that_pass_are_waited_for_longer_each_time(clock, caplog, code):
    assert patiently(failing(9, OSError(code, os.strerror(code))), "trial: a checkpoint") == "done"
    assert clock.slept == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0])
    assert len(caplog.records) == 9
    assert f"trial: a checkpoint: {os.strerror(code)}; trying again in 0.1 s" in caplog.text


@pytest.mark.parametrize("seconds", [0.0, 5.0, 120.0])
def test_the_wait_has_an_end_which_says_what_to_do(clock, seconds):
    message = rf"trial: Stale file handle, for {seconds:.0f} s; free some space or bring the storage back"
    with pytest.raises(IgnmError, match=message):
        patiently(failing(1000), "trial", seconds)
    assert sum(clock.slept) == pytest.approx(seconds)


@pytest.mark.parametrize("error", [OSError(errno.EFBIG, "x"), OSError("no number"), ValueError("x"), KeyError("x")])
def test_other_errors_are_not_waited_for(clock, error):
    with pytest.raises(type(error)):
        patiently(failing(1, error), "x")
    assert clock.slept == []
