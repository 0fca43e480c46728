"""Attention maps and their agreement in the mirror, against numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ignm.losses.attention import agreement, attention_map


def features(seed, shape=(3, 4, 5, 6)):
    return np.random.default_rng(seed).normal(size=shape)


def test_maps_are_shares_of_the_energy():
    values = features(0)
    energy = (values**2).mean(axis=1)
    expected = energy / energy.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(attention_map(torch.from_numpy(values)).numpy(), expected, rtol=1e-9)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), scale=st.floats(1e-2, 1e4), channels=st.integers(1, 5), side=st.integers(1, 8))
def test_maps_sum_to_one_and_know_no_scale(seed, scale, channels, side):
    values = torch.from_numpy(features(seed, (2, channels, side, side)))
    maps = attention_map(values)
    torch.testing.assert_close(maps.sum(dim=(1, 2)), torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(attention_map(values * scale), maps, rtol=1e-5, atol=1e-8)


def test_features_that_are_all_zero_attend_to_every_pixel_alike_and_have_a_finite_gradient():
    values = torch.zeros(2, 3, 4, 4, requires_grad=True)
    maps = attention_map(values)
    maps[:, 0, 0].sum().backward()
    torch.testing.assert_close(maps, torch.full((2, 4, 4), 1 / 16))
    assert torch.equal(values.grad, torch.zeros_like(values))


def test_agreement_equals_a_loop():
    p, q = (attention_map(torch.from_numpy(features(seed))).numpy() for seed in (1, 2))
    distances = []
    for ours, mirrored in zip(p, q, strict=True):
        total = 0.0
        for row in range(5):
            for column in range(6):
                total += (ours[row, column] - mirrored[row, 5 - column]) ** 2
        distances.append(5 * 6 * total)
    assert agreement(torch.from_numpy(p), torch.from_numpy(q)).item() == pytest.approx(np.mean(distances), rel=1e-12)


def test_a_network_that_commutes_with_the_mirror_agrees_and_another_does_not():
    images = torch.from_numpy(features(3, (4, 3, 8, 8)))
    kernel = torch.from_numpy(features(4, (5, 3, 3, 3)))
    symmetric = kernel + kernel.flip(3)

    def disagreement(weight):
        maps, mirrored = (
            attention_map(torch.nn.functional.conv2d(x, weight, padding=1)) for x in (images, images.flip(3))
        )
        return agreement(maps, mirrored).item()

    assert disagreement(symmetric) < 1e-25
    assert disagreement(kernel) > 1e-2


def test_any_difference_is_seen():
    maps = attention_map(torch.from_numpy(features(5)))
    moved = maps.flip(2).clone()
    assert agreement(maps, moved).item() == 0
    moved[1, 2, 3] += 1e-3
    assert agreement(maps, moved).item() == pytest.approx(30 * 1e-6 / 3, rel=1e-6)


def test_the_same_disagreement_weighs_alike_on_a_finer_map():
    maps, mirrored = (attention_map(torch.from_numpy(features(seed, (2, 3, 4, 4)))) for seed in (6, 7))

    def finer(coarse):
        return coarse.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2) / 4

    torch.testing.assert_close(agreement(finer(maps), finer(mirrored)), agreement(maps, mirrored))


def test_derivative_in_the_features_is_right():
    ours, mirrored = (torch.from_numpy(features(seed, (2, 2, 3, 3))).requires_grad_(True) for seed in (8, 9))
    assert torch.autograd.gradcheck(lambda a, b: agreement(attention_map(a), attention_map(b)), (ours, mirrored))


def test_half_precision_features_are_summed_in_float32():
    maps = attention_map(torch.ones(1, 8, 64, 64, dtype=torch.bfloat16))
    assert maps.dtype == torch.float32
    torch.testing.assert_close(maps, torch.full((1, 64, 64), 1 / 4096))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
        attention_map(torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match="alike"):
        agreement(torch.zeros(2, 4, 4), torch.zeros(2, 4, 5))
    with pytest.raises(ValueError, match="alike"):
        agreement(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))
