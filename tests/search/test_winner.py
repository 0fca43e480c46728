"""The winner is the mean's, over as many seeds as any configuration has."""

import json
from dataclasses import fields

import pytest
from PIL import Image
from safetensors.torch import load_file

from ignm.config import load_config, override
from ignm.data.store import open_dataset
from ignm.errors import IgnmError
from ignm.files import read_json
from ignm.training.training_set import TrainingSet
from search.confirming import begin_runs
from search.study.folder import Status, StudyFolder
from search.winner import keep_winner


@pytest.fixture
def dataset(in_home):
    return open_dataset("drawn", 16)


@pytest.fixture
def planned(tmp_path, question, dataset):
    """Two configurations on two seeds; `ended(...)` ends the runs with these final qualities, None for diverged."""
    folder = StudyFolder(tmp_path / "small")
    configs = [question.base(), override(question.base(), {"generator.width": 16})]
    plan = {
        "asked_kimg": 2.0,
        "kimg": 2.0,
        "seeds": [1000, 1001],
        "candidates": [
            {"role": role, "source": role, "parameters": {}, "config": config.model_dump(mode="json")}
            for role, config in zip(("baseline", "candidate"), configs, strict=True)
        ],
    }
    folder.path.mkdir()
    folder.plan.write_text(json.dumps(plan))
    runs = begin_runs(folder, question, plan)

    def ended(*qualities):
        for run, quality in zip(runs, qualities, strict=True):
            if quality is None:
                run.end(Status.DIVERGED, "made to")
                continue
            _with_checkpoint(run, dataset, quality)
            run.end(Status.COMPLETED)
        return keep_winner(folder, dataset, question.base().config_id, question.evaluation)

    return folder, ended


def _with_checkpoint(run, dataset, quality):
    import torch

    from ignm.training.checkpoint import save_checkpoint
    from ignm.training.measurement import Measurement, write_measurements
    from ignm.training.trainer import Trainer

    trainer = Trainer(run.spec().config, TrainingSet.of(dataset.images), run.spec().seed, torch.device("cpu"))
    numbers = {field.name: 1.0 for field in fields(Measurement)}
    words = {"precision": "fp32", "metric": "fd", "reference_id": "ref", "metrics": {}, "defects": ()}
    measured = [Measurement(**{**numbers, **words, "quality": quality})]
    save_checkpoint(trainer, measured, dataset.fingerprint, run.path)
    write_measurements(run.path / "measurements.jsonl", measured)


def test_the_lowest_mean_wins_and_everything_is_there_to_take_away(planned, question, dataset):
    folder, ended = planned
    evidence = ended(5.0, 1.0, 5.0, 6.0)  # seed by seed: baseline 5, candidate 1; baseline 5, candidate 6
    assert evidence["role"] == "candidate"
    assert evidence["mean"] == 3.5
    assert evidence["sd"] == pytest.approx(3.5355, abs=1e-4)
    assert evidence["baseline"]["mean"] == 5.0
    assert load_config(folder.best / "config.yaml").generator.width == 16
    kept = load_file(folder.best / "generator.safetensors")
    own = load_file(next((folder.trial(evidence["trial"]).path).glob("checkpoint-*")) / "generator_ema.safetensors")
    assert all((kept[key] == own[key]).all() for key in own)
    assert folder.trial(evidence["trial"]).spec().seed == 1000
    assert Image.open(folder.best / "samples.png").size == Image.open(folder.best / "real.png").size
    assert Image.open(folder.best / "nearest.png").size == (12 * 17 - 1, 8 * 17 - 1)
    assert read_json(folder.best / "evidence.json")["config_id"] == evidence["config_id"]


def test_a_lost_seed_is_no_advantage(planned):
    _, ended = planned
    evidence = ended(5.0, 1.0, 5.0, None)
    assert evidence["role"] == "baseline"
    assert list(evidence["candidates"][1]["lost"].values()) == ["diverged"]


def test_all_lost_is_one_clear_error_and_nothing_written(planned):
    folder, ended = planned
    with pytest.raises(IgnmError, match="no confirm run came to its end"):
        ended(None, None, None, None)
    assert not folder.best.exists()
