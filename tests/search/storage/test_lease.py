import json
import multiprocessing
import os
import threading
from dataclasses import replace

import pytest

from ignm.errors import IgnmError
from search.storage import lease as leases
from search.storage.lease import Lease, LostError


@pytest.fixture
def driver(remote, tmp_path, fake_time, monkeypatch):
    """Make a lease of a driver on some machine, renewing every 10 s of a fake time."""

    def driver(machine, folder=None):
        monkeypatch.setattr(leases, "_place", lambda: machine)
        made = Lease(remote, folder or tmp_path / machine, every=10.0, clock=fake_time.clock, sleep=fake_time.sleep)
        made._me = replace(made._me, host=machine)
        return made

    return driver


def test_a_study_that_nobody_drives_is_taken_at_once(driver, fake_time):
    driver("a").take()
    assert fake_time.slept == []


def test_a_second_driver_is_refused_with_the_firsts_name(driver, fake_time):
    first = driver("a")
    first.take()
    fake_time.hooks.append(first.renew)
    with pytest.raises(IgnmError, match=rf"run already, by a, process {os.getpid()}, since 20\d\d-.*ignm status"):
        driver("b").take()
    assert sum(fake_time.slept) <= 10
    first.renew()
    first.check()


def test_a_driver_that_is_not_heard_of_is_waited_out(driver, fake_time, caplog):
    first = driver("a")
    first.take()
    second = driver("b")
    second.take()
    assert sum(fake_time.slept) == 30
    assert "held by a, process" in caplog.text
    assert "waiting up to 30 s" in caplog.text
    with pytest.raises(LostError, match=r"taken this study over \(b, process"):
        first.renew()
    with pytest.raises(LostError):
        first.check()
    first.release()
    second.renew()
    fake_time.hooks.append(second.renew)
    with pytest.raises(IgnmError, match="by b, process"):
        driver("c").take()


def test_a_driver_that_was_paused_learns_of_its_loss_before_it_writes(driver, fake_time):
    first = driver("a")
    first.take()
    driver("b").take()
    with pytest.raises(LostError):
        first.check()


def test_one_that_renews_late_and_was_not_replaced_goes_on(driver, fake_time):
    first = driver("a")
    first.take()
    fake_time.sleep(500)
    first.check()
    first.check()


def test_a_check_costs_nothing_while_the_lease_is_fresh(driver, fake_time, remote, monkeypatch):
    first = driver("a")
    first.take()
    monkeypatch.setattr(type(remote), "write", lambda *arguments: pytest.fail("a request"))
    fake_time.sleep(19)
    first.check()


def test_a_study_let_go_is_taken_at_once(driver, fake_time):
    for machine in "abc":
        each = driver(machine)
        each.take()
        each.release()
    assert fake_time.slept == []


def test_one_let_go_while_it_is_waited_for_is_taken_then(driver, fake_time):
    first = driver("a")
    first.take()
    fake_time.hooks.append(first.release)
    driver("b").take()
    assert sum(fake_time.slept) == 5


def test_a_driver_of_this_machine_that_has_died_is_not_waited_for(driver, fake_time, remote):
    first = driver("a")
    first.take()
    process = multiprocessing.get_context("spawn").Process(target=int)
    process.start()
    process.join()
    name = next(iter(remote.listing(leases.FOLDER)))
    remote.write(name, json.dumps({**json.loads(remote.read(name)), "pid": process.pid}).encode())
    driver("a").take()
    assert fake_time.slept == []


@pytest.mark.parametrize("winner", ["b", "c"])
def test_of_two_that_wait_for_the_same_one_has_it(driver, fake_time, remote, monkeypatch, winner):
    """The other one makes the next number in the moment between the end of waiting and one's own making."""
    driver("a").take()
    second, third = driver("b"), driver("c")
    real = Lease._create

    def create(self):
        if self is second and winner == "c":
            third.take()
        return real(self)

    monkeypatch.setattr(Lease, "_create", create)
    if winner == "b":
        second.take()
        second.check()
    else:
        with pytest.raises(IgnmError, match="by c, process"):
            second.take()
        third.renew()


def test_one_that_slept_through_two_takeovers_does_not_take_an_old_number(driver, fake_time, monkeypatch):
    """Its number is free again, for holders remove the numbers below theirs."""
    driver("a").take()
    sleeper, others, real = driver("b"), [driver("c"), driver("d")], Lease._create

    def create(self):
        if self is sleeper:
            for other in others:
                other.take()
        return real(self)

    monkeypatch.setattr(Lease, "_create", create)
    with pytest.raises(IgnmError, match="by d, process"):
        sleeper.take()
    others[1].renew()


def test_a_write_that_was_answered_by_silence_is_known_again(driver, remote, monkeypatch):
    """Tried again by the library, it finds its own object and is told that it is there already."""
    real = type(remote).create
    monkeypatch.setattr(type(remote), "create", lambda self, name, data: real(self, name, data) and False)
    driver("a").take()


def test_it_knows_whether_the_driver_before_worked_in_the_same_folder(driver, tmp_path):
    ours = []
    for machine, folder in [("a", "x"), ("a", "x"), ("b", "y"), ("a", "x")]:
        each = driver(machine, tmp_path / folder)
        each.take()
        ours.append(each.is_ours)
        each.release()
    assert ours == [False, True, False, False]


def test_only_the_newest_holder_is_kept(driver, remote):
    for machine in "abcd":
        each = driver(machine)
        each.take()
        each.release()
    assert list(remote.listing(leases.FOLDER)) == [".driver/00000004.json"]


def test_a_damaged_one_is_told(driver, remote):
    remote.write(".driver/00000001.json", b"{")
    with pytest.raises(IgnmError, match=r"00000001.json: damaged"):
        driver("a").take()


def test_it_is_renewed_while_the_block_runs_and_let_go_at_its_end(remote, tmp_path, monkeypatch):
    lease, renewed = Lease(remote, tmp_path / "a", every=0.01), threading.Event()
    real = Lease._renew

    def renew(self):
        real(self)
        if self._me.beat >= 3:
            renewed.set()

    monkeypatch.setattr(Lease, "_renew", renew)
    with lease.held():
        assert renewed.wait(30)
    name = next(iter(remote.listing(leases.FOLDER)))
    left = json.loads(remote.read(name))
    assert left["released"]
    assert left["beat"] >= 3


def test_a_store_that_is_away_ends_neither_the_renewing_nor_the_block(remote, tmp_path, monkeypatch, caplog):
    lease, back, real = Lease(remote, tmp_path / "a", every=0.01), threading.Event(), Lease._renew
    failures = [IgnmError("s3://b: away")] * 3

    def renew(self):
        if failures:
            raise failures.pop()
        real(self)
        back.set()

    monkeypatch.setattr(Lease, "_renew", renew)
    with lease.held():
        assert back.wait(30)
    assert caplog.text.count("away") == 3


def test_a_loss_is_told_in_the_block_and_nothing_is_let_go(remote, tmp_path):
    lease = Lease(remote, tmp_path / "x", every=600.0)
    with lease.held():
        remote.write(".driver/00000009.json", leases._encoded(lease._me))
        with pytest.raises(LostError):
            lease.renew()
    assert not json.loads(remote.read(".driver/00000009.json"))["released"]
