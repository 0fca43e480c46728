import threading

import pytest

from ignm.errors import IgnmError
from search.storage.mirror import Mirror


def files(root):
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }


def fill(root, **contents):
    for name, text in contents.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def here(tmp_path, remote):
    return Mirror(tmp_path / "here", remote)


@pytest.fixture
def there(tmp_path, remote):
    return Mirror(tmp_path / "there", remote)


def test_a_folder_comes_to_another_machine_as_it_is(here, there):
    fill(here.local, study_yaml="q", best__config_yaml="c", trials__t1__label_json="{}", empty_txt="")
    assert here.push("") == 4
    assert there.pull() == 4
    assert files(there.local) == files(here.local)


def test_only_what_changed_is_moved(here, there):
    fill(here.local, a="one", b="two")
    here.push("")
    there.pull()
    assert (here.push(""), there.pull()) == (0, 0)
    fill(here.local, b="three")
    assert (here.push(""), there.pull()) == (5, 5)
    assert files(there.local) == {"a": "one", "b": "three"}


def test_what_was_moved_is_known_to_the_next_process(here, there):
    fill(here.local, a="one")
    here.push("")
    there.pull()
    assert Mirror(here.local, here.remote).push("") == 0
    assert Mirror(there.local, there.remote).pull() == 0


def test_a_file_written_anew_is_moved_though_its_size_is_the_same(here, there):
    fill(here.local, a="one")
    here.push("")
    there.pull()
    fill(here.local, a="two")
    here.push("")
    there.pull()
    assert files(there.local) == {"a": "two"}


def test_dot_files_partial_ones_and_checkpoints_stay(here, there):
    (here.local / ".b.json.x.partial").mkdir(parents=True)
    fill(here.local, a="1")
    for name in (".lock", ".a.json.x.partial.json", ".b.json.x.partial/f", "t/.owned"):
        (here.local / name).parent.mkdir(exist_ok=True)
        (here.local / name).write_text("x")
    (here.local / "t" / "checkpoint-0000000001").mkdir()
    (here.local / "t" / "checkpoint-0000000001" / "state.pt").write_text("x")
    here.push("")
    assert set(here.remote.listing()) == {"a"}
    here.remote.write(".driver/1", b"")
    here.remote.write("t/checkpoint-0000000001-abc/state.pt", b"1")
    there.pull()
    assert files(there.local) == {"a": "1"}


def test_a_part_can_be_moved(here, there):
    fill(here.local, a="1", b__c="2", b__d="3", bc="4")
    here.push("b")
    assert set(here.remote.listing()) == {"b/c", "b/d"}
    here.push("a", "not/there")
    there.pull("b", lambda name: name.endswith("d"))
    assert files(there.local) == {"b/d": "3"}


def test_what_speaks_for_others_is_pushed_after_them(faulty, tmp_path):
    mirror, order = Mirror(tmp_path / "here", faulty), []
    faulty.fs.before_write = order.append
    fill(mirror.local, t__status_json="s", t__zzz="z", best__evidence_json="e", best__generator_bin="g")
    mirror.push("")
    assert {key.rpartition("/")[2] for key in order[:2]} == {"zzz", "generator.bin"}


def test_the_first_word_on_an_end_stands(here, there):
    fill(here.local, t__status_json="completed")
    fill(there.local, t__status_json="pruned")
    here.push("")
    there.push("")
    assert files(there.local) == files(here.local) == {"t/status.json": "completed"}
    assert (there.push(""), there.pull(), here.push("")) == (0, 0, 0)


def test_a_local_change_that_is_still_to_be_pushed_is_kept(here):
    fill(here.local, a="one")
    here.push("")
    fill(here.local, a="two")
    here.pull()
    assert files(here.local) == {"a": "two"}
    assert here.push("") == 3


def test_where_both_changed_the_stores_wins(here, there):
    fill(here.local, a="one")
    here.push("")
    there.pull()
    fill(there.local, a="theirs")
    there.push("")
    there.pull()
    fill(here.local, a="ours")
    here.push("")
    fill(there.local, a="lost")
    there.pull()
    assert files(there.local) == {"a": "ours"}


def test_what_is_gone_here_is_left_there_and_comes_back(here):
    fill(here.local, a="one", b="two")
    here.push("")
    (here.local / "a").unlink()
    here.push("")
    assert set(here.remote.listing()) == {"a", "b"}
    here.pull()
    assert files(here.local) == {"a": "one", "b": "two"}


def test_an_exact_copy_loses_what_is_gone_there_and_nothing_of_its_own(here, there):
    fill(here.local, a="1", d__e__f="2", d__g="3")
    here.push("")
    there.pull()
    fill(there.local, own="x")
    here.remote.remove(["d/e/f", "a"])
    there.pull(exact=True)
    assert files(there.local) == {"d/g": "3", "own": "x"}
    assert not (there.local / "d" / "e").exists()


def test_a_lost_manifest_costs_transfers_only(here):
    fill(here.local, a="one")
    here.push("")
    (here.local / ".mirror.db").unlink()
    assert here.push("") == 3
    assert here.pull() == 3
    assert files(here.local) == {"a": "one"}


def test_an_interrupted_pull_leaves_whole_files_and_is_made_good(here, there, monkeypatch):
    fill(here.local, a="one", b="two")
    here.push("")
    there.pull()
    fill(here.local, a="three", b="four")
    here.push("")
    real = type(there.remote).get

    def half(remote, wanted):
        real(remote, dict(list(wanted.items())[:1]))
        raise IgnmError("away")

    monkeypatch.setattr(type(there.remote), "get", half)
    with pytest.raises(IgnmError, match="away"):
        there.pull()
    assert files(there.local) == {"a": "one", "b": "two"}
    assert [path.name for path in there.local.iterdir() if "partial" in path.name] == []
    monkeypatch.undo()
    there.pull()
    assert files(there.local) == {"a": "three", "b": "four"}


def test_an_object_replaced_while_it_is_read_is_read_again(here, there, monkeypatch):
    fill(here.local, a="one")
    here.push("")
    real, changes = type(there.remote).get, ["longer than before"]

    def replaced(remote, wanted):
        if changes:
            remote.write("a", changes.pop().encode())
        real(remote, wanted)

    monkeypatch.setattr(type(there.remote), "get", replaced)
    there.pull()
    assert files(there.local) == {"a": "longer than before"}


def test_objects_that_never_hold_still_are_told(here, there, monkeypatch):
    fill(here.local, a="one")
    here.push("")

    def gone(remote, wanted):
        raise FileNotFoundError

    monkeypatch.setattr(type(there.remote), "get", gone)
    with pytest.raises(IgnmError, match="change faster than they can be read"):
        there.pull()


def test_a_file_that_vanishes_during_a_push_is_left_out(here, monkeypatch):
    fill(here.local, a="one", b="two")
    real = type(here.remote).put

    def vanishing(remote, wanted):
        (here.local / "b").unlink(missing_ok=True)
        real(remote, wanted)

    monkeypatch.setattr(type(here.remote), "put", vanishing)
    assert here.push("") == 3
    assert set(here.remote.listing()) == {"a"}


def test_pulls_of_two_threads_do_not_overtake_each_other(here, there, monkeypatch):
    """A slow pull with an older listing must not put its files over a newer pull's."""
    fill(here.local, a="old")
    here.push("")
    real, listed, may_go = type(there.remote).get, threading.Event(), threading.Event()

    def slow(remote, wanted):
        if not listed.is_set():
            real(remote, wanted)
            listed.set()
            may_go.wait(10)
        else:
            real(remote, wanted)

    monkeypatch.setattr(type(there.remote), "get", slow)
    first = threading.Thread(target=there.pull)
    first.start()
    assert listed.wait(10)
    here.remote.write("a", b"new")
    second = threading.Thread(target=there.pull)
    second.start()
    may_go.set()
    first.join(10)
    second.join(10)
    assert files(there.local) == {"a": "new"}


def test_a_pull_costs_one_listing_and_a_push_none(faulty, tmp_path):
    mirror = Mirror(tmp_path / "here", faulty)
    fill(mirror.local, a="1", b="2", c__d="3")
    mirror.push("")
    assert faulty.fs.requests == 3
    other = Mirror(tmp_path / "there", faulty)
    other.pull()
    assert faulty.fs.requests == 3 + 1 + 3
    other.pull()
    assert faulty.fs.requests == 8
    mirror.push("")
    assert faulty.fs.requests == 8
