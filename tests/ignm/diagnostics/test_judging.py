"""What the discriminator is asked, against critics whose answers have a closed form."""

from copy import deepcopy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from ignm.config import load_preset, override
from ignm.diagnostics.judging import Probe
from ignm.models.head import Judgement
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

CPU = torch.device("cpu")
SMALL = {
    "data.resolution": 16, "generator.width": 8, "discriminator.width": 8, "generator.latent": 8, "optim.batch": 8,
    "optim.precision": "fp32",
}  # fmt: skip


class Linear(nn.Module):
    """The logit is the mean of the pixels times a weight."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(float(weight)))

    def forward(self, images, labels):
        return Judgement(self.weight * images.flatten(1).mean(dim=1))


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (100, 16, 16, 3), dtype=np.uint8)


def probe_of(images, held_out=None, **changes):
    config = override(load_preset("dcgan", SMALL), {path.replace("__", "."): value for path, value in changes.items()})
    shown = TrainingSet.of(images)
    trainer = Trainer(config, shown, 0, CPU)
    held_out = images[:0] if held_out is None else held_out
    return trainer, Probe(trainer, shown, SimpleNamespace(images=images, test_images=held_out))


def test_slope_and_signal_of_a_linear_critic(images):
    trainer, probe = probe_of(images, loss__adversarial="wasserstein", discriminator__normalisation=None)
    trainer.discriminator = Linear(5.0)
    pixels = images[0].size
    found = probe.ask()
    assert found.slope == pytest.approx(5 / pixels**0.5, rel=1e-5)
    assert found.signal == pytest.approx(5 / pixels**0.5, rel=1e-5)


def test_the_signal_of_a_saturated_loss_is_gone_where_the_slope_is_not(images):
    trainer, probe = probe_of(images, loss__adversarial="minimax")
    trainer.discriminator = Linear(5.0)
    shifted = trainer.discriminator.forward
    trainer.discriminator.forward = lambda images, labels: Judgement(shifted(images, labels).logits - 20)
    found = probe.ask()
    assert found.slope == pytest.approx(5 / images[0].size ** 0.5, rel=1e-5)
    # The derivative of -softplus at -20 is about e^-20.
    assert found.signal == pytest.approx(found.slope * np.exp(-20), rel=0.5)


def test_separation_is_the_share_of_ordered_pairs(images):
    white = np.full_like(images, 255)
    for weight, expected in ((1.0, 1.0), (-1.0, 0.0), (0.0, 0.5)):
        trainer, probe = probe_of(white)
        trainer.discriminator = Linear(weight)
        assert probe.ask().separation == expected


def test_the_held_out_gap_is_in_standard_deviations(images):
    dark = (images // 2).astype(np.uint8)
    trainer, probe = probe_of(images, dark, optim__batch=10)
    trainer.discriminator = Linear(3.0)
    train, new = (part.astype(np.float64).mean(axis=(1, 2, 3)) / 127.5 - 1 for part in (images, dark))
    expected = (train.mean() - new.mean()) / np.sqrt((train.var(ddof=1) + new.var(ddof=1)) / 2)
    assert probe.ask().held_out_gap == pytest.approx(expected, rel=1e-4)


def test_a_gap_is_given_only_where_it_means_something(images):
    held_out = images[:40]
    assert probe_of(images, held_out)[1].ask().held_out_gap is not None
    assert probe_of(images)[1].ask().held_out_gap is None
    assert probe_of(images, held_out[:5])[1].ask().held_out_gap is None
    trainer, _ = probe_of(images)
    degraded = TrainingSet.of(images // 2)
    probe = Probe(trainer, degraded, SimpleNamespace(images=images, test_images=held_out))
    assert probe.ask().held_out_gap is None


def test_fewer_held_out_images_than_a_batch_are_compared_with_as_many(images):
    trainer, _ = probe_of(images, optim__batch=64)
    same = SimpleNamespace(images=images, test_images=images[:1])
    probe = Probe(trainer, TrainingSet.of(images), SimpleNamespace(images=images, test_images=images[:40]))
    probe._held_out = probe._train[:40]
    assert probe.ask().held_out_gap == 0.0
    assert Probe(trainer, TrainingSet.of(images), same).ask().held_out_gap is None


@pytest.mark.parametrize("changes", [{}, {"discriminator__spectral_norm": True, "augment__policy": "ada"}])
def test_asking_changes_nothing(images, changes):
    trainer, probe = probe_of(images, images[:40], **changes)
    trainer.advance(0.04)
    before = deepcopy({name: network.state_dict() for name, network in trainer.networks().items()})
    random = torch.random.get_rng_state()
    first, second = probe.ask(), probe.ask()
    assert first == second
    assert torch.equal(random, torch.random.get_rng_state())
    for name, network in trainer.networks().items():
        assert all(torch.equal(before[name][key], value) for key, value in network.state_dict().items())
        assert all(parameter.grad is None or parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("batch", [3, 33, 99, 512])
def test_a_batch_that_does_not_divide_the_images_is_no_obstacle(images, batch):
    _, probe = probe_of(images, images[:67], optim__batch=batch)
    found = probe.ask()
    assert found.finite
    assert found.held_out_gap is not None
