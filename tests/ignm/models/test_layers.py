import math

import pytest
import torch
from torch import nn

from ignm.config import load_preset
from ignm.config.networks import GeneratorConfig, NetworkConfig
from ignm.models.layers import (
    ACTIVATIONS,
    NORMALISATIONS,
    ConditionalBatchNorm,
    biased,
    channels_at,
    fan_in,
    initialise,
)
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape

EPSILON = 1e-5


def maps(count=6, channels=8, size=5):
    return torch.randn(count, channels, size, size, generator=torch.Generator().manual_seed(0)) * 3 + 1


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        (None, lambda x: x),
        ("relu", lambda x: max(x, 0.0)),
        ("leaky_relu", lambda x: x if x > 0 else 0.2 * x),
        ("prelu", lambda x: x if x > 0 else 0.25 * x),
        ("elu", lambda x: x if x > 0 else math.exp(x) - 1),
        ("silu", lambda x: x / (1 + math.exp(-x))),
        ("gelu", lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2),
        ("mish", lambda x: x * math.tanh(math.log1p(math.exp(x)))),
        ("tanh", math.tanh),
        ("sigmoid", lambda x: 1 / (1 + math.exp(-x))),
    ],
)
def test_activations_by_their_formulas(name, formula):
    x = torch.linspace(-4, 4, 33, dtype=torch.float64)
    activation = ACTIVATIONS[name]().double()
    torch.testing.assert_close(activation(x).detach(), torch.tensor([formula(v) for v in x.tolist()]).double())


@pytest.mark.parametrize(
    ("name", "over"),
    [("batch", (0, 2, 3)), ("instance", (2, 3)), ("layer", (1, 2, 3))],
)
def test_normalisations_by_the_axes_of_their_moments(name, over):
    x = maps().double()
    mean, variance = x.mean(over, keepdim=True), x.var(over, correction=0, keepdim=True)
    torch.testing.assert_close(NORMALISATIONS[name](8).double()(x), (x - mean) / (variance + EPSILON).sqrt())


@pytest.mark.parametrize(("channels", "groups"), [(8, 2), (64, 16), (512, 32), (4, 1), (12, 3), (6, 1), (1, 1)])
def test_groups_have_four_channels_or_more_and_there_are_at_most_32(channels, groups):
    x = torch.randn(2, channels, 4, 4).double()
    parts = x.reshape(2, groups, -1)
    unit = (parts - parts.mean(2, keepdim=True)) / (parts.var(2, correction=0, keepdim=True) + EPSILON).sqrt()
    torch.testing.assert_close(NORMALISATIONS["group"](channels).double()(x), unit.reshape(x.shape))


def test_pixel_normalisation_and_none():
    x = maps()
    normal = NORMALISATIONS["pixel"](8)(x)
    torch.testing.assert_close(normal.square().mean(1), torch.ones(6, 5, 5))
    torch.testing.assert_close(normal * x.square().mean(1, keepdim=True).sqrt(), x)
    assert NORMALISATIONS[None](8)(x) is x


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_gains_and_biases_belong_to_channels(name):
    shapes = [tuple(p.shape) for p in NORMALISATIONS[name](8).parameters()]
    assert shapes == ([] if name in ("pixel", None) else [(8,), (8,)])


def test_conditional_batch_norm_has_the_gains_of_each_images_labels():
    layer, x = ConditionalBatchNorm(8, 3).double(), maps(4).double()
    with torch.no_grad():
        layer.gain.normal_(generator=seeded())
        layer.bias.normal_(generator=seeded(1))
    # One-hot classes, and a continuous label between them.
    labels = torch.tensor([[1, 0, 0.5], [0, 1, -2.0], [1, 0, 0.0], [0, 1, 0.5]]).double()
    unit = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True) + EPSILON).sqrt()
    for image in range(4):
        gain = 1 + sum(labels[image, k] * layer.gain[k] for k in range(3))
        bias = sum(labels[image, k] * layer.bias[k] for k in range(3))
        torch.testing.assert_close(layer(x, labels)[image], unit[image] * gain[:, None, None] + bias[:, None, None])


@pytest.mark.parametrize(
    ("bias", "normalisation", "normalised", "bare"),
    [
        ("unnormalised", "batch", False, False),
        ("unnormalised", None, True, True),
        ("needed", "batch", False, True),
        ("needed", None, True, True),
        ("all", "batch", True, True),
        ("all", None, True, True),
    ],
)
def test_which_convolutions_have_biases(bias, normalisation, normalised, bare):
    own = NetworkConfig(bias=bias, normalisation=normalisation)
    assert (biased(own, True), biased(own, False)) == (normalised, bare)


@pytest.mark.parametrize(
    ("width", "multiplier", "most", "expected"),
    [
        (64, 2.0, 8, [64, 128, 256, 512, 512]),
        (64, 2.0, 16, [64, 128, 256, 512, 1024]),
        (64, 1.0, 8, [64, 64, 64, 64, 64]),
        (64, 2.0, 1, [64, 64, 64, 64, 64]),
        # 10 x 1.5^k: 10, 15, 22.5, 33.75, 50.625, the last at most 4 x 10; halves go to even (Python's round).
        (10, 1.5, 4, [10, 15, 22, 34, 40]),
    ],
)
def test_channels_grow_with_each_halving_up_to_a_multiple(width, multiplier, most, expected):
    own = GeneratorConfig(width=width, multiplier=multiplier, max_multiplier=most)
    assert [channels_at(own, 64, size) for size in (64, 32, 16, 8, 4)] == expected


CONVOLUTION = nn.Conv2d(64, 128, 3)
TRANSPOSED = nn.ConvTranspose2d(128, 64, 4, stride=2, padding=1)
DENSE = nn.Linear(300, 200)


@pytest.mark.parametrize(
    ("weights", "layer", "spread", "bound"),
    [
        ("normal", CONVOLUTION, 0.02, math.inf),
        ("normal", TRANSPOSED, 0.02, math.inf),
        ("normal", DENSE, 0.02, math.inf),
        # Glorot and Bengio 2010: variance 2 / (fan in + fan out), uniform.
        ("xavier", CONVOLUTION, (2 / (9 * 64 + 9 * 128)) ** 0.5, (6 / (9 * 64 + 9 * 128)) ** 0.5),
        ("xavier", TRANSPOSED, (2 / (16 * 64 + 16 * 128)) ** 0.5, (6 / (16 * 64 + 16 * 128)) ** 0.5),
        ("xavier", DENSE, (2 / 500) ** 0.5, (6 / 500) ** 0.5),
        # He et al. 2015: variance 2 / fan in; a pixel that a transposed convolution gives sees 2x2 pixels.
        ("he", CONVOLUTION, (2 / (9 * 64)) ** 0.5, (6 / (9 * 64)) ** 0.5),
        ("he", TRANSPOSED, (2 / (4 * 128)) ** 0.5, (6 / (4 * 128)) ** 0.5),
        ("he", DENSE, (2 / 300) ** 0.5, (6 / 300) ** 0.5),
    ],
)
def test_spreads_of_weights(weights, layer, spread, bound):
    initialise(layer, weights, seeded())
    count = layer.weight.numel()
    # Five standard errors: of a standard deviation at most spread / sqrt(2 n), of a mean spread / sqrt(n).
    assert layer.weight.std().item() == pytest.approx(spread, rel=5 / (2 * count) ** 0.5)
    assert abs(layer.weight.mean().item()) < 5 * spread / count**0.5
    assert layer.weight.abs().max() <= bound
    assert (layer.bias == 0).all()


@pytest.mark.parametrize("layer", [CONVOLUTION, DENSE])
def test_orthogonal_weights(layer):
    initialise(layer, "orthogonal", seeded())
    matrix = layer.weight.detach().flatten(1).double()
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    torch.testing.assert_close(product, torch.eye(len(product)).double(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("layer", [nn.Conv2d(32, 48, 3, padding=1), nn.ConvTranspose2d(32, 48, 4, 2, 1)])
def test_he_keeps_the_second_moment_through_relu(layer):
    """The purpose it was derived for, which a wrong fan-in would miss by a factor."""
    initialise(layer, "he", seeded())
    x = torch.randn(8, 32, 16, 16, generator=seeded(1))
    inside = layer(x.relu())[:, :, 2:-2, 2:-2]
    assert inside.square().mean().item() == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize(
    ("layer", "expected"),
    [(nn.Conv2d(3, 5, 4, 2, 1), 48), (nn.ConvTranspose2d(3, 5, 4, 2, 1), 12), (nn.Linear(7, 2), 7)],
)
def test_fan_in_is_how_many_values_reach_one(layer, expected):
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.zero_()
        ones = torch.ones(1, 7) if isinstance(layer, nn.Linear) else torch.ones(1, 3, 8, 8)
        assert layer(ones).max().item() == fan_in(layer) == expected


def test_gains_of_batch_norm_are_drawn_with_normal_weights_alone():
    for weights, spread in (("normal", 0.02), ("he", 0.0)):
        norm = nn.BatchNorm2d(4096)
        initialise(norm, weights, seeded())
        assert norm.weight.mean().item() == pytest.approx(1.0, abs=5 * 0.02 / 64)
        assert norm.weight.std().item() == pytest.approx(spread, rel=0.06)


@pytest.mark.parametrize("preset", ["dcgan", "wgan-gp", "sagan"])
def test_presets_weights(preset):
    config = load_preset(preset, {"generator.spectral_norm": False, "discriminator.spectral_norm": False})
    networks = (build_generator(config, DataShape(3), 0), build_discriminator(config, DataShape(3), 0))
    for network in networks:
        for module in network.modules():
            if not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                continue
            receptive = module.weight[0, 0].numel()
            inner, outer = module.weight.shape[1] * receptive, module.weight.shape[0] * receptive
            spread = {"dcgan": 0.02, "wgan-gp": (2 / inner) ** 0.5, "sagan": (2 / (inner + outer)) ** 0.5}[preset]
            count = module.weight.numel()
            assert module.weight.std().item() == pytest.approx(spread, rel=5 / (2 * count) ** 0.5)


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_spectral_norm_holds_every_weight_at_one(which):
    changes = {"generator.condition": "normalisation", "loss.embedding": "projection", "data.resolution": 32}
    changes |= {"generator.width": 8, "discriminator.width": 8, "generator.attention": 8, "discriminator.attention": 8}
    config, shape = load_preset("sagan", changes), DataShape(3, (4,))
    build = build_generator if which == "generator" else build_discriminator
    network = build(config, shape, 0).train()
    given = torch.randn(2, 128) if which == "generator" else torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        for _ in range(200):
            network(given, torch.eye(4)[:2])
    network.eval()
    found = 0
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            weight = module.weight.detach().double()
            matrix = (weight.transpose(0, 1) if isinstance(module, nn.ConvTranspose2d) else weight).flatten(1)
            assert torch.linalg.svdvals(matrix)[0].item() == pytest.approx(1.0, abs=1e-3)
            assert hasattr(module, "parametrizations")
            found += 1
    assert found > 10


def test_spectral_norm_of_a_transposed_convolution_is_over_its_output_channels():
    config = load_preset("dcgan", {"generator.spectral_norm": True, "generator.width": 8, "data.resolution": 16})
    network = build_generator(config, DataShape(3), 0).train()
    with torch.no_grad():
        for _ in range(200):
            network(torch.randn(2, 100))
    for module in network.modules():
        if isinstance(module, nn.ConvTranspose2d):
            matrix = module.weight.detach().double().transpose(0, 1).flatten(1)
            assert torch.linalg.svdvals(matrix)[0].item() == pytest.approx(1.0, abs=1e-3)
