"""Adversarial losses against independent float64 formulas."""

from typing import get_args

import numpy as np
import pytest
import torch

from ignm.config.learning import Adversarial
from ignm.losses.adversarial import ADVERSARIAL

RNG = np.random.default_rng(0)
REAL, FAKE = RNG.normal(size=33) * 3, RNG.normal(size=33) * 3


def log_sigmoid(x):
    return -np.log1p(np.exp(-x))


FORMULAS = {
    "minimax": (
        -(log_sigmoid(REAL) + log_sigmoid(-FAKE)).mean(),
        log_sigmoid(-FAKE).mean(),
    ),
    "non_saturating": (-(log_sigmoid(REAL) + log_sigmoid(-FAKE)).mean(), -log_sigmoid(FAKE).mean()),
    "least_squares": (((REAL - 1) ** 2 + FAKE**2).mean() / 2, ((FAKE - 1) ** 2).mean() / 2),
    "wasserstein": (-REAL.mean() + FAKE.mean(), -FAKE.mean()),
    "hinge": ((np.maximum(0, 1 - REAL) + np.maximum(0, 1 + FAKE)).mean(), -FAKE.mean()),
    "relativistic": (-log_sigmoid(REAL - FAKE).mean(), -log_sigmoid(FAKE - REAL).mean()),
}


def test_there_is_a_loss_for_each_name_that_a_config_may_say():
    assert set(ADVERSARIAL) == set(get_args(Adversarial))


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_losses_equal_their_formulas(name):
    real, fake = torch.from_numpy(REAL), torch.from_numpy(FAKE)
    discriminator, generator = FORMULAS[name]
    assert ADVERSARIAL[name].discriminator(real, fake).item() == pytest.approx(discriminator, rel=1e-12)
    assert ADVERSARIAL[name].generator(real, fake).item() == pytest.approx(generator, rel=1e-12)


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_the_two_sides_pull_the_fake_logits_apart(name):
    fake = torch.zeros(8, requires_grad=True, dtype=torch.float64)
    real = torch.zeros(8, dtype=torch.float64) + 0.25
    (up,) = torch.autograd.grad(ADVERSARIAL[name].discriminator(real, fake + 0.1), fake)
    (down,) = torch.autograd.grad(ADVERSARIAL[name].generator(real, fake + 0.1), fake)
    assert (up > 0).all()
    assert (down < 0).all()


def test_only_the_relativistic_generator_needs_real_logits():
    for name, pair in ADVERSARIAL.items():
        fake, real = torch.randn(4), torch.randn(4, requires_grad=True)
        depends = pair.generator(real, fake).requires_grad
        assert depends == pair.generator_sees_real, name


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_shapes_are_checked(name):
    with pytest.raises(ValueError, match="logits"):
        ADVERSARIAL[name].discriminator(torch.zeros(3, 1), torch.zeros(3))


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_the_sign_of_real_logits_says_the_same_for_every_loss(name):
    # What a discriminator that tells well says; where 0 means nothing, the same with any number added.
    shift = 0.0 if ADVERSARIAL[name].calibrated else 100.0
    real, fake = torch.tensor([2.0, 3.0, 1.0, -0.5]) + shift, torch.tensor([-2.0, -3.0, -1.5, 1.0]) + shift
    assert ADVERSARIAL[name].centred(real, fake).sign().tolist() == [1, 1, 1, -1]
    alike = ADVERSARIAL[name].centred(real, real)
    assert ADVERSARIAL[name].calibrated or abs(float(alike.mean())) < 1e-5
