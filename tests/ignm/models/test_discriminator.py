"""The discriminator computes what the published networks compute, written here again layer by layer."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ignm.config import load_preset
from ignm.models.networks import build_discriminator
from ignm.models.shape import DataShape


def disturbed(network):
    """Give every parameter and running statistic a value that matters."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5)
            elif value.is_floating_point() and "parametrizations" not in name:
                value.normal_(0.0, 0.3)
    return network.double()


def conv(network, name, x, padding=0):
    layer = network.get_submodule(name)
    return F.conv2d(x, layer.weight, layer.bias, padding=padding)


def mean_pool(x):
    return (x[:, :, ::2, ::2] + x[:, :, 1::2, ::2] + x[:, :, ::2, 1::2] + x[:, :, 1::2, 1::2]) / 4


def layer_norm(network, name, x):
    """tflib's Layernorm over [1, 2, 3]: moments of the whole map, scale and offset by channel."""
    layer = network.get_submodule(name)
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    variance = (x - mean).square().mean(dim=(1, 2, 3), keepdim=True)
    unit = (x - mean) / (variance + 1e-5).sqrt()
    return F.relu(unit * layer.weight[:, None, None] + layer.bias[:, None, None])


def close(ours, expected):
    scale = expected.abs().max().item()
    torch.testing.assert_close(ours.double(), expected.double(), rtol=1e-5, atol=1e-5 * scale)


def small(preset, **changes):
    return load_preset(preset, {"generator.width": 8, "discriminator.width": 8, "data.resolution": 32} | changes)


def images(count=4, channels=3, resolution=32):
    return torch.rand(count, channels, resolution, resolution, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("resolution", [16, 64])
def test_dcgan_is_its_authors_stack(resolution):
    ours = disturbed(build_discriminator(small("dcgan", **{"data.resolution": resolution}), DataShape(3), 0))
    layers = [nn.Conv2d(3, 8, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    width, size = 8, resolution // 2
    while size > 4:
        layers += [nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]
        width, size = 2 * width, size // 2
    theirs = nn.Sequential(*layers, nn.Conv2d(width, 1, 4, 1, 0, bias=False)).double()
    with torch.no_grad():
        for mine, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            # A 4x4 convolution of a 4x4 map is a linear layer.
            other.copy_(mine.reshape(other.shape))
    given = images(resolution=resolution).double()
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        close(ours(given).logits, theirs(given).flatten())


def test_wgan_gp_is_its_authors_resnet():
    ours = disturbed(build_discriminator(small("wgan-gp"), DataShape(3), 0))
    given = images().double()
    x = conv(ours, "stem.0", given, padding=1)
    for size in (16, 8, 4):
        block = f"blocks.{size}"
        shortcut = conv(ours, f"{block}.shortcut.1", mean_pool(x))
        x = conv(ours, f"{block}.stages.2", layer_norm(ours, f"{block}.stages.0", x), padding=1)
        x = mean_pool(conv(ours, f"{block}.stages.5.0", layer_norm(ours, f"{block}.stages.3", x), padding=1))
        x = shortcut + x
    expected = x.reshape(4, -1) @ ours.head.logit.weight[0] + ours.head.logit.bias
    close(ours(given).logits, expected)


def test_sagan_is_its_authors_network():
    changes = {"generator.condition": "normalisation", "loss.embedding": "projection", "discriminator.attention": 8}
    ours = disturbed(build_discriminator(small("sagan", **changes), DataShape(3, (5,)), 0)).eval()
    with torch.no_grad():
        ours.attention["8"].gate.fill_(0.8)
    classes = torch.tensor([0, 3, 1, 4])
    given = images().double()
    # optimized_block, whose shortcut is pooled first
    x = conv(ours, "blocks.16.stages.0", given, padding=1)
    x = mean_pool(conv(ours, "blocks.16.stages.3.0", F.relu(x), padding=1))
    x = x + conv(ours, "blocks.16.shortcut.1", mean_pool(given))
    for size in (8, 4):
        # block, whose shortcut is pooled last: the two commute
        shortcut = mean_pool(conv(ours, f"blocks.{size}.shortcut.1", x))
        y = conv(ours, f"blocks.{size}.stages.2", F.relu(x), padding=1)
        y = conv(ours, f"blocks.{size}.stages.5.0", F.relu(y), padding=1)
        x = mean_pool(y) + shortcut
        x = ours.attention["8"](x) if size == 8 else x
    y = conv(ours, "extra.0.stages.2", F.relu(x), padding=1)
    x = x + conv(ours, "extra.0.stages.5", F.relu(y), padding=1)
    summed = F.relu(x).sum(dim=(2, 3))
    logits = summed @ ours.head.logit.weight[0] + ours.head.logit.bias
    embedded = ours.head.projection.weight.T[classes]
    labels = F.one_hot(classes, 5).double()
    close(ours(given, labels).logits, logits + (summed * embedded).sum(dim=1))


def test_inner_channels_are_those_that_come_in_or_go_out():
    for inner, middle in (("input", 8), ("output", 16)):
        network = build_discriminator(small("wgan-gp", **{"discriminator.inner": inner}), DataShape(3), 0)
        assert network.blocks["16"].stages[2].out_channels == middle


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_a_bottleneck_narrows_between_1x1_convolutions(block):
    config = small("dcgan", **{"discriminator.block": block, "discriminator.bottleneck": 2})
    network = build_discriminator(config, DataShape(3), 0)
    stages = network.blocks["4"] if block == "plain" else network.blocks["4"].stages
    shapes = [tuple(p.shape) for p in stages.parameters() if p.ndim == 4]
    expected = {
        "plain": [(16, 16, 1, 1), (32, 16, 4, 4)],
        "residual": [(32, 32, 1, 1), (32, 32, 4, 4), (64, 32, 1, 1)],
    }
    assert shapes == expected[block]


def test_extra_blocks_keep_the_last_map():
    for block in ("plain", "residual"):
        changes = {"discriminator.block": block, "discriminator.extra_blocks": 2}
        network = build_discriminator(small("dcgan", **changes), DataShape(3), 0)
        x = torch.randn(2, 32 if block == "plain" else 64, 4, 4)
        for extra in network.extra:
            assert extra(x).shape == x.shape


ALONE = [
    ("dcgan", {"discriminator.normalisation": "layer"}),
    ("dcgan", {"discriminator.normalisation": "instance", "discriminator.head": "pyramid"}),
    ("dcgan", {"discriminator.normalisation": "group", "discriminator.attention": 8}),
    ("dcgan", {"discriminator.normalisation": "pixel", "discriminator.downsampling": "blur"}),
    ("dcgan", {"discriminator.normalisation": None, "discriminator.block": "residual"}),
    ("wgan-gp", {}),
    ("sagan", {}),
]


@pytest.mark.parametrize(("preset", "changes"), ALONE)
def test_without_batch_statistics_each_image_is_judged_alone(preset, changes):
    network = disturbed(build_discriminator(small(preset, **changes), DataShape(3), 0))
    # Batch statistics are taken in training; a spectral norm changes its weights there, and is as it is after that.
    network.train()
    for module in network.modules():
        if isinstance(module, nn.utils.parametrize.ParametrizationList):
            module.eval()
    given = images(8).double()
    together, parts = network(given).logits, torch.cat([network(given[i : i + 1]).logits for i in range(8)])
    close(together, parts)


@pytest.mark.parametrize(
    "changes", [{}, {"discriminator.normalisation": None, "discriminator.minibatch_std": True}], ids=["batch", "std"]
)
def test_with_them_other_images_matter(changes):
    network = build_discriminator(small("dcgan", **changes, **{"discriminator.weights": "he"}), DataShape(3), 0)
    given = images(8)
    other = torch.cat([given[:1], given[1:] / 10])
    first, second = network.train()(given).logits[0].item(), network(other).logits[0].item()
    assert second != pytest.approx(first, rel=0.01)
