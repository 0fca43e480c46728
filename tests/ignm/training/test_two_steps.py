"""Two-step training: the generator by reconstruction, then the discriminator alone, then the game."""

import numpy as np
import pytest
import torch

from ignm.config import override
from ignm.initialisation.reconstruction import laplacian_pyramid_l1
from ignm.training.checkpoint import open_checkpoint, restore, save_checkpoint
from ignm.training.trainer import Phase, Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")
TWO_STEPS = {"init.reconstruction": 0.04, "init.discriminator": 0.04}
ALL_AT_ONCE = {
    "data.mirror": True,
    "augment.policy": "diffaugment",
    "loss.penalty": "r1",
    "loss.interval": 2,
    "loss.lecam": 0.1,
    "discriminator.normalisation": "layer",
    "generator.spectral_norm": True,
    "optim.n_critic": 2,
}


def trainer_of(config, images, changes):
    return Trainer(override(config, changes), TrainingSet.of(images), 0, CPU)


def weights(network):
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def copied(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


@pytest.fixture
def smooth_images():
    """50 pictures of soft spots, which a small network can learn to draw."""
    source = np.random.default_rng(0)
    rows = np.linspace(-1, 1, 16)
    y, x = source.uniform(-0.6, 0.6, (2, 50, 1))
    spots = np.exp(-4 * (rows - y) ** 2)[:, :, None] * np.exp(-4 * (rows - x) ** 2)[:, None, :]
    return (spots[..., None] * source.uniform(100, 255, (50, 1, 1, 3))).astype(np.uint8)


def test_the_phases_follow_each_other_by_images_seen(tiny_config, tiny_images):
    trainer = trainer_of(tiny_config, tiny_images, TWO_STEPS)
    seen = {}
    while trainer.images_seen < 120:
        seen.setdefault(trainer.phase, []).append(trainer.images_seen)
        trainer.advance(trainer.kimg + 1e-4)
    assert seen == {
        Phase.RECONSTRUCTION: [0, 8, 16, 24, 32],
        Phase.DISCRIMINATOR: [40, 48, 56, 64, 72],
        Phase.JOINT: [80, 88, 96, 104, 112],
    }


@pytest.mark.parametrize("changes", [{}, ALL_AT_ONCE], ids=["dcgan", "everything on"])
def test_each_phase_moves_its_own_network_alone(tiny_config, tiny_images, changes):
    trainer = trainer_of(tiny_config, tiny_images, changes | TWO_STEPS)
    generator, discriminator = weights(trainer.generator), copied(trainer.discriminator)
    trainer.advance(0.04)
    assert same(discriminator, copied(trainer.discriminator))
    assert not any(torch.equal(value, generator[name]) for name, value in trainer.generator.named_parameters())
    generator, before = weights(trainer.generator), weights(trainer.discriminator)
    trainer.advance(0.08)
    assert same(generator, weights(trainer.generator))
    assert not same(before, weights(trainer.discriminator))
    before = weights(trainer.discriminator)
    trainer.advance(0.12)
    assert not same(generator, weights(trainer.generator))
    assert not same(before, weights(trainer.discriminator))


def test_the_game_begins_with_fresh_moments(tiny_config, tiny_images):
    trainer = trainer_of(tiny_config, tiny_images, TWO_STEPS)
    trainer.advance(0.08)
    assert not trainer.optimisers["generator"].state
    assert {int(each["step"]) for each in trainer.optimisers["reconstruction"].state.values()} == {5}
    assert {int(each["step"]) for each in trainer.optimisers["discriminator"].state.values()} == {5}


def test_without_phases_there_is_nothing_of_them(tiny_config, tiny_images):
    trainer = trainer_of(tiny_config, tiny_images, {})
    assert trainer.phase is Phase.JOINT
    assert set(trainer.optimisers) == {"generator", "discriminator"}
    assert trainer.state()["latents"] is None


def test_reconstruction_learns_the_images(tiny_config, smooth_images):
    changes = {"init.reconstruction": 3.0, "optim.generator.lr": 3e-3, "generator.latent": 16, "data.mirror": True}
    trainer = trainer_of(tiny_config, smooth_images, changes)

    def distance():
        """Over all 50 images, each made from its own latent."""
        latents = trainer.state()["latents"]["latents"]
        with torch.no_grad():
            made = trainer.generator(latents)
        real = torch.from_numpy(smooth_images).permute(0, 3, 1, 2) / 127.5 - 1
        return laplacian_pyramid_l1(made, real).item(), made.flatten(1).std(dim=0).mean().item()

    before, _ = distance()
    drawn = trainer.state()["latents"]["latents"].clone()
    trainer.advance(0.05)
    early = trainer.take_statistics()["generator_loss"]
    trainer.advance(2.9)
    trainer.take_statistics()
    trainer.advance(2.98)
    assert trainer.take_statistics()["generator_loss"] < early / 3
    after, variety = distance()
    assert after < before / 3
    assert variety > 0.1
    learnt = trainer.state()["latents"]["latents"]
    assert not torch.isclose(learnt, drawn).all(dim=1).any()
    torch.testing.assert_close(learnt.norm(dim=1), torch.full((50,), 4.0))


@pytest.mark.parametrize("changes", [{}, ALL_AT_ONCE], ids=["dcgan", "everything on"])
@pytest.mark.parametrize("stop", [0.016, 0.04, 0.056, 0.08, 0.096])
def test_resume_is_bit_exact_in_each_phase(tmp_path, tiny_config, tiny_images, changes, stop):
    # Few enough images for a latent to be moved, and to be used again.
    whole, again = (trainer_of(tiny_config, tiny_images[:12], changes | TWO_STEPS) for _ in range(2))
    whole.advance(stop)
    path = save_checkpoint(whole, [], "f1", tmp_path)
    held = torch.load(path / "state.pt", weights_only=True)["latents"]
    assert (held is not None) == (stop < 0.04)
    if held is not None:
        assert held["latents"].shape == (12, 8)
    restore(again, open_checkpoint(path), "f1")
    assert again.phase is whole.phase
    whole.advance(0.136)
    again.advance(0.136)
    for name, network in whole.networks().items():
        assert same(copied(network), copied(again.networks()[name])), name
    states = [trainer.state() for trainer in (whole, again)]
    for name in whole.optimisers:
        for ours, theirs in zip(*(state["optimisers"][name]["state"].values() for state in states), strict=True):
            assert same(ours, theirs), name
