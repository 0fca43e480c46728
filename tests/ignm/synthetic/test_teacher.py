"""A pool from a trained generator."""

import shutil
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.configs import TINY

from ignm.config import load_preset, override, save_config
from ignm.config.data import SyntheticConfig
from ignm.errors import IgnmError
from ignm.files import write_json
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape
from ignm.synthetic import teacher
from ignm.synthetic.pool import fingerprint_of, open_pool
from ignm.training.checkpoint import generator_bytes, load_generator, open_checkpoint, save_checkpoint

CPU = torch.device("cpu")


def taught_by(folder, changes=None, seed=5, shape=DataShape(3)):  # noqa: B008
    """A trial's folder with one checkpoint of untrained, but lively, networks."""
    config = override(load_preset("dcgan", TINY), changes or {})
    generator, average = (build_generator(config, shape, each) for each in (seed, seed + 1))
    discriminator = build_discriminator(config, shape, seed)
    with torch.no_grad():
        for network in (average, discriminator):
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(4)
    trainer = SimpleNamespace(
        config=config, seed=seed, shape=shape, average=average, images_seen=8, state=dict,
        networks=lambda: {"generator": generator, "discriminator": discriminator, "generator_ema": average},
    )  # fmt: skip
    save_checkpoint(trainer, [], "f", folder)
    return folder


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    return taught_by(tmp_path_factory.mktemp("teacher"))


@pytest.fixture
def best(tmp_path, trial):
    """What a study keeps of its winner: a generator, its config, the evidence, and no discriminator."""
    folder = tmp_path / "best"
    folder.mkdir()
    checkpoint = open_checkpoint(trial)
    save_config(checkpoint.config, folder / "config.yaml")
    (folder / "generator.safetensors").write_bytes(generator_bytes(load_generator(checkpoint, CPU).state_dict()))
    write_json(folder / "evidence.json", {"shape": asdict(checkpoint.shape)})
    return folder


def data(resolution=16, channels=3):
    return SimpleNamespace(fingerprint="x", resolution=resolution, channels=channels, images=np.empty(0))


def config(folder, count=100, **changes):
    return SyntheticConfig(source="teacher", teacher=str(folder), count=count, **changes)


def mean_logit(trial, images):
    found = teacher.find(str(trial))
    judge = teacher.load_judge(found, CPU)
    seen = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1
    return judge(seen, None).mean().item()


def test_the_averaged_generator_makes_the_images(tmp_path, trial):
    made = open_pool(config(trial), data(), tmp_path)
    assert made.images.shape == (100, 16, 16, 3)
    assert (made.sources == -1).all()
    assert len(np.unique(made.images.reshape(100, -1), axis=0)) == 100
    average = load_generator(open_checkpoint(trial), CPU)
    found = teacher.load(teacher.find(str(trial)), CPU)
    latents = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(found(latents), average(latents))
    # The pool's images are that generator's: its latents, given back to it, give them again.
    block = teacher.sampled(average, None, config(trial), 0, 64)
    np.testing.assert_array_equal(made.images[:64], teacher._fitted(block, 16, 3))


def test_image_i_depends_on_the_seed_and_i_alone(tmp_path, trial):
    long, short = (open_pool(config(trial, count, rejection=0.5), data(), tmp_path) for count in (150, 70))
    np.testing.assert_array_equal(long.images[:70], short.images)
    other = open_pool(config(trial, 70, rejection=0.5, seed=1), data(), tmp_path)
    assert (other.images != short.images).any(axis=(1, 2, 3)).all()


def test_rejection_raises_the_mean_logit(tmp_path, trial):
    logits = [
        mean_logit(trial, open_pool(config(trial, 256, rejection=share), data(), tmp_path).images)
        for share in (0.0, 0.5, 0.9)
    ]
    assert logits[0] < logits[1] < logits[2]


def test_rejection_drops_the_least_believed_of_each_block(trial):
    found = teacher.find(str(trial))
    generator, judge = teacher.load(found, CPU), teacher.load_judge(found, CPU)
    settings = config(trial, rejection=0.75)
    kept = teacher.sampled(generator, judge, settings, 3, 64)
    candidates = []
    teacher.sampled(generator, lambda z, labels: candidates.append(z) or torch.zeros(len(z)), settings, 3, 64)
    every = torch.cat(candidates[:4])
    logits = judge(every, None)
    assert len(every) == 256
    expected = every[logits >= logits.sort().values[-64]]
    torch.testing.assert_close(kept, expected, atol=1e-4, rtol=0)


def test_truncation_scales_the_latents(trial):
    class Echo(torch.nn.Linear):
        """Gives its latents back."""

        latent = 8

        def forward(self, latents, labels):
            return latents

        def sample_labels(self, count, random):
            return None

    whole, half = (teacher.sampled(Echo(1, 1), None, config(trial, truncation=psi), 2, 16) for psi in (1.0, 0.5))
    assert whole.shape == (64, 8)
    assert 0.9 < whole.std() < 1.1
    torch.testing.assert_close(half, whole / 2)


def test_other_sizes_and_channels_are_converted(tmp_path, trial):
    base = open_pool(config(trial), data(), tmp_path).images.astype(float)
    large = open_pool(config(trial), data(64), tmp_path).images.astype(float)
    assert large.shape == (100, 64, 64, 3)
    assert np.corrcoef(large.mean(axis=(1, 2)).ravel(), base.mean(axis=(1, 2)).ravel())[0, 1] > 0.99
    grey = open_pool(config(trial), data(16, 1), tmp_path).images[..., 0]
    assert np.abs(grey - base @ np.array([0.299, 0.587, 0.114])).max() < 1.5
    teacher_in_grey = taught_by(tmp_path / "grey", shape=DataShape(1))
    colour = open_pool(config(teacher_in_grey), data(), tmp_path).images
    assert (colour == colour[..., :1]).all()


def test_a_conditional_teacher_is_given_labels(tmp_path):
    changes = {"generator.condition": "latent", "loss.embedding": "projection"}
    folder = taught_by(tmp_path / "conditional", changes, shape=DataShape(3, (2,), 1))
    assert open_pool(config(folder, rejection=0.5), data(), tmp_path).images.shape == (100, 16, 16, 3)


def test_a_studys_best_is_a_teacher_and_the_same_one(tmp_path, trial, best):
    assert fingerprint_of(config(best), data()) == fingerprint_of(config(trial), data())
    kept = open_pool(config(best), data(), tmp_path / "a").images
    np.testing.assert_array_equal(kept, open_pool(config(trial), data(), tmp_path / "b").images)


def test_fingerprints_are_the_teachers_files_and_not_its_place(tmp_path, trial):
    base = fingerprint_of(config(trial), data())
    moved = shutil.copytree(trial, tmp_path / "moved")
    assert fingerprint_of(config(moved), data()) == base
    assert fingerprint_of(config(next(moved.glob("checkpoint-*"))), data()) == base
    assert fingerprint_of(config(trial, light=0.1, background=0.1), data()) == base
    assert fingerprint_of(config(trial), data(32)) != base
    assert fingerprint_of(config(trial), data(16, 1)) != base
    changes = [{"truncation": 0.5}, {"rejection": 0.5}, {"seed": 1}, {"count": 9}]
    others = [fingerprint_of(config(trial, **change), data()) for change in changes]
    others.append(fingerprint_of(config(taught_by(tmp_path / "other", seed=9)), data()))
    assert len({base, *others}) == 6


def refusal(tmp_path, settings):
    with pytest.raises(IgnmError) as caught:
        open_pool(settings, data(), tmp_path)
    assert not list((tmp_path / ".pools").glob("*"))
    assert not list((tmp_path / ".pools").glob(".*"))
    return str(caught.value)


def test_a_best_cannot_reject(tmp_path, best):
    message = refusal(tmp_path, config(best, rejection=0.5))
    assert message.startswith("data.synthetic.rejection: 0.5 of the images")
    assert "holds a generator alone" in message


def test_a_missing_teacher_says_what_is_allowed(tmp_path):
    message = refusal(tmp_path, config(tmp_path / "nowhere"))
    assert message.startswith(f"data.synthetic.teacher: {tmp_path / 'nowhere'}: no such folder; give a checkpoint")
    assert refusal(tmp_path, SyntheticConfig(source="teacher")).startswith("data.synthetic.teacher: None: no such")


def test_a_folder_without_a_checkpoint_is_no_teacher(tmp_path):
    assert refusal(tmp_path, config(tmp_path)).startswith(f"data.synthetic.teacher: {tmp_path}: no checkpoint here")


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


FOREIGN = {
    "generator cut": lambda best: cut(best / "generator.safetensors"),
    "no evidence": lambda best: (best / "evidence.json").unlink(),
    "no shape": lambda best: write_json(best / "evidence.json", {"shape": {"channels": "x"}}),
    "no config": lambda best: (best / "config.yaml").unlink(),
    "config of another network": lambda best: (best / "config.yaml").write_text("generator: {width: 16}\n"),
}


@pytest.mark.parametrize("damage", FOREIGN.values(), ids=FOREIGN)
def test_a_damaged_or_foreign_teacher_is_one_message(tmp_path, best, damage):
    damage(best)
    assert refusal(tmp_path, config(best)).startswith("data.synthetic.teacher: ")


def test_a_damaged_checkpoint_is_one_message(tmp_path, trial):
    copy = next(shutil.copytree(trial, tmp_path / "copy").glob("checkpoint-*"))
    cut(copy / "networks.safetensors")
    assert refusal(tmp_path, config(copy)).startswith("data.synthetic.teacher: ")
