"""ADA's geometry: what is drawn, how often, and that it is applied to the image it was drawn for."""

import math

import pytest
import torch
from scipy import stats
from torchvision.transforms.v2 import functional as vision

from ignm.augmentation import geometry as G
from ignm.augmentation.draws import normal, uniform
from ignm.augmentation.resampling import warp

COUNT = 4000
P = 0.3


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def within(share, p, count=COUNT):
    """Five standard deviations of a binomial share."""
    return abs(share - p) <= 5 * (p * (1 - p) / count) ** 0.5


@pytest.mark.parametrize("draw", [uniform, normal])
@pytest.mark.parametrize("p", [0.0, 0.2, 0.6, 1.0])
def test_each_image_is_drawn_for_with_probability_p(draw, p):
    drawn = draw(2, COUNT, p, generator()).ne(0)
    assert torch.equal(drawn[0], drawn[1])
    assert within(drawn[0].float().mean().item(), p)
    assert torch.equal(draw(2, COUNT, torch.tensor(p), generator()), draw(2, COUNT, p, generator()))


def test_values_are_uniform_from_minus_1_to_1_and_normal():
    assert stats.kstest(uniform(1, COUNT, 1.0, generator())[0], stats.uniform(-1, 2).cdf).pvalue > 0.01
    assert stats.kstest(normal(1, COUNT, 1.0, generator())[0], stats.norm.cdf).pvalue > 0.01


def test_what_is_changed_at_a_small_p_is_changed_alike_at_a_larger_one():
    few, many = (uniform(1, COUNT, p, generator())[0] for p in (0.2, 0.6))
    assert torch.equal(few[few != 0], many[few != 0])


def test_blits_are_flips_quarter_turns_and_shifts_by_whole_pixels():
    flip, turns, shift = G._blits(COUNT, 32, P, generator())
    assert within((flip[:, 0, 0] == -1).float().mean().item(), P / 2)
    assert torch.equal(flip[:, 1, 1], torch.ones(COUNT))
    angles = torch.atan2(turns[:, 1, 0], turns[:, 0, 0]) / (math.pi / 2)
    torch.testing.assert_close(angles, angles.round(), rtol=0, atol=1e-6)
    for quarters in (1, 2, 3):
        assert within((angles.round() % 4 == quarters).float().mean().item(), P / 4)
    pixels = shift[:, :2, 2]
    assert torch.equal(pixels, pixels.round())
    assert pixels.abs().max() == 4
    # At the ends only half an interval is rounded to the number.
    assert within((pixels[:, 0] == 1).float().mean().item(), P / 8)
    assert within((pixels[:, 0] == 4).float().mean().item(), P / 16)


def test_general_transformations_have_adas_distributions():
    scale, before, wider, after, shift = G._general(COUNT, 32, 1.0, generator())
    assert stats.kstest(-scale[:, 0, 0].log2(), stats.norm(0, 0.2).cdf).pvalue > 0.01
    torch.testing.assert_close(scale[:, 0, 0], scale[:, 1, 1])
    assert stats.kstest(-wider[:, 0, 0].log2(), stats.norm(0, 0.2).cdf).pvalue > 0.01
    torch.testing.assert_close(wider[:, 0, 0] * wider[:, 1, 1], torch.ones(COUNT))
    for turn in (before, after):
        angles = torch.atan2(turn[:, 1, 0], turn[:, 0, 0])
        assert stats.kstest(angles, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 0.01
    for shifts in shift[:, :2, 2].mT:
        assert stats.kstest(shifts / 32, stats.norm(0, 0.125).cdf).pvalue > 0.01


@pytest.mark.parametrize("p", [0.2, 0.6])
def test_one_rotation_or_both_have_probability_p(p):
    _, before, _, after, _ = G._general(COUNT, 32, p, generator())
    turned = (before != torch.eye(3)).any(2).any(1) | (after != torch.eye(3)).any(2).any(1)
    assert within(turned.float().mean().item(), p)


def share_unchanged(p):
    """Nothing drawn: 8 coins, where both rotations together have one, flips change half and quarter turns 3 in 4."""
    # On 32 pixels a shift is drawn from -4 to 4, and is rounded to 0 in an eighth of the cases.
    shift = 1 - (1 / 8) ** 2
    return (1 - p / 2) * (1 - p * 3 / 4) * (1 - p * shift) * (1 - p) ** 4


@pytest.mark.parametrize("p", [0.05, 0.2, 0.6])
def test_the_share_of_changed_images_is_what_p_says(p):
    images = torch.rand(COUNT, 1, 32, 32, generator=generator(1))
    same = (G.geometry(images, p, generator()) == images).flatten(1).all(1)
    assert within(same.float().mean().item(), share_unchanged(p))


def test_nothing_is_changed_at_p_0():
    images = torch.rand(16, 3, 16, 16, generator=generator())
    assert torch.equal(G.geometry(images, 0.0, generator()), images)


def test_maps_are_applied_as_torchvision_applies_them():
    """Soft random pictures, turned, scaled and moved one by one."""
    images = vision.gaussian_blur(torch.randn(6, 3, 64, 64, generator=generator()), [13, 13], [2.5, 2.5])
    images = images / images.abs().max()
    angle, larger, x, y = 0.4, 1.25, 3.0, -5.0
    count = torch.ones(6)
    # torchvision takes p to scale rotate p + move, so the inverse undoes the move first.
    inverse = (
        G._scaling(count / larger, count / larger) @ G._rotation(-angle * count) @ G._translation(x * count, y * count)
    )
    expected = vision.affine(
        images, math.degrees(angle), [x, y], larger, [0.0, 0.0], interpolation=vision.InterpolationMode.BILINEAR
    )
    middle = (..., slice(16, 48), slice(16, 48))
    assert (warp(images, inverse)[middle] - expected[middle]).abs().max() < 0.04
