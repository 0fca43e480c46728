"""Gradient penalties on critics whose gradient is known, and their derivatives by finite differences."""

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from ignm.config.learning import Penalty
from ignm.config.refusals import GRADIENT_PENALTIES
from ignm.losses.penalties import PENALTIES

SHAPE = (6, 2, 4, 3)
PIXELS = 24


def source(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(seed, shape=SHAPE, dtype=torch.float64):
    return torch.randn(shape, dtype=dtype, generator=source(seed))


REAL, FAKE = pictures(1), pictures(2)
MATRIX = torch.randn(PIXELS, PIXELS, dtype=torch.float64, generator=source(3)) / 8


def quadratic(images):
    """D(x) = x'Ax, with the gradient (A + A')x."""
    flat = images.flatten(1)
    return ((flat @ MATRIX) * flat).sum(1)


def slopes(images):
    """Norms of the quadratic critic's gradient."""
    flat, matrix = images.reshape(len(images), -1), MATRIX.numpy()
    return np.sqrt(((flat @ (matrix + matrix.T)) ** 2).sum(1))


def gulrajani_points():
    share = torch.rand((6, 1, 1, 1), generator=source(), dtype=torch.float64).numpy()
    return share * REAL.numpy() + (1 - share) * FAKE.numpy()


def kodali_points():
    random, real = source(), REAL.numpy()
    share = torch.rand((6, 1, 1, 1), generator=random, dtype=torch.float64).numpy()
    noise = torch.rand(SHAPE, generator=random, dtype=torch.float64).numpy()
    perturbed = real + 0.5 * real.std() * noise
    return real + share * (perturbed - real)


EXPECTED = {
    "r1": lambda: (slopes(REAL.numpy()) ** 2).mean() / 2,
    "r2": lambda: (slopes(FAKE.numpy()) ** 2).mean() / 2,
    "r1_r2": lambda: (slopes(REAL.numpy()) ** 2).mean() / 2 + (slopes(FAKE.numpy()) ** 2).mean() / 2,
    "wgan_gp": lambda: ((slopes(gulrajani_points()) - 1) ** 2).mean(),
    "dragan": lambda: ((slopes(kodali_points()) - 1) ** 2).mean(),
}

every_penalty = pytest.mark.parametrize("name", sorted(PENALTIES))
slope_one = pytest.mark.parametrize("name", ["wgan_gp", "dragan"])


def test_there_is_a_penalty_for_each_gradient_penalty_that_a_config_may_say():
    assert set(PENALTIES) == set(get_args(Penalty)) - {"clipping"} == set(GRADIENT_PENALTIES)


@every_penalty
def test_a_penalty_says_how_many_batches_it_looks_at(name):
    places = PENALTIES[name].places(REAL, FAKE, source())
    assert [len(images) for images in places] == [len(REAL)] * PENALTIES[name].batches


@every_penalty
def test_penalties_equal_the_closed_form_of_a_quadratic_critic(name):
    assert PENALTIES[name](quadratic, REAL, FAKE, source()).item() == pytest.approx(EXPECTED[name](), rel=1e-10)


@every_penalty
@settings(max_examples=20, deadline=None, derandomize=True)
@given(
    weights=st.lists(st.floats(-4, 4), min_size=4, max_size=4),
    batch=st.integers(1, 5),
    seed=st.integers(0, 2**31),
)
def test_penalties_of_a_linear_critic_depend_on_its_slope_alone(name, weights, batch, seed):
    slope = np.sqrt(np.sum(np.square(weights)))
    expected = {"r1": slope**2 / 2, "r2": slope**2 / 2, "r1_r2": slope**2}.get(name, (slope - 1) ** 2)
    w = torch.tensor(weights, dtype=torch.float64)
    real, fake = (pictures(seed + i, (batch, 1, 2, 2)) for i in (0, 1))
    penalty = PENALTIES[name](lambda x: x.flatten(1) @ w + 3, real, fake, source(seed))
    assert penalty.item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


@every_penalty
def test_derivatives_in_the_critics_weights_are_right(name):
    real, fake = pictures(4, (3, 2, 4, 4)), pictures(5, (3, 2, 4, 4))
    first = pictures(6, (3, 2, 3, 3)).requires_grad_(True)
    second = pictures(7, (1, 48)).requires_grad_(True)

    def penalty(w, v):
        def critic(x):
            return F.linear(F.softplus(F.conv2d(x, w, padding=1)).flatten(1), v).squeeze(1)

        return PENALTIES[name](critic, real, fake, source())

    assert torch.autograd.gradcheck(penalty, (first, second))
    assert torch.autograd.gradgradcheck(penalty, (first, second), fast_mode=True)


@slope_one
def test_a_flat_critic_is_penalised_without_nan_gradients(name):
    weight = torch.zeros(PIXELS, dtype=torch.float64, requires_grad=True)
    penalty = PENALTIES[name](lambda x: (x.flatten(1) * weight).sum(1), REAL, FAKE, source())
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert penalty.item() == 1
    assert torch.isfinite(gradient).all()


@slope_one
def test_a_critic_of_slope_one_is_free(name):
    weight = torch.full((PIXELS,), PIXELS**-0.5, dtype=torch.float64)
    assert PENALTIES[name](lambda x: x.flatten(1) @ weight, REAL, FAKE, source()).item() < 1e-30


@every_penalty
def test_images_are_constants(name):
    generated = FAKE.clone().requires_grad_(True)
    weight = MATRIX.clone().requires_grad_(True)
    before = (REAL.clone(), generated.detach().clone())

    def critic(x):
        flat = x.flatten(1)
        return ((flat @ weight) * flat).sum(1)

    PENALTIES[name](critic, REAL, generated * 1, source()).backward()
    assert generated.grad is None
    assert not REAL.requires_grad
    assert weight.grad.abs().max() > 0
    assert torch.equal(before[0], REAL)
    assert torch.equal(before[1], generated)


@slope_one
def test_points_are_drawn_from_the_given_source_alone(name):
    global_state = torch.get_rng_state()
    penalties = [PENALTIES[name](quadratic, REAL, FAKE, source(seed)).item() for seed in (8, 8, 9)]
    assert penalties[0] == penalties[1] != penalties[2]
    assert torch.equal(global_state, torch.get_rng_state())


@slope_one
def test_points_lie_where_the_papers_put_them(name):
    seen = []

    def critic(x):
        seen.append(x.detach().numpy())
        return x.sum(dim=(1, 2, 3))

    real, fake = torch.zeros(200, 1, 4, 4), torch.ones(200, 1, 4, 4)
    real[::2] = 2.0
    PENALTIES[name](critic, real, fake, source())
    # wgan_gp: a share of the way from the real image to the generated one, the same for all its pixels.
    # dragan: noise upwards of the real image, at most half the batch's standard deviation of 1, another in each pixel.
    away = seen[0] - real.numpy()
    share = away / (fake - real).numpy() if name == "wgan_gp" else away / 0.5
    assert 0 <= share.min() < 0.1
    assert 0.9 < share.max() <= 1
    spread = np.ptp(share.reshape(200, 16), axis=1)
    assert (spread < 1e-6).all() if name == "wgan_gp" else (spread > 0).all()


def test_r1_r2_does_not_mix_real_and_generated_images_in_one_group():
    def critic(x):
        """Logits that depend on the spread of the whole group, as under minibatch standard deviation."""
        return x.flatten(1).square().sum(1) + x.std(dim=0).sum()

    both = PENALTIES["r1_r2"](critic, REAL, FAKE * 5, source())
    apart = [PENALTIES[name](critic, REAL, FAKE * 5, source()) for name in ("r1", "r2")]
    torch.testing.assert_close(both, apart[0] + apart[1])


@every_penalty
def test_autocast_keeps_value_and_gradients_close(name):
    torch.manual_seed(0)
    critic = nn.Sequential(
        nn.Conv2d(3, 16, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(16, 1, 4),
        nn.Flatten(1),
        nn.Linear(25, 1),
        nn.Flatten(0),
    )
    real, fake = pictures(1, (16, 3, 16, 16), torch.float32), pictures(2, (16, 3, 16, 16), torch.float32)
    results = []
    for half in (False, True):
        critic.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            penalty = PENALTIES[name](critic, real, fake, source())
        penalty.backward()
        assert penalty.dtype == torch.float32
        gradients = [p.grad.flatten() for p in critic.parameters() if p.grad is not None]
        results.append((penalty.item(), torch.cat(gradients)))
    (value, gradient), (half_value, half_gradient) = results
    # bf16 keeps 8 bits, a relative rounding of 0.4 %; a few roundings follow on one another.
    assert half_value == pytest.approx(value, rel=0.02)
    assert (half_gradient - gradient).norm() < 0.03 * gradient.norm()


def test_half_precision_images_are_penalised_in_float32():
    weight = torch.ones(PIXELS)
    penalty = PENALTIES["wgan_gp"](lambda x: x.flatten(1) @ weight, REAL.bfloat16(), FAKE.bfloat16(), source())
    assert penalty.dtype == torch.float32
    assert penalty.item() == pytest.approx((PIXELS**0.5 - 1) ** 2, rel=1e-6)


@every_penalty
def test_logits_of_another_shape_are_refused(name):
    with pytest.raises(ValueError, match=r"logits must be \(N,\)"):
        PENALTIES[name](lambda x: quadratic(x)[:, None], REAL, FAKE, source())


@every_penalty
def test_images_of_another_shape_are_refused(name):
    with pytest.raises(ValueError, match=r"images must be \(N, C, H, W\)"):
        PENALTIES[name](quadratic, REAL.flatten(1), FAKE.flatten(1), source())


def test_images_to_be_mixed_must_be_alike():
    with pytest.raises(ValueError, match="alike"):
        PENALTIES["wgan_gp"](quadratic, REAL, FAKE[:3], source())
