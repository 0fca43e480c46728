import json
import shutil

import pytest
import torch
from support.trials import CPU, HARD, POINTS, WeightSum, equal, final_state, run, spec

from ignm.config import override
from ignm.errors import IgnmError
from ignm.training import ownership
from ignm.training.checkpoint import load_generator, open_checkpoint
from ignm.training.measurement import read_measurements
from ignm.training.trainer import DivergedError


@pytest.mark.parametrize("changes", [{}, HARD], ids=["dcgan", "everything on"])
@pytest.mark.parametrize("stop_after", [1, 2])
def test_resume_is_bit_exact(tmp_path, tiny_config, dataset, changes, stop_after):
    wanted = spec(override(tiny_config, changes))
    whole = list(run(wanted, dataset, tmp_path / "whole"))
    broken = run(wanted, dataset, tmp_path / "broken")
    for _ in range(stop_after):
        next(broken)
    broken.close()
    resumed = list(run(wanted, dataset, tmp_path / "broken"))
    assert [m.quality for m in resumed] == [m.quality for m in whole]
    assert equal(final_state(tmp_path / "whole"), final_state(tmp_path / "broken"))
    assert [m["quality"] for m in read_measurements(tmp_path / "broken/measurements.jsonl")] == [
        m.quality for m in whole
    ]


def test_a_finished_trial_trains_no_more(tmp_path, tiny_config, dataset):
    wanted = spec(tiny_config)
    first = list(run(wanted, dataset, tmp_path))
    before = final_state(tmp_path)
    assert list(run(wanted, dataset, tmp_path, WeightSum(value=-1.0))) == first
    assert equal(before, final_state(tmp_path))


def test_a_truncated_newest_checkpoint_costs_one_interval_and_nothing_else(tmp_path, tiny_config, dataset, caplog):
    wanted = spec(tiny_config)
    whole = list(run(wanted, dataset, tmp_path / "whole"))
    broken = run(wanted, dataset, tmp_path / "broken")
    next(broken), next(broken)
    broken.close()
    newest = sorted((tmp_path / "broken").glob("checkpoint-*"))[-1]
    data = (newest / "networks.safetensors").read_bytes()
    (newest / "networks.safetensors").write_bytes(data[: len(data) // 2])
    assert [m.quality for m in run(wanted, dataset, tmp_path / "broken")] == [m.quality for m in whole]
    assert "damaged" in caplog.text


def test_no_checkpoint_is_left_half_written(tmp_path, tiny_config, dataset, monkeypatch):
    broken = run(spec(tiny_config), dataset, tmp_path, storage_patience=0.0)
    next(broken)
    monkeypatch.setattr(torch, "save", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(IgnmError, match=r"a checkpoint: No space left on device, for \d+ s; free some space"):
        next(broken)
    assert [p.name for p in tmp_path.glob("*checkpoint*")] == ["checkpoint-0000000080"]
    assert len(read_measurements(tmp_path / "measurements.jsonl")) == 1
    monkeypatch.undo()
    assert len(list(run(spec(tiny_config), dataset, tmp_path))) == 3


def test_only_the_two_newest_checkpoints_are_kept(tmp_path, tiny_config, dataset):
    list(run(spec(tiny_config), dataset, tmp_path))
    assert sorted(p.name for p in tmp_path.glob("checkpoint-*")) == ["checkpoint-0000000160", "checkpoint-0000000240"]


def test_another_trials_directory_is_refused(tmp_path, tiny_config, dataset):
    list(run(spec(tiny_config), dataset, tmp_path))
    with pytest.raises(IgnmError, match="holds another trial"):
        next(run(spec(tiny_config, seed=1), dataset, tmp_path))
    with pytest.raises(IgnmError, match="holds another trial"):
        next(run(spec(override(tiny_config, {"optim.batch": 16})), dataset, tmp_path))


def test_the_wrong_dataset_is_refused(tmp_path, tiny_config, dataset):
    wanted = spec(override(tiny_config, {"data.name": "other"}))
    with pytest.raises(IgnmError, match="other at 16"):
        next(run(wanted, dataset, tmp_path))
    assert not list(tmp_path.iterdir())


def test_other_images_under_the_same_name_are_refused(tmp_path, tiny_config, dataset):
    first = run(spec(tiny_config), dataset, tmp_path)
    next(first)
    first.close()
    dataset.fingerprint = "f2"
    with pytest.raises(IgnmError, match=r"f1[\s\S]*f2"):
        next(run(spec(tiny_config), dataset, tmp_path))


def test_two_processes_do_not_train_in_one_directory(tmp_path, tiny_config, dataset, monkeypatch):
    monkeypatch.setattr(ownership, "LOCK_SECONDS", 0.0)
    first = run(spec(tiny_config), dataset, tmp_path)
    next(first)
    with pytest.raises(IgnmError, match="another process is training there"):
        next(run(spec(tiny_config), dataset, tmp_path))
    first.close()
    assert len(list(run(spec(tiny_config), dataset, tmp_path))) == 3


def test_points_are_those_of_the_schedule_whatever_the_batch(tmp_path, tiny_config, dataset):
    for batch in (8, 12):
        made = list(run(spec(override(tiny_config, {"optim.batch": batch})), dataset, tmp_path / str(batch)))
        assert tuple(m.point for m in made) == POINTS
        assert all(0 <= m.kimg - m.point < batch / 1000 for m in made)


def test_a_batch_larger_than_the_way_between_points_still_ends_at_the_last(tmp_path, tiny_config, dataset):
    made = list(run(spec(override(tiny_config, {"optim.batch": 200})), dataset, tmp_path))
    assert tuple(m.point for m in made) == POINTS
    assert [m.kimg for m in made] == [0.2, 0.2, 0.4]
    assert made[0].quality == made[1].quality != made[2].quality


def test_a_metric_that_is_not_finite_is_a_divergence(tmp_path, tiny_config, dataset):
    with pytest.raises(DivergedError, match="not finite"):
        next(run(spec(tiny_config), dataset, tmp_path, WeightSum(value=float("nan"))))


def test_checkpoints_describe_themselves(tmp_path, tiny_config, dataset):
    list(run(spec(tiny_config), dataset, tmp_path))
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.config == tiny_config
    generator = load_generator(checkpoint, CPU)
    assert generator(torch.randn(2, 8)).shape == (2, 3, 16, 16)
    assert not generator.training
    assert json.loads((checkpoint.path / "checkpoint.json").read_text())["images_seen"] == 240


def test_no_checkpoint_is_one_clear_error(tmp_path):
    with pytest.raises(IgnmError, match="no checkpoint here"):
        open_checkpoint(tmp_path)
    with pytest.raises(IgnmError, match="no checkpoint here"):
        open_checkpoint(tmp_path / "absent")


def test_leftovers_of_a_killed_run_are_cleared(tmp_path, tiny_config, dataset):
    first = run(spec(tiny_config), dataset, tmp_path)
    next(first)
    first.close()
    shutil.copytree(tmp_path / "checkpoint-0000000080", tmp_path / ".checkpoint-0000000160.xyz.partial")
    assert len(list(run(spec(tiny_config), dataset, tmp_path))) == 3
    assert not list(tmp_path.glob(".*partial*"))
