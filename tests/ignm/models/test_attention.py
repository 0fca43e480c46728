import pytest
import torch

from ignm.models.attention import SelfAttention


def attention(channels, seed=0, gate=0.7):
    torch.manual_seed(seed)
    layer = SelfAttention(channels)
    with torch.no_grad():
        layer.gate.fill_(gate)
    return layer


def matrix(convolution):
    return convolution.weight.detach().double()[:, :, 0, 0]


def pooled(rows, height, width):
    """The largest value of each 2x2 square of a map that is given as rows (pixels, C)."""
    squares = []
    for top in range(0, height, 2):
        for left in range(0, width, 2):
            square = [(top + down) * width + left + right for down in (0, 1) for right in (0, 1)]
            squares.append(rows[square].amax(dim=0))
    return torch.stack(squares)


def explicit(layer, image):
    """One image (C, H, W) in float64, pixel by pixel."""
    channels, height, width = image.shape
    pixels = image.double().reshape(channels, -1).T
    keys = pooled(pixels @ matrix(layer.key).T, height, width)
    values = pooled(pixels @ matrix(layer.value).T, height, width)
    result = []
    for pixel in pixels:
        similarity = keys @ (matrix(layer.query) @ pixel)
        shares = (similarity - similarity.max()).exp()
        mixture = (shares / shares.sum()) @ values
        result.append(pixel + layer.gate.item() * (matrix(layer.output) @ mixture))
    return torch.stack(result).T.reshape(image.shape)


@pytest.mark.parametrize(("channels", "height", "width"), [(8, 4, 4), (16, 8, 8), (20, 4, 6), (4, 2, 2)])
def test_every_pixel_gets_its_mixture_of_the_others(channels, height, width):
    layer = attention(channels)
    x = torch.randn(2, channels, height, width) * 2
    expected = torch.stack([explicit(layer, image) for image in x])
    torch.testing.assert_close(layer(x).detach().double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        layer(x.to(memory_format=torch.channels_last)).detach().double(), expected, rtol=1e-5, atol=1e-5
    )


def test_at_first_it_changes_nothing_and_only_the_gate_learns():
    layer = SelfAttention(16)
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(layer(x), x)
    layer(x).square().sum().backward()
    assert layer.gate.grad != 0
    assert all((p.grad == 0).all() for name, p in layer.named_parameters() if name != "gate")


@pytest.mark.parametrize(("channels", "narrow", "half"), [(64, 8, 32), (4, 1, 2), (1, 1, 1)])
def test_its_channels(channels, narrow, half):
    layer = SelfAttention(channels)
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert shapes == {
        "query.weight": (narrow, channels, 1, 1),
        "key.weight": (narrow, channels, 1, 1),
        "value.weight": (half, channels, 1, 1),
        "output.weight": (channels, half, 1, 1),
        "gate": (),
    }


def test_images_do_not_mix():
    layer = attention(8)
    x = torch.randn(3, 8, 4, 4)
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]))


def test_pixels_that_are_all_alike_get_the_one_value_there_is():
    layer = attention(8)
    x = torch.randn(1, 8, 1, 1).expand(1, 8, 4, 4)
    value = torch.einsum("ov,vc,nchw->nohw", matrix(layer.output), matrix(layer.value), x.double())
    torch.testing.assert_close(layer(x).detach().double(), x + 0.7 * value, rtol=1e-5, atol=1e-5)
