import json
import sqlite3
import threading
import time
from contextlib import closing

import optuna
import pytest

from ignm.config import TrialSpec
from ignm.errors import IgnmError
from ignm.files import write_json, write_text
from search.searcher.ledger import path_of
from search.storage.lease import Lease, LostError
from search.storage.location import Location, Role, locate
from search.storage.mirror import Mirror
from search.storage.optuna_study import snapshot
from search.storage.studies import KeptStudy, driven, read_study
from search.storage.trials import bring, mirror_of
from search.study.folder import Status, StudyFolder

NAME = "search-0000-x"


@pytest.fixture
def drive(location, tmp_path, fake_time):
    """Drive the study from a machine; returns its folder and what keeps it."""

    def drive(machine):
        remote = location.remote(patience=0)
        folder = StudyFolder(tmp_path / machine / "small")
        lease = Lease(remote, folder.path, clock=fake_time.clock, sleep=fake_time.sleep)
        lease.take()
        kept = KeptStudy(Mirror(folder.path, remote), lease, fake_time.clock)
        kept.bring()
        return folder, kept, lease

    return drive


@pytest.fixture
def process(location, tmp_path):
    """Bring the trial to a process that trains it."""

    def process(node):
        mirror = Mirror(tmp_path / node / NAME, location.remote(patience=0).inside(f"trials/{NAME}"))
        return mirror.local, bring(mirror)

    return process


@pytest.fixture
def read(location, tmp_path, monkeypatch):
    """Read the study from a machine of its own, as `ignm status` does."""

    def read(machine="reader"):
        monkeypatch.setenv("IGNM_HOME", str(tmp_path / machine))
        return StudyFolder(read_study(locate(location.uri)))

    return read


def begin(folder, stages):
    spec = TrialSpec.model_validate(json.loads((stages.folder(0) / "trial.json").read_text()))
    folder.begin_trial(NAME, spec, {"number": 0, "parameters": {}})


def test_driver_process_and_reader_see_one_study(drive, process, read, at_stage, stages):
    folder, kept, _ = drive("head")
    write_text(folder.question, "name: small\n")
    begin(folder, stages)
    kept.keep()
    kept.begin(NAME)
    here, trial = process("worker")
    at_stage(2, here)
    trial.keep()
    trial.wait()
    assert len(read().trial(NAME).measurements()) == 2
    assert folder.trial(NAME).measurements() == []
    kept.follow(NAME)
    assert len(folder.trial(NAME).measurements()) == 2
    at_stage(4, here)
    write_json(here / "status.json", {"status": "completed", "reason": ""})
    trial.keep()
    trial.close(discard=True)
    kept.follow()
    assert folder.trial(NAME).status() is Status.COMPLETED
    kept.end(NAME)
    kept.bring_checkpoint(NAME)
    assert len(list(folder.trial(NAME).path.glob("checkpoint-*"))) == 1
    write_text(folder.best / "evidence.json", "{}")
    write_text(folder.path / "report" / "index.html", "<html>")
    kept.keep(now=True)
    seen = read()
    assert seen.trial(NAME).status() is Status.COMPLETED
    assert (seen.best / "evidence.json").exists()
    assert (seen.path / "report" / "index.html").exists()
    assert not list(seen.trials.glob("*/checkpoint-*"))


def test_a_driver_on_another_machine_finds_everything(drive, process, at_stage, stages, whole_in, question):
    folder, kept, lease = drive("a")
    write_text(folder.question, "name: small\n")
    write_text(folder.plan, "{}")
    begin(folder, stages)
    kept.begin(NAME)
    storage = path_of(folder, question)
    storage.parent.mkdir()
    study = optuna.create_study(storage=f"sqlite:///{storage}", study_name="small")
    study.enqueue_trial({"x": 1.0})
    kept.keep(now=True)
    here, trial = process("worker")
    at_stage(3, here)
    trial.keep()
    trial.close()
    lease.release()
    again, _, _ = drive("b")
    assert again.question.read_text() == "name: small\n"
    assert len(again.trial(NAME).measurements()) == 3
    assert again.trial(NAME).spec() == folder.trial(NAME).spec()
    found = optuna.load_study(storage=f"sqlite:///{path_of(again, question)}", study_name="small")
    assert [each.system_attrs["fixed_params"] for each in found.trials] == [{"x": 1.0}]
    assert not list(again.trials.glob("*/checkpoint-*"))
    assert whole_in(f"trials/{NAME}/") == [3]


def test_the_same_driver_again_keeps_what_it_had_not_written(drive):
    folder, kept, _ = drive("a")
    write_text(folder.question, "one")
    kept.keep()
    write_text(folder.question, "two")
    again, kept, _ = drive("a")
    assert again.question.read_text() == "two"
    kept.keep()
    third, _, _ = drive("b")
    assert third.question.read_text() == "two"


def test_a_driver_that_was_replaced_meanwhile_begins_from_what_the_other_has_written(drive):
    folder, kept, _ = drive("a")
    write_text(folder.question, "a's")
    kept.keep()
    write_text(folder.path / "confirm.json", "never written to the store")
    other, kept, _ = drive("b")
    write_text(other.question, "b's")
    kept.keep()
    again, _, _ = drive("a")
    assert again.question.read_text() == "b's"
    assert not (again.path / "confirm.json").exists()
    assert (again.path / ".replaced" / "confirm.json").exists()


def test_a_study_that_was_removed_from_the_store_is_begun_anew(drive, read, bucket):
    folder, kept, _ = drive("a")
    write_text(folder.question, "old")
    write_text(folder.path / "clock.json", "{}")
    kept.keep()
    read()
    bucket.objects.all().delete()
    again, kept, _ = drive("a")
    assert not again.question.exists()
    write_text(again.question, "new")
    kept.keep()
    seen = read()
    assert seen.question.read_text() == "new"
    assert not (seen.path / "clock.json").exists()


@pytest.mark.parametrize("call", ["keep", "begin", "end"])
def test_a_driver_that_lost_the_study_writes_nothing_more(drive, stages, bucket, call):
    folder, kept, _ = drive("a")
    begin(folder, stages)
    write_text(folder.question, "a's")
    drive("b")
    before = {each.key: each.e_tag for each in bucket.objects.all()}
    with pytest.raises(LostError):
        getattr(kept, call)(*([] if call == "keep" else [NAME]))
    assert {each.key: each.e_tag for each in bucket.objects.all()} == before


def test_the_processs_word_on_an_end_stands_over_a_later_one_of_the_driver(drive, process, at_stage, stages):
    folder, kept, _ = drive("head")
    begin(folder, stages)
    kept.begin(NAME)
    here, trial = process("worker")
    at_stage(4, here)
    write_json(here / "status.json", {"status": "completed", "reason": ""})
    trial.keep()
    folder.trial(NAME).end(Status.PRUNED, "not among the best")
    kept.end(NAME)
    assert folder.trial(NAME).status() is Status.COMPLETED


def test_following_writes_nothing_over_what_the_driver_says_of_a_trial(drive, process, location, stages):
    folder, kept, _ = drive("head")
    begin(folder, stages)
    kept.begin(NAME)
    write_json(folder.trial(NAME).path / "label.json", {"number": 0, "parameters": {"new": 1}, "config_id": "x"})
    process("worker")
    kept.follow()
    assert folder.trial(NAME).label()["parameters"] == {"new": 1}


def test_claims_that_a_person_puts_into_the_store_come_to_the_driver(drive, read, location):
    folder, kept, _ = drive("head")
    write_text(folder.question, "name: small\n")
    kept.keep()
    store = location.remote(patience=0)
    for text in ("claims: [first]", "claims: [second]"):
        store.write("claims.yaml", text.encode())
        kept.follow()
        assert (folder.path / "claims.yaml").read_text() == text
        kept.keep()
        assert (read().path / "claims.yaml").read_text() == text
    # The same driver, begun again.
    store.write("claims.yaml", b"claims: [third]")
    drive("head")
    assert (folder.path / "claims.yaml").read_text() == "claims: [third]"


def test_claims_in_the_drivers_folder_come_to_its_readers(drive, read):
    folder, kept, _ = drive("head")
    write_text(folder.question, "name: small\n")
    write_text(folder.path / "claims.yaml", "claims: [mine]")
    kept.keep()
    assert (read().path / "claims.yaml").read_text() == "claims: [mine]"


def test_optunas_study_is_written_once_a_minute(drive, bucket, fake_time, question):
    folder, kept, _ = drive("head")
    storage = path_of(folder, question)
    storage.parent.mkdir()
    optuna.create_study(storage=f"sqlite:///{storage}", study_name="small")
    for seconds, there in [(59, False), (1, True)]:
        fake_time.sleep(seconds)
        kept.keep()
        assert any(each.key.endswith("optuna/study.db") for each in bucket.objects.all()) is there


def test_optunas_database_is_copied_whole_while_it_is_written(tmp_path):
    path, over, began = tmp_path / "optuna" / "study.db", threading.Event(), threading.Event()
    path.parent.mkdir()

    def write():
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute("CREATE TABLE a (x TEXT)")
            database.execute("CREATE TABLE b (x TEXT)")
            while not over.is_set():
                with database:
                    database.execute("INSERT INTO a VALUES (?)", ("x" * 3000,))
                    database.execute("INSERT INTO b VALUES (?)", ("x" * 3000,))
                began.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(30)
        for _ in range(3):
            snapshot(path.parent, tmp_path / "copy")
            with closing(sqlite3.connect(tmp_path / "copy" / "study.db")) as copy:
                assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                a, b = copy.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").fetchone()
                assert a == b > 0
    finally:
        over.set()
        writer.join()


def test_a_journal_is_copied_to_its_last_whole_line(drive, bucket):
    folder, kept, _ = drive("head")
    write_text(folder.path / "optuna" / "study.log", '{"op": 1}\n{"op": 2}\n{"op')
    kept.keep(now=True)
    (stored,) = [each for each in bucket.objects.all() if each.key.endswith("study.log")]
    assert stored.get()["Body"].read() == b'{"op": 1}\n{"op": 2}\n'


@pytest.mark.parametrize("ending", [None, KeyboardInterrupt, ValueError])
def test_a_driven_study_is_wholly_written_at_its_end_and_let_go(location, ending):
    def drive():
        with driven(location):
            write_text(location.folder(Role.DRIVER) / "study.yaml", "q")
            if ending is not None:
                raise ending

    if ending is None:
        drive()
    else:
        with pytest.raises(ending):
            drive()
    assert (read_study(location) / "study.yaml").read_text() == "q"
    with driven(location):
        pass


def test_a_study_is_not_driven_twice_at_once(location, monkeypatch):
    with driven(location) as first:
        # The first one renews while the second one waits to see whether it does.
        monkeypatch.setattr(Lease.__init__, "__defaults__", (15.0, time.monotonic, lambda _: first._lease.renew()))
        with pytest.raises(IgnmError, match=r"some/prefix/small: this study is being run already"), driven(location):
            pytest.fail("driven twice")


def test_a_trials_process_has_a_folder_apart_from_the_drivers(location, stages):
    with driven(location) as kept:
        folder = StudyFolder(location.folder(Role.DRIVER))
        begin(folder, stages)
        kept.begin(NAME)
        mirror = mirror_of(locate(location.uri), NAME)
        bring(mirror).close()
        assert mirror.local.name == NAME
        assert (mirror.local / "trial.json").read_bytes() == (folder.trial(NAME).path / "trial.json").read_bytes()
        assert not mirror.local.is_relative_to(folder.path)


def test_a_local_study_is_read_where_it_lies(tmp_path):
    assert read_study(Location(tmp_path)) == tmp_path


def test_a_study_that_is_not_there_is_told_though_a_copy_of_it_is_here(drive, read, bucket):
    folder, kept, _ = drive("a")
    write_text(folder.question, "q")
    kept.keep()
    read()
    bucket.objects.all().delete()
    with pytest.raises(IgnmError, match=r"s3://bucket-\d+/some/prefix/small: no study here"):
        read()


def test_a_reader_leaves_the_drivers_folder_alone(location):
    assert len({location.folder(role) for role in Role}) == 3
