from itertools import product

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch.nn import functional as F

from ignm.config.networks import DiscriminatorConfig
from ignm.models.resampling import POOLING, UPSAMPLING, BlurPool, downsampling, enlarged, reduced

SIZES = (2, 3, 4)


def maps(count=2, channels=3, size=8):
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(0))


def settings(downsampling="average", pooling_size=2):
    return DiscriminatorConfig(downsampling=downsampling, pooling_size=pooling_size)


@pytest.mark.parametrize(("taps", "row"), [(2, [1, 1]), (3, [1, 2, 1]), (4, [1, 3, 3, 1]), (5, [1, 4, 6, 4, 1])])
def test_blur_is_a_binomial_correlation_of_the_map_continued_by_its_edge(taps, row):
    x = maps().double()
    kernel = np.outer(row, row) / np.sum(row) ** 2
    # An even kernel is centred between two pixels; scipy centres it on the later one of them.
    origin = -1 if taps % 2 == 0 else 0
    expected = [
        [scipy.ndimage.correlate(channel, kernel, mode="nearest", origin=origin)[::2, ::2] for channel in image]
        for image in x.numpy()
    ]
    torch.testing.assert_close(BlurPool(taps)(x), torch.tensor(np.array(expected)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", POOLING)
def test_pooling_keeps_a_constant_image_and_halves_it(kind, size):
    x = torch.full((2, 3, 16, 8), 1.7)
    torch.testing.assert_close(POOLING[kind](size)(x), torch.full((2, 3, 8, 4), 1.7))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["average", "blur"])
def test_a_ramp_stays_a_ramp_inside_and_every_step_is_two_pixels(kind, size):
    ramp = torch.arange(16.0).expand(1, 1, 16, 16)
    inside = POOLING[kind](size)(ramp)[0, 0, 4, 1:-1]
    # A window of an even number of pixels is centred between two of them.
    window = size + 1 if kind == "blur" else size
    shift = 0.0 if window % 2 else 0.5
    torch.testing.assert_close(inside, torch.arange(2.0, 14.0, 2.0) + shift)


@pytest.mark.parametrize("size", SIZES)
def test_average_and_max_are_those_of_the_pixels_in_the_window(size):
    x = maps(1, 1)
    first = -((size - 1) // 2)
    for kind, of in (("average", torch.mean), ("max", torch.amax)):
        pooled = POOLING[kind](size)(x)
        for row, column in product(range(4), range(4)):
            top, left = 2 * row + first, 2 * column + first
            window = x[0, 0, max(top, 0) : top + size, max(left, 0) : left + size]
            torch.testing.assert_close(pooled[0, 0, row, column], of(window))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", ["strided", *POOLING])
def test_both_paths_of_a_block_halve_the_map(kind, size):
    x = maps(size=16)
    assert downsampling(settings(kind, size), 3, 5, True)(x).shape == (2, 5, 8, 8)
    assert reduced(settings(kind, size))(x).shape == (2, 3, 8, 8)


@pytest.mark.parametrize("size", SIZES)
def test_the_shortcut_of_a_strided_convolution_is_average_pooling(size):
    x = maps()
    assert torch.equal(reduced(settings("strided", size))(x), reduced(settings("average", size))(x))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", UPSAMPLING)
def test_upsampling_doubles_the_map_and_has_a_bias_where_asked(kind, bias):
    up = UPSAMPLING[kind](3, 5, bias)
    assert up(maps()).shape == (2, 5, 16, 16)
    assert len(list(up.parameters())) == 1 + bias


@pytest.mark.parametrize("kind", UPSAMPLING)
def test_the_shortcut_keeps_mean_and_range(kind):
    x = maps()
    large = enlarged(kind)(x)
    assert large.shape == (2, 3, 16, 16)
    assert large.max() <= x.max()
    assert large.min() >= x.min()
    if kind != "bilinear":
        torch.testing.assert_close(large.mean(dim=(2, 3)), x.mean(dim=(2, 3)))
        assert torch.equal(large, x.repeat_interleave(2, 2).repeat_interleave(2, 3))
    constant = torch.full((1, 1, 4, 4), 0.3)
    torch.testing.assert_close(enlarged(kind)(constant), torch.full((1, 1, 8, 8), 0.3))


def test_upsampling_convolutions_against_their_definitions():
    x = maps(1, 2, 4).double()
    transposed, nearest, shuffled = (
        UPSAMPLING[kind](2, 3, True).double() for kind in ("transposed", "nearest", "pixel_shuffle")
    )
    expected = transposed[0].bias.detach()[:, None, None].expand(3, 10, 10).clone()
    for row, column in product(range(4), range(4)):
        stamp = torch.einsum("i,iokl->okl", x[0, :, row, column], transposed[0].weight)
        expected[:, 2 * row : 2 * row + 4, 2 * column : 2 * column + 4] += stamp
    torch.testing.assert_close(transposed(x)[0], expected[:, 1:-1, 1:-1])
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(nearest(x), F.conv2d(large, nearest[1].weight, nearest[1].bias, padding=1))
    coarse = F.conv2d(x, shuffled[0].weight, shuffled[0].bias, padding=1)
    for channel, row, column in product(range(3), range(2), range(2)):
        torch.testing.assert_close(
            shuffled(x)[:, channel, row::2, column::2], coarse[:, 4 * channel + 2 * row + column]
        )


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 2), (5, 3)])
def test_bilinear_is_torchs_with_its_derivative(height, width):
    x = torch.randn(2, 3, height, width).double().requires_grad_()
    large = enlarged("bilinear")(x)
    expected = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(large, expected)
    weights = torch.randn_like(expected)
    mine, theirs = (torch.autograd.grad((result * weights).sum(), x)[0] for result in (large, expected))
    torch.testing.assert_close(mine, theirs)
