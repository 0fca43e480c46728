"""The presets have the parameters of the published networks, layer by layer.

Each network is stated here again from its authors' code: every layer by its numbers, none by ours.
"""

from collections import Counter

import pytest
from torch import nn

from ignm.config import load_preset
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape


def parameters(network):
    return sum(parameter.numel() for parameter in network.parameters())


def conv(inner, outer, size, bias=True):
    """Shapes of the parameters of a convolution."""
    return [(outer, inner, size, size)] + [(outer,)] * bias


def linear(inner, outer, bias=True):
    return [(outer, inner)] + [(outer,)] * bias


def norm(channels):
    return [(channels,), (channels,)]


def counted(shapes):
    total = 0
    for shape in shapes:
        size = 1
        for side in shape:
            size *= side
        total += size
    return total


def dcgan_generator(ngf, nz=100, nc=3):
    """torch's examples/dcgan/main.py, Generator: transposed convolutions hold (in, out, k, k)."""
    shapes = []
    for inner, outer in ((nz, 8), (8, 4), (4, 2), (2, 1)):
        inner, outer = inner if inner == nz else inner * ngf, outer * ngf
        shapes += [(inner, outer, 4, 4), *norm(outer)]
    return [*shapes, (ngf, nc, 4, 4)]


def dcgan_discriminator(ndf, nc=3):
    """The same file, Discriminator."""
    shapes = conv(nc, ndf, 4, bias=False)
    for factor in (1, 2, 4):
        shapes += conv(factor * ndf, 2 * factor * ndf, 4, bias=False) + norm(2 * factor * ndf)
    return shapes + conv(8 * ndf, 1, 4, bias=False)


def wgan_gp_block(inner, outer, up):
    """gan_64x64.py, ResidualBlock with resample: Normalize, Conv1 (no bias), Normalize, Conv2, and a 1x1 Shortcut."""
    middle = outer if up else inner
    first = norm(inner) + conv(inner, middle, 3, bias=False)
    return first + norm(middle) + conv(middle, outer, 3) + conv(inner, outer, 1)


def wgan_gp_generator(dim):
    """gan_64x64.py, GoodGenerator."""
    shapes = linear(128, 4 * 4 * 8 * dim)
    for inner, outer in ((8, 8), (8, 4), (4, 2), (2, 1)):
        shapes += wgan_gp_block(inner * dim, outer * dim, up=True)
    return shapes + norm(dim) + conv(dim, 3, 3)


def wgan_gp_critic(dim):
    """gan_64x64.py, GoodDiscriminator."""
    shapes = conv(3, dim, 3)
    for inner, outer in ((1, 2), (2, 4), (4, 8), (8, 8)):
        shapes += wgan_gp_block(inner * dim, outer * dim, up=False)
    return shapes + linear(4 * 4 * 8 * dim, 1)


def non_local(channels):
    """non_local.py, sn_non_local_block_sim: theta, phi, g, output and sigma."""
    eighth, half = channels // 8, channels // 2
    inner = conv(channels, eighth, 1, bias=False) * 2 + conv(channels, half, 1, bias=False)
    return [*inner, *conv(half, channels, 1, bias=False), ()]


def sagan_generator(gf, classes, latent=128):
    """generator_test.py at 128x128: conditional batch norm holds (classes, C) gammas and betas."""
    shapes = linear(latent, 4 * 4 * 16 * gf)
    for inner, outer in ((16, 16), (16, 8), (8, 4), (4, 2), (2, 1)):
        inner, outer = inner * gf, outer * gf
        shapes += [(classes, inner)] * 2 + conv(inner, outer, 3)
        shapes += [(classes, outer)] * 2 + conv(outer, outer, 3) + conv(inner, outer, 1)
    return shapes + non_local(4 * gf) + norm(gf) + conv(gf, 3, 3)


def sagan_discriminator(df, classes):
    """discriminator_test.py at 128x128: optimized_block, four blocks that halve, one that does not."""
    shapes = conv(3, df, 3) + conv(df, df, 3) + conv(3, df, 1)
    for inner, outer in ((1, 2), (2, 4), (4, 8), (8, 16)):
        inner, outer = inner * df, outer * df
        shapes += conv(inner, outer, 3) + conv(outer, outer, 3) + conv(inner, outer, 1)
    shapes += conv(16 * df, 16 * df, 3) * 2
    return shapes + non_local(2 * df) + linear(16 * df, 1) + [(classes, 16 * df)]


def sagan_128(width, classes):
    overrides = {"data.resolution": 128, "generator.attention": 32, "discriminator.attention": 32}
    overrides |= {"generator.condition": "normalisation", "loss.embedding": "projection"}
    overrides |= {"generator.width": width, "discriminator.width": width}
    return load_preset("sagan", overrides), DataShape(3, (classes,))


def kinds(shapes):
    """How many parameters of each shape, whichever way round a matrix is held, and whatever 1x1 maps are called."""
    squeezed = (tuple(side for side in shape if side != 1) for shape in shapes)
    return Counter(tuple(sorted(shape)) for shape in squeezed)


def same(network, shapes):
    assert parameters(network) == counted(shapes)
    assert kinds(tuple(parameter.shape) for parameter in network.parameters()) == kinds(shapes)


@pytest.mark.parametrize("width", [64, 24])
def test_dcgan(width):
    config = load_preset("dcgan", {"generator.width": width, "discriminator.width": width})
    # Its first and last 4x4 convolutions see a whole map, and are held as linear layers here.
    assert parameters(build_generator(config, DataShape(3), 0)) == counted(dcgan_generator(width))
    assert parameters(build_discriminator(config, DataShape(3), 0)) == counted(dcgan_discriminator(width))


def test_dcgan_has_the_published_counts():
    assert counted(dcgan_generator(64)) == 3_576_704
    assert counted(dcgan_discriminator(64)) == 2_765_568


@pytest.mark.parametrize("width", [64, 32])
def test_wgan_gp(width):
    config = load_preset("wgan-gp", {"generator.width": width, "discriminator.width": width})
    same(build_generator(config, DataShape(3), 0), wgan_gp_generator(width))
    same(build_discriminator(config, DataShape(3), 0), wgan_gp_critic(width))


def test_wgan_gp_counts():
    assert counted(wgan_gp_generator(64)) == 8_540_483
    assert counted(wgan_gp_critic(64)) == 7_491_841


@pytest.mark.parametrize(("width", "classes"), [(16, 10), (8, 3)])
def test_sagan(width, classes):
    config, shape = sagan_128(width, classes)
    same(build_generator(config, shape, 0), sagan_generator(width, classes))
    same(build_discriminator(config, shape, 0), sagan_discriminator(width, classes))


def test_sagan_on_imagenet_as_released(monkeypatch):
    # Drawing 81 million weights tells nothing of their number.
    for name in ("kaiming_uniform_", "uniform_", "xavier_uniform_", "normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **kwargs: tensor)
    config, shape = sagan_128(64, 1000)
    config = config.model_copy(
        update={side: getattr(config, side).model_copy(update={"spectral_norm": False}) for side in NETWORKS}
    )
    generator, discriminator = (build(config, shape, 0) for build in (build_generator, build_discriminator))
    same(generator, sagan_generator(64, 1000))
    same(discriminator, sagan_discriminator(64, 1000))
    assert parameters(generator) == 42_078_852
    assert parameters(discriminator) == 39_463_618


NETWORKS = ("generator", "discriminator")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("optim.n_critic", 5),
        ("optim.generator.lr", 1e-4),
        ("optim.generator.beta1", 0.0),
        ("optim.generator.beta2", 0.9),
        ("loss.gamma", 10.0),
        ("loss.interval", 1),
        ("loss.penalty", "wgan_gp"),
        ("discriminator.normalisation", "layer"),
    ],
)
def test_wgan_gp_recipe(path, value):
    found = load_preset("wgan-gp")
    for part in path.split("."):
        found = getattr(found, part)
    assert found == value
