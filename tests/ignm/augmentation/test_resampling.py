"""Warps against functions that are known everywhere, against scipy, and their derivatives."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch.nn import functional as F

from ignm.augmentation.resampling import BEFORE, LAG, SYM6, sample, scatter, warp

SIDE = 64
C = (SIDE - 1) / 2


def turn(angle):
    return np.array([[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]])


def moved(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def scaled(x, y):
    return np.diag([x, y, 1.0])


MAPS = {
    "flip": scaled(-1, 1),
    "quarter turn": turn(math.pi / 2),
    "half turn": turn(math.pi),
    "turn": turn(0.5),
    "shift": moved(3, -2),
    "part of a pixel": moved(0.37, -1.61),
    "larger": scaled(0.7, 0.7),
    "smaller": scaled(1.3, 1.3),
    "all at once": moved(2.3, 1) @ turn(0.3) @ scaled(1.2, 1 / 1.2) @ turn(-0.8) @ scaled(-1, 1),
}


def places(matrix, side=SIDE):
    """Where in the image each pixel of the result looks, x and y in pixels from the centre."""
    x, y = np.meshgrid(np.arange(side) - (side - 1) / 2, np.arange(side) - (side - 1) / 2)
    return np.einsum("ij,jhw->ihw", matrix, np.stack([x, y, np.ones_like(x)]))[:2]


def soft(x, y):
    """A smooth picture between -1.3 and 1.3, of at least 29 pixels a wave."""
    return np.sin(0.21 * x + 0.3) * np.cos(0.13 * y) + 0.3 * np.cos(0.1 * x + 0.15 * y)


@pytest.mark.parametrize("matrix", MAPS.values(), ids=MAPS)
def test_a_smooth_picture_is_moved_within_a_four_hundredth_of_its_range(matrix):
    picture = torch.tensor(soft(*places(np.eye(3))))[None, None]
    x, y = places(matrix)
    inside = ndimage.binary_erosion((np.abs(x) <= C - 6) & (np.abs(y) <= C - 6), iterations=3)
    assert inside.mean() > 0.25
    error = warp(picture, torch.tensor(matrix)[None])[0, 0].numpy() - soft(x, y)
    assert np.abs(error[inside]).max() < 2.6 / 400


@pytest.mark.parametrize("matrix", MAPS.values(), ids=MAPS)
def test_it_agrees_with_scipys_cubic_spline_on_a_blurred_random_picture_and_mirrors_beyond_the_border(matrix):
    noise = np.random.default_rng(0).normal(size=(SIDE, SIDE))
    picture = ndimage.gaussian_filter(noise, 2.5, mode="mirror")
    picture /= np.abs(picture).max()
    x, y = places(matrix)
    expected = ndimage.map_coordinates(picture, [y + C, x + C], order=3, mode="mirror")
    ours = warp(torch.tensor(picture)[None, None], torch.tensor(matrix)[None])[0, 0].numpy()
    assert np.abs(ours - expected).max() < 0.03
    assert np.sqrt(np.mean((ours - expected) ** 2)) < 0.006


def test_shifts_by_whole_pixels_give_noise_back_away_from_the_border():
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for x, y in ((0, 0), (3, -2), (-4, 4)):
        back = warp(images, torch.tensor(moved(x, y)).expand(2, 3, 3))
        expected = images.roll((-y, -x), (2, 3))
        torch.testing.assert_close(back[..., 8:-8, 8:-8], expected[..., 8:-8, 8:-8], rtol=0, atol=1e-11)


def test_shrinking_does_not_alias():
    """The finest stripes are grey at half the size; plain bilinear sampling keeps them."""
    stripes = (torch.arange(SIDE) % 2 * 2.0 - 1).expand(1, 1, SIDE, SIDE)
    matrix = torch.tensor(moved(0.5, 0.5) @ scaled(2, 2), dtype=torch.float32)[None]
    middle = (..., slice(20, 44), slice(20, 44))
    assert warp(stripes, matrix)[middle].abs().max() < 0.05
    grid = F.affine_grid(
        torch.tensor([[[2.0, 0, 1 / SIDE], [0, 2, 1 / SIDE]]]), [1, 1, SIDE, SIDE], align_corners=False
    )
    assert F.grid_sample(stripes, grid, align_corners=False)[middle].abs().max() > 0.9


def test_a_grey_plane_stays_what_it_is():
    plane = torch.full((5, 1, 16, 16), 0.7)
    matrices = torch.tensor(np.stack(list(MAPS.values())[-5:]), dtype=torch.float32)
    torch.testing.assert_close(warp(plane, matrices), plane, rtol=0, atol=2e-6)


def test_the_filter_is_an_orthogonal_low_pass_with_six_vanishing_moments():
    taps = np.array(SYM6)
    for lag in range(0, 12, 2):
        assert taps[: 12 - lag] @ taps[lag:] == pytest.approx(float(lag == 0), abs=1e-11)
    alternating = taps * (-1.0) ** np.arange(12)
    for moment in range(6):
        assert alternating @ (np.arange(12) / 11.0) ** moment == pytest.approx(0, abs=1e-11)
    assert (taps @ np.arange(12) / taps.sum()) - BEFORE == pytest.approx(LAG)


def random_maps(count, seed=0):
    source = np.random.default_rng(seed)
    return torch.tensor(
        np.stack([turn(a) @ scaled(s, 1.1) @ moved(1.3, -0.7) for a, s in source.random((count, 2)) + 0.5])
    )


def test_first_and_second_derivatives_are_right():
    images = torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64, requires_grad=True)
    matrices = random_maps(2)
    assert torch.autograd.gradcheck(lambda x: warp(x, matrices), images)
    assert torch.autograd.gradgradcheck(lambda x: warp(x, matrices).square(), images)


@pytest.mark.parametrize("reach", [0.9, 3.0])
def test_the_gpus_scatter_is_the_transpose_of_sampling(reach):
    source = torch.Generator().manual_seed(0)
    grid = (torch.rand(3, 21, 21, 2, generator=source, dtype=torch.float64) * 2 - 1) * reach
    grid[:, 0, 0], grid[:, 0, 1] = 1.0, -1.0
    images = torch.rand(3, 2, 9, 9, generator=source, dtype=torch.float64, requires_grad=True)
    values = torch.rand(3, 2, 21, 21, generator=source, dtype=torch.float64)
    (expected,) = torch.autograd.grad((sample(images, grid) * values).sum(), images)
    torch.testing.assert_close(scatter(values, grid, 9), expected, rtol=0, atol=1e-12)


def test_each_image_has_its_own_map():
    images = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrices = random_maps(3)
    alone = torch.cat([warp(images[i : i + 1], matrices[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(warp(images, matrices), alone)


@pytest.mark.parametrize(
    ("images", "matrices"), [((2, 3, 8, 9), (2, 3, 3)), ((2, 3, 8, 8), (1, 3, 3)), ((2, 3, 1, 1), (2, 3, 3))]
)
def test_other_shapes_are_refused(images, matrices):
    with pytest.raises(ValueError, match="must be"):
        warp(torch.zeros(images), torch.zeros(matrices))
