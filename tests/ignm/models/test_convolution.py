"""The convolutions of a CPU against torch's own, in every order of derivative and by both ways of computing them."""

import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ignm.models import convolution
from ignm.models.convolution import (
    GEOMETRIES,
    Conv2d,
    ConvTranspose2d,
    Geometry,
    correlate,
    differentiable,
    kernel,
    spread,
)
from ignm.models.resampling import ConvAverage, NearestConv

SIDES = (4, 8)
CASES = list(itertools.product(sorted(GEOMETRIES), SIDES))


@pytest.fixture(params=["library", "products"])
def way(request, monkeypatch):
    """Both ways, whatever was measured to be faster, in float64 too."""
    monkeypatch.setattr(convolution, "_pays", lambda *_: request.param == "products")
    return request.param


def tensors(geometry, side, dtype=torch.float64):
    random = torch.Generator().manual_seed(side)
    x = torch.randn(3, 5, side, side, generator=random, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.randn(7, 5, geometry.side, geometry.side, generator=random, dtype=dtype)
    small = side // geometry.stride
    y = torch.randn(3, 7, small, small, generator=random, dtype=dtype).contiguous(memory_format=torch.channels_last)
    return x, weight, y


@pytest.mark.parametrize(("geometry", "side"), CASES)
def test_each_operation_is_torchs_own(way, geometry, side):
    x, weight, y = tensors(geometry, side)
    _, stride, padding = geometry

    torch.testing.assert_close(
        correlate(x, weight, geometry), F.conv2d(x, weight, None, stride, padding), rtol=1e-12, atol=1e-12
    )
    torch.testing.assert_close(
        spread(y, weight, geometry),
        F.conv_transpose2d(y, weight, None, stride, padding),
        rtol=1e-12,
        atol=1e-12,
    )
    weight.requires_grad_()
    (expected,) = torch.autograd.grad(F.conv2d(x, weight, None, stride, padding), weight, y)
    torch.testing.assert_close(kernel(x, y, geometry), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("geometry", sorted(GEOMETRIES))
@pytest.mark.parametrize("operation", [correlate, spread, kernel])
def test_derivatives_of_first_and_second_order_are_those_of_finite_differences(way, geometry, operation):
    x, weight, y = (tensor[:2, :2].clone() for tensor in tensors(geometry, 4))
    arguments = {correlate: (x, weight), spread: (y, weight), kernel: (x, y)}[operation]
    arguments = tuple(argument.requires_grad_() for argument in arguments)

    def applied(first, second):
        return differentiable(operation, first, second, geometry)

    assert torch.autograd.gradcheck(applied, arguments)
    assert torch.autograd.gradgradcheck(applied, arguments)


@pytest.mark.parametrize(
    ("ours", "torchs"),
    [
        (Conv2d(5, 7, 3, padding=1), nn.Conv2d),
        (Conv2d(5, 7, 4, stride=2, padding=1, bias=False), nn.Conv2d),
        (Conv2d(5, 7, 1), nn.Conv2d),
        (ConvTranspose2d(5, 7, 4, stride=2, padding=1), nn.ConvTranspose2d),
        (NearestConv(5, 7, True), nn.Sequential),
        (NearestConv(5, 7, False), nn.Sequential),
        (ConvAverage(5, 7, True), nn.Sequential),
    ],
)
@pytest.mark.parametrize("side", [4, 8, 16])
def test_a_layer_and_its_gradients_are_those_of_torchs_layers(ours, torchs, side):
    ours = ours.double()
    x, _, _ = tensors(Geometry(3, 1, 1), side)
    x.requires_grad_()

    def with_gradients(made):
        (slope,) = torch.autograd.grad(made.square().sum(), x, create_graph=True)
        penalty = slope.square().sum()
        return [made, slope, *torch.autograd.grad(penalty, [p for p in ours.parameters() if p.ndim == 4])]

    for one, other in zip(with_gradients(ours(x)), with_gradients(torchs.forward(ours, x)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("geometry", "side"), CASES)
def test_bf16_products_are_as_exact_as_the_library(way, geometry, side):
    x, weight, y = (tensor.bfloat16() for tensor in tensors(geometry, side))
    _, stride, padding = geometry
    exact = F.conv2d(x.double(), weight.double(), None, stride, padding)
    exact_spread = F.conv_transpose2d(y.double(), weight.double(), None, stride, padding)

    # One rounding of the result: sums are kept in float32.
    for made, expected in (
        (correlate(x, weight, geometry), exact),
        (spread(y, weight, geometry), exact_spread),
    ):
        assert made.dtype == torch.bfloat16
        error = (made.double() - expected).abs()
        assert bool((error <= 2**-8 * expected.abs() + 1e-3).all())


def test_a_map_that_cannot_be_halved_and_an_odd_kernel_are_left_to_torch():
    for layer, x in (
        (Conv2d(3, 4, 4, stride=2, padding=1), torch.randn(2, 3, 5, 5)),
        (Conv2d(3, 4, 5, padding=2), torch.randn(2, 3, 8, 8)),
        (Conv2d(3, 4, 3, padding=1), torch.randn(2, 3, 8, 6)),
    ):
        torch.testing.assert_close(layer(x), nn.Conv2d.forward(layer, x))
