"""Losses and penalties against independent float64 formulas."""

import numpy as np
import pytest
import torch

from ignm.losses.adversarial import ADVERSARIAL
from ignm.losses.penalties import PENALTIES

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
    "hinge": ((np.maximum(0, 1 - REAL) + np.maximum(0, 1 + FAKE)).mean(), -FAKE.mean()),
    "relativistic": (-log_sigmoid(REAL - FAKE).mean(), -log_sigmoid(FAKE - REAL).mean()),
}


@pytest.mark.parametrize("name", sorted(ADVERSARIAL))
def test_adversarial_losses_equal_their_formulas(name):
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


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="logits"):
        ADVERSARIAL["hinge"].discriminator(torch.zeros(3, 1), torch.zeros(3))


def test_r1_equals_the_closed_form_of_a_quadratic_critic():
    a = torch.randn(3 * 4 * 4, 3 * 4 * 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    images = torch.randn(6, 3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    flat = images.flatten(1)
    # D(x) = x' A x has the gradient (A + A') x.
    expected = (flat @ (a + a.T)).square().sum(1).mean() / 2
    penalty = PENALTIES["r1"](lambda x: ((x.flatten(1) @ a) * x.flatten(1)).sum(1), images, images)
    torch.testing.assert_close(penalty, expected)


def test_r1_gradient_is_right():
    images = torch.randn(2, 1, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weight = torch.randn(1, 1, 3, 3, dtype=torch.float64, requires_grad=True)

    def penalty(w):
        return PENALTIES["r1"](
            lambda x: torch.nn.functional.conv2d(x, w, padding=1).tanh().sum((1, 2, 3)), images, images
        )

    assert torch.autograd.gradcheck(penalty, (weight,))
