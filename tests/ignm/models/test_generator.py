"""The generator computes what the published networks compute, written here again layer by layer."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from ignm.config import load_preset, override
from ignm.models.generator import LABEL_SAMPLES, map_sizes
from ignm.models.networks import build_generator
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


def batch_norm(layer, x):
    gain, bias = getattr(layer, "weight", None), getattr(layer, "bias", None)
    if layer.training:
        return F.batch_norm(x, None, None, gain, bias, training=True)
    return F.batch_norm(x, layer.running_mean, layer.running_var, gain, bias)


def larger(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def non_local(layer, x):
    """non_local.py of SAGAN's authors; attention itself has a test of its own."""
    theta, phi, g = (conv(layer, name, x) for name in ("query", "key", "value"))
    phi, g = F.max_pool2d(phi, 2), F.max_pool2d(g, 2)
    shares = torch.einsum("nchw,ncij->nhwij", theta, phi).flatten(3).softmax(3)
    mixed = torch.einsum("nhwp,ncp->nchw", shares, g.flatten(2))
    return x + layer.gate * conv(layer, "output", mixed)


def close(ours, expected):
    torch.testing.assert_close(ours.double(), expected.double(), rtol=1e-5, atol=1e-5)


def small(preset, **changes):
    return load_preset(preset, {"generator.width": 8, "discriminator.width": 8, "data.resolution": 32} | changes)


@pytest.mark.parametrize("resolution", [16, 64])
def test_dcgan_is_its_authors_stack(resolution):
    config = small("dcgan", **{"data.resolution": resolution})
    ours = disturbed(build_generator(config, DataShape(3), 0))
    widths = [8 * size for size in (1, 2, 4, 8)][: len(map_sizes(resolution // 2))][::-1]
    layers = [nn.ConvTranspose2d(100, widths[0], 4, 1, 0, bias=False)]
    for inner, outer in zip(widths, [*widths[1:], 3], strict=True):
        layers += [nn.BatchNorm2d(inner), nn.ReLU(), nn.ConvTranspose2d(inner, outer, 4, 2, 1, bias=False)]
    theirs = nn.Sequential(*layers, nn.Tanh()).double()
    with torch.no_grad():
        for mine, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
            # A 4x4 transposed convolution of one pixel is a linear layer.
            other.copy_(mine if mine.shape == other.shape else mine.T.reshape(other.shape))
    latents = torch.randn(5, 100).double()
    for training in (True, False):
        ours.train(training)
        theirs.train(training)
        close(ours(latents), theirs(latents[:, :, None, None]))


def test_wgan_gp_is_its_authors_resnet():
    config = small("wgan-gp")
    ours = disturbed(build_generator(config, DataShape(3), 0))

    def normalised(name, x):
        return F.relu(batch_norm(ours.get_submodule(name), x))

    latents = torch.randn(4, 128).double()
    x = (latents @ ours.input[0].weight.T + ours.input[0].bias).reshape(4, 64, 4, 4)
    for size in (8, 16, 32):
        block = f"blocks.{size}"
        shortcut = conv(ours, f"{block}.shortcut.0", larger(x))
        x = conv(ours, f"{block}.stages.0.conv.1", larger(normalised(f"{block}.stages.0.norm", x)), padding=1)
        x = conv(ours, f"{block}.stages.1.conv", normalised(f"{block}.stages.1.norm", x), padding=1)
        x = shortcut + x
    close(ours(latents), torch.tanh(conv(ours, "output.conv", normalised("output.norm", x), padding=1)))


@pytest.mark.parametrize("training", [True, False])
def test_sagan_is_its_authors_network(training):
    changes = {"generator.condition": "normalisation", "loss.embedding": "projection", "generator.attention": 8}
    # Weights of a spectral norm change with every forward pass in training.
    config = small("sagan", **changes, **{"generator.spectral_norm": not training})
    ours = disturbed(build_generator(config, DataShape(3, (5,)), 0)).train(training)
    classes = torch.tensor([0, 3, 1, 4])

    def conditional(name, x):
        layer = ours.get_submodule(name)
        gamma, beta = (1 + layer.gain)[classes], layer.bias[classes]
        return F.relu(gamma[:, :, None, None] * batch_norm(layer.norm, x) + beta[:, :, None, None])

    latents = torch.randn(4, 128).double()
    x = (latents @ ours.input[0].weight.T + ours.input[0].bias).reshape(4, -1, 4, 4)
    for size in (8, 16, 32):
        block = f"blocks.{size}"
        shortcut = conv(ours, f"{block}.shortcut.0", larger(x))
        x = conv(ours, f"{block}.stages.0.conv.1", larger(conditional(f"{block}.stages.0.norm", x)), padding=1)
        x = conv(ours, f"{block}.stages.1.conv", conditional(f"{block}.stages.1.norm", x), padding=1)
        x = shortcut + x
        x = non_local(ours.attention["8"], x) if size == 8 else x
    x = F.relu(batch_norm(ours.output.norm, x))
    labels = F.one_hot(classes, 5).double()
    close(ours(latents, labels), torch.tanh(conv(ours, "output.conv", x, padding=1)))


@pytest.mark.parametrize("kind", ["nearest", "transposed", "pixel_shuffle", "bilinear"])
def test_a_shortcut_is_a_1x1_convolution_enlarged_as_its_block_is(kind):
    network = disturbed(build_generator(small("wgan-gp", **{"generator.upsampling": kind}), DataShape(3), 0))
    block, x = network.blocks["8"], torch.randn(2, 64, 4, 4).double()
    mapped = conv(block, "shortcut.0", x)
    large = F.interpolate(mapped, scale_factor=2, mode="bilinear") if kind == "bilinear" else larger(mapped)
    stages = block.stages[1](block.stages[0](x, None), None)
    close(block(x, None), stages + large)


@pytest.mark.parametrize("block", ["plain", "residual"])
def test_a_bottleneck_narrows_between_1x1_convolutions(block):
    config = small("dcgan", **{"generator.block": block, "generator.bottleneck": 4, "generator.upsampling": "nearest"})
    network = build_generator(config, DataShape(3), 0)
    found = [len(stage.norm.weight) for stage in network.blocks["16"].stages]
    inner, outer = (16, 8) if block == "plain" else (32, 16)
    channels = [inner, outer // 4] if block == "plain" else [inner, outer // 4, outer // 4]
    assert found == channels
    assert network(torch.randn(2, 100)).shape == (2, 3, 32, 32)


def test_an_input_width_puts_an_activated_layer_before_the_first_map():
    network = build_generator(small("wgan-gp", **{"generator.input_width": 7}), DataShape(3), 0)
    first, activation, second = network.input
    assert (first.in_features, first.out_features, second.in_features, second.out_features) == (128, 7, 7, 64 * 16)
    assert isinstance(activation, nn.ReLU)
    assert first.bias is not None


@pytest.mark.parametrize("condition", ["latent", "normalisation"])
def test_labels_change_the_image_and_no_other_images(condition):
    config = small("dcgan", **{"generator.condition": condition, "loss.embedding": "projection"})
    network = disturbed(build_generator(config, DataShape(1, (2, 3), 2), 0)).eval()
    latents = torch.randn(1, 100).double().expand(3, -1)
    labels = torch.tensor([[1, 0, 0, 1, 0, 0.5, -1], [0, 1, 0, 1, 0, 0.5, -1], [1, 0, 0, 1, 0, 0.5, 1]]).double()
    images = network(latents, labels)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not torch.allclose(images[a], images[b])
    close(images[:1], network(latents[:1], labels[:1]))


def test_labels_by_name_of_the_latent_are_concatenated_to_it():
    config = small("dcgan", **{"generator.condition": "latent", "loss.embedding": "projection"})
    ours = build_generator(config, DataShape(1, (3,)), 0).eval()
    plain = build_generator(override(small("dcgan"), {"generator.latent": 103}), DataShape(1), 0).eval()
    plain.load_state_dict({name: value for name, value in ours.state_dict().items() if name != "label_samples"})
    latents, labels = torch.randn(2, 100), torch.eye(3)[:2]
    assert torch.equal(ours(latents, labels), plain(torch.cat([latents, labels], dim=1)))


def test_conditional_batch_norm_begins_as_plain_batch_norm():
    changes = {"generator.condition": "normalisation", "loss.embedding": "projection"}
    conditional = build_generator(small("sagan", **changes), DataShape(3, (4,)), 0).train()
    plain = build_generator(small("sagan"), DataShape(3), 0).train()
    latents = torch.randn(4, 128)
    assert torch.equal(conditional(latents, torch.eye(4)), plain(latents))


def test_labels_that_an_unconditional_generator_is_given_change_nothing():
    network = build_generator(small("dcgan"), DataShape(3, (4,)), 0).eval()
    latents = torch.randn(2, 100)
    assert torch.equal(network(latents, torch.eye(4)[:2]), network(latents))
    assert network.sample_labels(3, torch.Generator()) is None


def test_sampled_labels_are_those_it_keeps_and_their_shares_agree():
    config = small("dcgan", **{"generator.condition": "latent", "loss.embedding": "projection"})
    network = build_generator(config, DataShape(3, (2,)), 0)
    kept = torch.tensor([[1.0, 0.0]] * (LABEL_SAMPLES // 4) + [[0.0, 1.0]] * (LABEL_SAMPLES * 3 // 4))
    network.label_samples.copy_(kept)
    drawn = network.sample_labels(4000, torch.Generator().manual_seed(0))
    assert drawn.shape == (4000, 2)
    # Four standard deviations of a share of 1/4 in 4,000.
    assert drawn[:, 0].mean().item() == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / 4000) ** 0.5)
    assert torch.equal(drawn, network.sample_labels(4000, torch.Generator().manual_seed(0)))
    assert "label_samples" in network.state_dict()


def test_map_sizes():
    assert map_sizes(4) == [4]
    assert map_sizes(64) == [4, 8, 16, 32, 64]
