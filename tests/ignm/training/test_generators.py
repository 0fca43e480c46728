"""A trained generator handed on: the same images for the same seed, ways between latents, and honest refusals."""

import json

import numpy as np
import pytest
import torch

import ignm
from ignm.config import save_config
from ignm.errors import IgnmError
from ignm.training.checkpoint import save_checkpoint
from ignm.training.generators import open_generator, slerp
from ignm.training.samples import generate
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")


@pytest.fixture
def checkpoint(tiny_config, tiny_images, tmp_path):
    trainer = Trainer(tiny_config, TrainingSet.of(tiny_images), 0, CPU)
    trainer.advance(0.05)
    return save_checkpoint(trainer, [], "f1", tmp_path / "trial")


@pytest.fixture
def best(checkpoint, tiny_config, tmp_path):
    folder = tmp_path / "best"
    folder.mkdir()
    (folder / "generator.safetensors").write_bytes((checkpoint / "generator_ema.safetensors").read_bytes())
    save_config(tiny_config, folder / "config.yaml")
    shape = {"channels": 3, "classes": [], "continuous": 0}
    (folder / "evidence.json").write_text(json.dumps({"shape": shape}))
    return folder


def test_best_and_checkpoint_make_the_same_images(best, checkpoint):
    images = ignm.open_generator(best).sample(5, seed=3)
    assert (images.shape, images.dtype) == ((5, 16, 16, 3), np.uint8)
    assert np.array_equal(images, open_generator(str(checkpoint), CPU).sample(5, seed=3))
    assert np.array_equal(images, open_generator(checkpoint.parent, CPU).sample(9, seed=3)[:5])
    assert not np.array_equal(images, open_generator(best, CPU).sample(5, seed=4))


def test_a_study_stands_for_what_it_keeps_in_best(best):
    assert best.name == "best"
    assert np.array_equal(
        open_generator(best.parent, CPU).sample(5, seed=3), open_generator(best, CPU).sample(5, seed=3)
    )


def test_truncation_draws_images_together(best):
    opened = open_generator(best, CPU)
    spread = [opened.sample(32, truncation=share).std(axis=0, dtype=float).mean() for share in (1.0, 0.5, 0.0)]
    assert spread[0] > spread[1] > spread[2] == 0
    whole = torch.cat(list(generate(opened.network, 32, 0))).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(opened.sample(32), whole)


def test_ways_between_latents_begin_and_end_at_samples(best):
    opened = open_generator(best, CPU)
    ways = opened.interpolate(pairs=3, steps=5, seed=1)
    assert ways.shape == (3, 5, 16, 16, 3)
    ends = opened.sample(6, seed=1)
    assert np.abs(ways[:, 0].astype(int) - ends[::2]).max() <= 1
    assert np.abs(ways[:, -1].astype(int) - ends[1::2]).max() <= 1
    steps = np.abs(np.diff(ways.astype(int), axis=1)).mean(axis=(2, 3, 4))
    assert (steps < np.abs(ends[::2].astype(int) - ends[1::2]).mean(axis=(1, 2, 3))[:, None]).all()


def test_the_way_is_a_great_circle():
    one, other = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    for share in (0.0, 0.25, 0.5, 1.0):
        angle = share * torch.pi / 2
        expected = 3 * torch.tensor([[np.cos(angle), np.sin(angle)]], dtype=torch.float32)
        torch.testing.assert_close(slerp(one, other, share), expected)
    torch.testing.assert_close(slerp(one, one, 0.3), one)


@pytest.mark.parametrize("text", ["{", "{}", '{"shape": {"channels": "many"}}', '{"shape": 3}'])
def test_a_damaged_best_is_named(best, text):
    (best / "evidence.json").write_text(text)
    with pytest.raises(IgnmError, match=r"evidence\.json"):
        open_generator(best, CPU)


def test_what_is_no_generator_is_named(tmp_path, best):
    with pytest.raises(IgnmError, match="no checkpoint here"):
        open_generator(tmp_path / "nowhere")
    (best / "generator.safetensors").write_bytes(b"damaged")
    with pytest.raises(IgnmError, match=r"generator\.safetensors"):
        open_generator(best, CPU)


def test_the_package_has_no_other_names():
    with pytest.raises(AttributeError, match="open_generators"):
        ignm.open_generators  # noqa: B018
