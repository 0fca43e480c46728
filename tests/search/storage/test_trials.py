import json
import os
from dataclasses import asdict, replace

import pytest

from ignm.errors import IgnmError
from ignm.training.checkpoint import latest_checkpoint
from ignm.training.measurement import read_measurements
from ignm.training.ownership import LostOwnershipError
from search.storage.mirror import Mirror
from search.storage.trials import bring

TIMED = {"seconds", "images_per_second"}


def untimed(measurements):
    """All of measurements but how long they took."""
    rows = [each if isinstance(each, dict) else json.loads(json.dumps(asdict(each))) for each in measurements]
    return [{key: value for key, value in row.items() if key not in TIMED} for row in rows]


def weights(folder):
    checkpoint = latest_checkpoint(folder)
    assert checkpoint is not None
    return {path.name: path.read_bytes() for path in checkpoint.path.glob("*.safetensors")}


@pytest.fixture
def begun(stages):
    """Put the trial into a store, as its driver does."""

    def begun(remote):
        remote.put({name: stages.folder(0) / name for name in ("trial.json", "label.json")})
        return remote

    return begun


@pytest.fixture
def node(tmp_path):
    """Bring the trial to a node."""

    def node(name, remote):
        mirror = Mirror(tmp_path / name / "trial", remote)
        return mirror.local, bring(mirror)

    return node


def trained(kept, training, count):
    """Train for some measurements, keeping each; returns them."""
    made = []
    for _ in range(count):
        made.append(next(training))
        kept.keep()
    return made


@pytest.mark.parametrize("stop_after", [1, 3])
def test_a_trial_goes_on_elsewhere_as_if_nothing_had_happened(remote, begun, node, train, stages, stop_after):
    begun(remote)
    here, kept = node("a", remote)
    training = train(here)
    trained(kept, training, stop_after)
    training.close()
    kept.close()
    there, kept = node("b", remote)
    resumed = train(there)
    assert untimed(resumed_and_kept(resumed, kept)) == untimed(stages.measurements)
    assert untimed(read_measurements(there / "measurements.jsonl")) == untimed(stages.measurements)
    assert weights(there) == weights(stages.folder(4))
    reader = Mirror(there.parent / "reader", remote)
    reader.pull()
    assert untimed(read_measurements(reader.local / "measurements.jsonl")) == untimed(stages.measurements)


def resumed_and_kept(training, kept):
    made = []
    for measurement in training:
        made.append(measurement)
        kept.keep()
    kept.close()
    return made


def test_a_killed_process_loses_at_most_one_interval(faulty, begun, node, at_stage, killed):
    """Killed with its third checkpoint on its way, it goes on from the second; all three measurements are kept."""
    begun(faulty)
    here, kept = node("a", faulty)
    for number in (1, 2):
        at_stage(number, here)
        kept.keep()
    kept.wait()
    at_stage(3, here)
    faulty.fs.fail_at = "checkpoint.json"
    kept.keep()
    with pytest.raises(killed):
        kept.wait()
    faulty.fs.fail_at = None
    there, _ = node("b", faulty)
    assert len(read_measurements(there / "measurements.jsonl")) == 3
    assert len(latest_checkpoint(there).measurements) == 2


def test_what_went_wrong_behind_its_back_is_told_at_the_next_call(faulty, begun, node, at_stage, killed):
    for call in ("keep", "wait", "close"):
        faulty.fs.fail_at = None
        faulty.remove(list(faulty.listing()))
        begun(faulty)
        here, kept = node(call, faulty)
        at_stage(1, here)
        kept.keep()
        kept.wait()
        at_stage(2, here)
        faulty.fs.fail_at = "checkpoint.json"
        kept.keep()
        with pytest.raises(killed):
            getattr(kept, call)()


def test_the_end_is_written_after_all_that_it_speaks_for(faulty, begun, node, at_stage):
    begun(faulty)
    here, kept = node("a", faulty)
    at_stage(4, here)
    (here / "status.json").write_text('{"status": "completed"}')
    order = []
    faulty.fs.before_write = order.append
    kept.keep()
    names = [key.rpartition("/")[2] for key in order if key]
    assert names[-1] == "status.json"
    assert "checkpoint.json" in names
    assert "measurements.jsonl" in names


def test_a_new_trial_comes_without_anything_but_what_was_asked(remote, begun, node):
    begun(remote)
    here, _ = node("a", remote)
    assert {path.name for path in here.iterdir() if not path.name.startswith(".")} == {"trial.json", "label.json"}


def test_a_trial_that_is_not_there_is_told(remote, node):
    with pytest.raises(IgnmError, match="no trial here"):
        node("a", remote)
    assert remote.listing() == {}


def test_a_process_that_was_left_behind_finds_that_the_trial_is_anothers(remote, begun, node, at_stage):
    begun(remote)
    here, left = node("a", remote)
    at_stage(1, here)
    left.keep()
    left.wait()
    there, kept = node("b", remote)
    at_stage(2, here)
    with pytest.raises(LostOwnershipError, match=f"trained by another process now .*-{os.getpid()}-"):
        left.keep()
    at_stage(3, there)
    kept.keep()
    kept.wait()
    _, third = node("c", remote)
    assert len(latest_checkpoint(there.parents[1] / "c" / "trial").measurements) == 3
    third.close()


def test_a_folder_that_had_the_trial_last_may_be_ahead_of_the_store(remote, begun, node, at_stage):
    """Its process was killed before its last checkpoint got there."""
    begun(remote)
    here, kept = node("a", remote)
    at_stage(1, here)
    kept.keep()
    kept.wait()
    at_stage(3, here)
    _, again = node("a", remote)
    assert len(latest_checkpoint(here).measurements) == 3
    assert len(read_measurements(here / "measurements.jsonl")) == 3
    again.keep()
    again.wait()
    there, _ = node("b", remote)
    assert len(latest_checkpoint(there).measurements) == 3


def test_a_folder_that_did_not_is_brought_to_what_the_store_holds(remote, begun, node, at_stage):
    begun(remote)
    here, _ = node("a", remote)
    at_stage(3, here)
    there, kept = node("b", remote)
    at_stage(2, there)
    kept.keep()
    kept.wait()
    node("a", remote)
    assert len(latest_checkpoint(here).measurements) == 2
    assert len(read_measurements(here / "measurements.jsonl")) == 2


def test_what_an_earlier_study_of_the_same_name_has_left_does_not_count(remote, begun, node, at_stage):
    begun(remote)
    here, _ = node("a", remote)
    at_stage(4, here)
    remote.remove(list(remote.listing()))
    begun(remote)
    node("a", remote)
    assert latest_checkpoint(here) is None
    assert not (here / "measurements.jsonl").exists()


def test_an_end_that_the_driver_has_written_is_brought_even_to_a_folder_that_is_ahead(remote, begun, node, at_stage):
    begun(remote)
    here, _ = node("a", remote)
    at_stage(2, here)
    remote.write("status.json", b'{"status": "pruned"}')
    node("a", remote)
    assert json.loads((here / "status.json").read_text())["status"] == "pruned"


def test_letting_go_gives_the_disk_back_once_all_is_in_the_store(remote, begun, node, at_stage):
    begun(remote)
    here, kept = node("a", remote)
    at_stage(3, here)
    kept.keep()
    kept.close(discard=True)
    assert list(here.glob("checkpoint-*")) == []
    assert len(read_measurements(here / "measurements.jsonl")) == 3
    again, _ = node("a", remote)
    assert len(latest_checkpoint(again).measurements) == 3


def test_letting_go_keeps_what_could_not_be_written(faulty, begun, node, at_stage, killed):
    begun(faulty)
    here, kept = node("a", faulty)
    at_stage(1, here)
    kept.keep()
    kept.wait()
    at_stage(2, here)
    faulty.fs.fail_at = "checkpoint.json"
    kept.keep()
    with pytest.raises(killed):
        kept.close(discard=True)
    assert len(latest_checkpoint(here).measurements) == 2


def test_an_error_that_was_overcome_is_not_left_in_the_store(remote, begun, node, at_stage):
    begun(remote)
    here, kept = node("a", remote)
    at_stage(1, here)
    (here / "traceback.txt").write_text("out of luck")
    kept.keep()
    kept.wait()
    assert remote.read("traceback.txt") == b"out of luck"
    (here / "traceback.txt").unlink()
    kept.keep()
    kept.wait()
    assert remote.read("traceback.txt") is None


def test_progress_is_written_now_and_then(remote, begun, node, fake_time):
    begun(remote)
    here, kept = node("a", remote)
    kept._clock = fake_time.clock
    kept._progress_at = fake_time.now
    for kimg, pause in [(1, 29), (2, 1), (3, 29), (4, 1)]:
        fake_time.sleep(pause)
        (here / "progress.json").write_text(f'{{"kimg": {kimg}}}')
        kept.progress(kimg)
        kept.wait()
        there = remote.read("progress.json")
        assert (json.loads(there)["kimg"] if there else None) == {1: None, 2: 2, 3: 2, 4: 4}[kimg]


def test_a_checkpoint_made_between_measurements_is_written_too(faulty, begun, node, at_stage, fake_time, whole_in):
    begun(faulty)
    here, kept = node("a", faulty)
    kept._clock, kept._progress_at = fake_time.clock, fake_time.now
    at_stage(1, here)
    kept.keep()
    at_stage(2, here)
    for _ in range(2):
        fake_time.sleep(30)
        kept.progress(0.16)
        kept.wait()
        assert whole_in() == [1, 2]


def test_one_that_was_left_behind_learns_it_while_it_trains(remote, begun, node, at_stage, fake_time):
    begun(remote)
    here, left = node("a", remote)
    left._clock = fake_time.clock
    node("b", remote)
    at_stage(1, here)
    fake_time.sleep(30)
    left._progress_at = 0.0
    left.progress(0.08)
    with pytest.raises(LostOwnershipError):
        left.wait()
    assert not any(name.startswith("checkpoint") for name in remote.listing())


def test_a_store_that_is_away_for_a_minute_delays_and_loses_nothing(
    faulty, begun, at_stage, fake_time, whole_in, tmp_path
):
    patient = replace(begun(faulty), patience=300, clock=fake_time.clock, sleep=fake_time.sleep)
    mirror = Mirror(tmp_path / "a", patient)
    kept = bring(mirror)
    for number in (1, 2):
        at_stage(number, mirror.local)
        faulty.fs.away_for = 8
        kept.keep()
        kept.wait()
    assert sum(fake_time.slept) > 60
    assert whole_in() == [1, 2]


def test_a_measurement_costs_few_requests(faulty, begun, node, at_stage):
    begun(faulty)
    here, kept = node("a", faulty)
    at_stage(1, here)
    kept.keep()
    kept.wait()
    at_stage(2, here)
    before = faulty.fs.requests
    kept.keep()
    kept.wait()
    small = sum(path.is_file() and not path.name.startswith(".") for path in here.iterdir())
    assert faulty.fs.requests - before <= 1 + small + 4
