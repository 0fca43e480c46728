import json

import pytest

from ignm.training.checkpoint import latest_checkpoint
from search.storage.checkpoints import pull_newest, push_newest, tidy, whole
from search.storage.remote import Remote


def push(trial, remote):
    return push_newest(trial, remote, remote.listing())


def pull(trial, remote):
    return pull_newest(trial, remote, remote.listing())


def count(trial):
    """Measurements that the newest intact local checkpoint holds; None without one."""
    found = latest_checkpoint(trial)
    return None if found is None else len(found.measurements)


def contents(checkpoint):
    return {path.name: path.read_bytes() for path in checkpoint.iterdir()}


def test_the_newest_checkpoint_comes_to_another_machine_as_it_is(remote, at_stage, tmp_path):
    here, there = at_stage(2), tmp_path / "there"
    moved = push(here, remote)
    assert pull(there, remote) == moved
    newest = sorted(here.glob("checkpoint-*"))[-1]
    assert [path.name for path in there.iterdir()] == [newest.name]
    assert contents(there / newest.name) == contents(newest)
    assert moved == sum(map(len, contents(newest).values()))
    assert push(there, remote) == 0


def test_a_trial_without_one_moves_nothing(remote, at_stage, tmp_path):
    assert push(at_stage(0), remote) == 0
    assert pull(tmp_path / "there", remote) is None


def test_a_checkpoint_replaces_older_ones_in_the_store_as_it_does_locally(faulty, at_stage, whole_in):
    for number, kept in enumerate([[1], [1, 2], [2, 3], [3, 4]], start=1):
        push(at_stage(number), faulty)
        assert whole_in() == kept
        assert len({name.partition("/")[0] for name in faulty.listing()}) == len(kept)


def test_a_local_one_that_is_as_new_is_kept(remote, at_stage, tmp_path):
    push(at_stage(2), remote)
    there = at_stage(3, tmp_path / "there")
    assert pull(there, remote) is None
    assert count(there) == 3


WRITES = 5
"""Of a push: three files, checkpoint.json, and what is removed."""


@pytest.mark.parametrize("write", range(1, WRITES + 1))
def test_a_push_killed_at_any_write_leaves_a_whole_checkpoint(faulty, at_stage, killed, whole_in, tmp_path, write):
    for number in (1, 2, 3):
        push(at_stage(number), faulty)
    here, there = at_stage(4), tmp_path / "there"
    faulty.fs.fail_write = faulty.fs.writes + write
    with pytest.raises(killed):
        push(here, faulty)
    assert whole_in() == ([2, 3] if write < WRITES else [2, 3, 4])
    pull(there, faulty)
    assert count(there) == whole_in()[-1]
    push(here, faulty)
    assert whole_in() == [3, 4]
    pull(there, faulty)
    assert count(there) == 4


def test_a_push_writes_no_more_often_than_is_tested(faulty, at_stage):
    push(at_stage(3), faulty)
    before = faulty.fs.writes
    push(at_stage(4), faulty)
    assert faulty.fs.writes - before <= WRITES


def test_what_a_killed_push_has_written_is_not_written_again(faulty, at_stage, killed):
    push(at_stage(1), faulty)
    here = at_stage(2)
    faulty.fs.fail_write = faulty.fs.writes + 4
    with pytest.raises(killed):
        push(here, faulty)
    before = faulty.fs.writes
    push(here, faulty)
    assert faulty.fs.writes - before == 1


@pytest.mark.parametrize("name", ["networks.safetensors", "state.pt", "checkpoint.json"])
def test_a_truncated_object_costs_one_interval_and_is_written_again(remote, at_stage, tmp_path, caplog, name):
    push(at_stage(2), remote)
    here, there = at_stage(3), tmp_path / "there"
    push(here, remote)
    newest = whole(remote.listing())[0]
    data = remote.read(f"{newest}/{name}")
    remote.write(f"{newest}/{name}", data[: len(data) // 2])
    pull(there, remote)
    assert count(there) == 2
    assert "damaged" in caplog.text
    assert len(list(there.iterdir())) == 1
    push(here, remote)
    pull(there, remote)
    assert count(there) == 3


def test_a_damaged_local_one_is_not_written_over_the_good_ones_there(faulty, at_stage, whole_in):
    push(at_stage(2), faulty)
    here = at_stage(3)
    newest = sorted(here.glob("checkpoint-*"))[-1]
    (newest / "state.pt").write_bytes(b"")
    push(here, faulty)
    assert whole_in() == [2]
    assert len(whole(faulty.listing())) == 1


def test_a_damaged_local_one_is_replaced_by_the_stores(remote, at_stage):
    here = at_stage(3)
    push(here, remote)
    for path in here.glob("checkpoint-*/networks.safetensors"):
        path.write_bytes(b"")
    pull(here, remote)
    assert count(here) == 3


class OneByOne(Remote):
    """Writes files one by one, and lets something else happen before one of them."""

    def interrupt(self, at, action):
        object.__setattr__(self, "steps", [None] * (at - 1) + [action])
        return self

    def step(self):
        action = self.steps.pop(0) if self.steps else None
        if action is not None:
            action()

    def put(self, files):
        for name, path in files.items():
            self.step()
            super().put({name: path})

    def write(self, name, data):
        self.step()
        super().write(name, data)


@pytest.mark.parametrize("write", range(1, WRITES))
def test_two_processes_that_push_the_same_trial_are_never_mixed(faulty, at_stage, whole_in, tmp_path, write):
    """Two runs to the same images: the same local names, and other times within."""
    here, other, there = at_stage(3), at_stage(3, tmp_path / "other"), tmp_path / "there"
    for path in other.glob("checkpoint-*/checkpoint.json"):
        described = json.loads(path.read_text())
        for measurement in described["measurements"]:
            measurement["seconds"] += 1.0
        path.write_text(json.dumps(described))
    listing = faulty.listing()
    slow = OneByOne(faulty.fs, faulty.prefix, faulty.uri, patience=0)
    push_newest(here, slow.interrupt(write, lambda: push_newest(other, faulty, listing)), listing)
    assert slow.steps == []
    assert whole_in() == [3, 3]
    pull(there, faulty)
    newest = [contents(sorted(folder.glob("checkpoint-*"))[-1]) for folder in (here, other)]
    assert newest[0] != newest[1]
    assert contents(next(there.iterdir())) in newest


def test_a_checkpoint_that_training_removes_during_its_push_gives_way_to_the_next(faulty, at_stage, whole_in):
    here = at_stage(2)
    went_on = []

    def go_on(key):
        if not went_on:
            went_on.append(key)
            at_stage(4)

    faulty.fs.before_write = go_on
    push(here, faulty)
    push(here, faulty)
    assert whole_in()[-1] == 4


def test_a_checkpoint_removed_while_it_is_read_is_told_to_the_caller(remote, at_stage, tmp_path):
    push(at_stage(1), remote)
    listing = remote.listing()
    remote.remove(list(listing))
    with pytest.raises(FileNotFoundError):
        pull_newest(tmp_path / "there", remote, listing)
    assert list((tmp_path / "there").iterdir()) == []


def test_of_an_ended_trial_only_the_newest_is_left_and_one_on_its_way(faulty, at_stage, killed, whole_in):
    for number in (1, 2, 3):
        push(at_stage(number), faulty)
    faulty.fs.fail_write = faulty.fs.writes + 4
    with pytest.raises(killed):
        push(at_stage(4), faulty)
    tidy(faulty, faulty.listing())
    assert whole_in() == [3]
    push(at_stage(4), faulty)
    assert whole_in()[-1] == 4
    tidy(faulty, faulty.listing())
    assert whole_in() == [4]


def test_nothing_of_a_trial_is_removed_without_a_whole_one(remote, at_stage):
    remote.write("checkpoint-0000000080-abc/state.pt", b"1")
    tidy(remote, remote.listing())
    assert set(remote.listing()) == {"checkpoint-0000000080-abc/state.pt"}
