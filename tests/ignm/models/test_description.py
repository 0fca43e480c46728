"""What a description says, against closed forms: a multiply-add for each weight and each place that it is used at."""

import pytest
import torch
from torch import nn

from ignm.config import load_preset, preset_names
from ignm.models.description import describe_config
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape

NARROW = {"generator.width": 8, "discriminator.width": 8, "data.resolution": 32}
SHAPE = DataShape(3, (2, 3), 2)
LABELLED = {"generator.condition": "normalisation", "loss.embedding": "contrastive", "loss.classification": 1.0}
VARIANTS = {
    "preset": {},
    "labelled": LABELLED | {"generator.normalisation": "batch"},
    "attention": {"generator.attention": 8, "discriminator.attention": 16, "loss.attention": 1.0},
    "blur": {
        "discriminator.downsampling": "blur",
        "generator.upsampling": "bilinear",
        "discriminator.activation": None,
    },
    "pyramid": {"discriminator.head": "pyramid", "discriminator.minibatch_std": True, "discriminator.head_width": 9},
}


def described(preset, **changes):
    return describe_config(load_preset(preset, changes), SHAPE)


def test_dcgan_64_by_hand():
    """torch's examples/dcgan: 4x4 kernels, seen by every pixel on their small side."""
    nets = describe_config(load_preset("dcgan"), DataShape(3))
    generator, discriminator = nets["generator"], nets["discriminator"]
    halves = [(4, 512, 256), (8, 256, 128), (16, 128, 64)]
    inner = sum(size**2 * 16 * wide * narrow for size, wide, narrow in halves)
    image = 32**2 * 16 * 64 * 3
    assert generator.multiply_adds == 100 * 16 * 512 + inner + image
    assert discriminator.multiply_adds == image + inner + 16 * 512
    assert (generator.parameters, discriminator.parameters) == (3_576_704, 2_765_568)
    # Each map of the generator three times over: as convolved, as normalised, as activated.
    maps = sum(size**2 * channels for size, channels in ((4, 512), (8, 256), (16, 128), (32, 64)))
    assert generator.activations == 3 * maps + 64**2 * 3
    # The discriminator's first map is not normalised; the last value is the logit.
    assert discriminator.activations == 3 * maps - 32**2 * 64 + 1
    assert generator.activation_bytes == 4 * generator.activations


def test_a_residual_network_by_hand():
    nets = describe_config(load_preset("wgan-gp"), DataShape(3))
    blocks = [(8, 512, 512), (16, 512, 256), (32, 256, 128), (64, 128, 64)]
    up = sum(size**2 * 9 * (inner * outer + outer * outer) for size, inner, outer in blocks)
    # The shortcut's 1x1 convolution is on the small side of its block, in both networks.
    shortcuts = sum((size // 2) ** 2 * inner * outer for size, inner, outer in blocks)
    assert nets["generator"].multiply_adds == 128 * 16 * 512 + up + shortcuts + 64**2 * 9 * 64 * 3
    down = sum(size**2 * 9 * (outer * outer + outer * inner) for size, inner, outer in blocks)
    assert nets["discriminator"].multiply_adds == 64**2 * 9 * 3 * 64 + down + shortcuts + 16 * 512


@pytest.mark.parametrize(("size", "channels"), [(8, 32), (16, 16)])
def test_attention_is_counted_once_with_its_products(size, channels):
    without = described("dcgan", **NARROW)["discriminator"]
    with_it = described("dcgan", **NARROW, **{"discriminator.attention": size})["discriminator"]
    channels, pixels = 8 * 16 // size, size**2
    convolutions = pixels * channels * (2 * (channels // 8) + 2 * (channels // 2))
    products = pixels * (pixels // 4) * (channels // 8 + channels // 2)
    assert with_it.multiply_adds - without.multiply_adds == convolutions + products
    parameters = channels * (2 * (channels // 8) + 2 * (channels // 2)) + 1
    assert with_it.parameters - without.parameters == parameters
    assert with_it.activations - without.activations == pixels * channels + pixels * pixels // 4
    (layer,) = [layer for layer in with_it.layers if layer.kind == "SelfAttention"]
    assert (layer.parameters, layer.multiply_adds) == (parameters, convolutions + products)
    assert layer.output == (channels, size, size)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("preset", preset_names())
def test_layers_sum_to_the_network(preset, variant):
    config = load_preset(preset, NARROW | {"generator.attention": None} | VARIANTS[variant])
    networks = {"generator": build_generator(config, SHAPE, 0), "discriminator": build_discriminator(config, SHAPE, 0)}
    for name, found in describe_config(config, SHAPE).items():
        assert found.parameters == sum(p.numel() for p in networks[name].parameters())
        assert found.parameters == sum(layer.parameters for layer in found.layers)
        assert found.multiply_adds == sum(layer.multiply_adds for layer in found.layers)
        # Self-attention keeps the weights of each pixel on a quarter of all pixels too.
        weights = sum(
            (layer.output[1] * layer.output[2]) ** 2 // 4 for layer in found.layers if layer.kind == "SelfAttention"
        )
        assert found.activations == weights + sum(torch.Size(layer.output).numel() for layer in found.layers)
        assert len({layer.name for layer in found.layers}) == len(found.layers)
        weighted = [m for m in networks[name].modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)]
        attentive = sum(layer.kind == "SelfAttention" for layer in found.layers)
        # Attention is one layer, of four convolutions.
        shown = sum(layer.kind.startswith(("Conv2d", "ConvTranspose2d", "Linear")) for layer in found.layers)
        assert shown == len(weighted) - 4 * attentive


def test_names_lead_to_the_layers_and_shapes_are_theirs():
    config = load_preset("sagan", NARROW)
    # On a CPU some layers are computed together with their neighbours.
    network = build_discriminator(config, SHAPE, 0).eval().to("meta")
    found = {layer.name: layer.output for layer in describe_config(config, SHAPE)["discriminator"].layers}
    seen = {}
    for name in found:
        network.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: seen.update({name: tuple(output.shape[1:])})
        )
    network(torch.randn(2, 3, 32, 32, device="meta"))
    assert seen == found


@pytest.mark.parametrize("preset", preset_names())
def test_a_spectral_norm_is_not_part_of_what_an_image_costs(preset):
    for value in (True, False):
        changes = NARROW | {"generator.spectral_norm": value, "discriminator.spectral_norm": value}
        nets = described(preset, **changes)
        counts = [(net.parameters, net.multiply_adds, net.activations) for net in nets.values()]
        kinds = [layer.kind for net in nets.values() for layer in net.layers]
        if value:
            first = counts, kinds
    assert first == (counts, kinds)


def test_kinds_say_kernel_and_stride():
    nets = described("dcgan", **NARROW, **{"generator.spectral_norm": True})
    kinds = {layer.kind for net in nets.values() for layer in net.layers}
    assert {"ConvTranspose2d 4x4, stride 2", "Conv2d 4x4, stride 2", "Linear", "BatchNorm2d", "LeakyReLU"} <= kinds
    pooled = described("dcgan", **NARROW, **{"discriminator.downsampling": "max", "discriminator.pooling_size": 3})
    kinds = {layer.kind for layer in pooled["discriminator"].layers}
    assert {"MaxPool2d 3x3, stride 2", "Conv2d 3x3"} <= kinds


def test_describing_disturbs_no_random_numbers():
    before = torch.random.get_rng_state()
    described("sagan", **NARROW)
    assert torch.equal(before, torch.random.get_rng_state())
