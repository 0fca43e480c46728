"""Both networks at every resolution: shapes, ranges, layers in order, and weights that the seed alone decides."""

import pytest
import torch

from ignm.config import load_preset, preset_names
from ignm.models.head import EMBEDDED
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape

NARROW = {"generator.width": 8, "discriminator.width": 8}
CONDITIONS = ["latent", "normalisation"]

ODD = {
    "bottlenecks": {"generator.bottleneck": 4, "discriminator.bottleneck": 2, "generator.upsampling": "pixel_shuffle"},
    "blur": {"discriminator.downsampling": "blur", "discriminator.pooling_size": 3, "generator.upsampling": "bilinear"},
    "max": {"discriminator.downsampling": "max", "discriminator.pooling_size": 4, "generator.upsampling": "transposed"},
    "strided": {"discriminator.downsampling": "strided", "discriminator.pooling_size": 3},
    "wide": {"generator.input_width": 20, "discriminator.head_width": 12, "discriminator.extra_blocks": 2},
    "pyramid": {"discriminator.head": "pyramid", "discriminator.minibatch_std": True, "generator.bias": "all"},
    "prelu": {"generator.activation": "prelu", "discriminator.activation": "prelu", "discriminator.head": "sum"},
    "bare": {"generator.activation": None, "discriminator.activation": None, "generator.normalisation": None},
    "thin": {"generator.multiplier": 1.3, "discriminator.multiplier": 1.0, "discriminator.stem": False},
    "attentive": {"generator.attention": 4, "discriminator.attention": 8, "loss.attention": 1.0},
    "labelled": {
        "generator.condition": "latent",
        "loss.embedding": "contrastive",
        "loss.classification": 1.0,
        "loss.regression": 1.0,
        "generator.spectral_norm": True,
        "discriminator.spectral_norm": True,
    },
}
SHAPE = DataShape(3, (2, 3), 2)


def labels(count):
    return torch.randn(count, SHAPE.labels, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
@pytest.mark.parametrize("preset", preset_names())
def test_shapes_and_ranges(preset, resolution, channels):
    attention = {"generator.attention": 8, "discriminator.attention": 8} if preset == "sagan" else {}
    config = load_preset(preset, NARROW | attention | {"data.resolution": resolution})
    shape = DataShape(channels)
    with torch.no_grad():
        images = build_generator(config, shape, 0)(torch.randn(2, config.generator.latent))
        judged = build_discriminator(config, shape, 0)(images)
    assert images.shape == (2, channels, resolution, resolution)
    assert images.abs().max() <= 1
    assert images.std() > 1e-3
    assert judged.logits.shape == (2,)
    assert judged.logits.isfinite().all()
    assert judged.classes == ()
    assert judged.features is judged.continuous is judged.image_embedding is judged.label_embedding is None


@pytest.mark.parametrize("embedding", ["projection", "contrastive"])
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("preset", preset_names())
def test_shapes_with_labels(preset, condition, embedding):
    changes = {"data.resolution": 32, "generator.condition": condition, "loss.embedding": embedding}
    config = load_preset(preset, NARROW | changes | {"loss.classification": 1.0, "loss.regression": 1.0})
    with torch.no_grad():
        images = build_generator(config, SHAPE, 0)(torch.randn(3, config.generator.latent), labels(3))
        judged = build_discriminator(config, SHAPE, 0)(images, labels(3))
    assert images.shape == (3, 3, 32, 32)
    assert judged.logits.shape == (3,)
    assert [tuple(each.shape) for each in judged.classes] == [(3, 2), (3, 3)]
    assert judged.continuous.shape == (3, 2)
    if embedding == "contrastive":
        assert judged.image_embedding.shape == judged.label_embedding.shape == (3, EMBEDDED)
    else:
        assert judged.image_embedding is judged.label_embedding is None


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
@pytest.mark.parametrize(
    "changes",
    [
        {"discriminator.block": "plain"},
        {"discriminator.block": "residual", "discriminator.stem": True},
        {"discriminator.block": "residual", "discriminator.stem": False},
        {"discriminator.block": "plain", "discriminator.attention": 8, "discriminator.extra_blocks": 1},
    ],
    ids=["plain", "stem", "image", "attention"],
)
def test_the_map_that_supervision_reads_is_8x8_and_depends_on_the_image(changes, resolution):
    config = load_preset("dcgan", NARROW | changes | {"data.resolution": resolution, "loss.attention": 1.0})
    network = build_discriminator(config, DataShape(3), 0)
    images = torch.randn(2, 3, resolution, resolution)
    features = network(images).features
    assert features.shape[2:] == (8, 8)
    assert len(features) == 2
    assert not torch.allclose(features[0], features[1])
    features.square().sum().backward()
    assert next(network.parameters()).grad.abs().sum() > 0


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("variant", ["preset", *ODD])
def test_layers_in_order_hold_every_parameter_once(preset, variant):
    config = load_preset(preset, NARROW | {"data.resolution": 32} | ODD.get(variant, {}))
    for network in (build_generator(config, SHAPE, 0), build_discriminator(config, SHAPE, 0)):
        listed = [id(parameter) for layer in network.ordered() for parameter in layer.parameters()]
        assert sorted(listed) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("variant", ODD)
def test_every_parameter_has_a_gradient(preset, variant):
    config = load_preset(preset, NARROW | {"data.resolution": 32} | ODD[variant])
    generator, discriminator = build_generator(config, SHAPE, 0), build_discriminator(config, SHAPE, 0)
    given = labels(4) if config.generator.condition else None
    judged = discriminator(generator(torch.randn(4, config.generator.latent), given), given)
    tensors = (judged.logits, *judged.classes, judged.continuous, judged.image_embedding, judged.label_embedding)
    sum(tensor.square().sum() for tensor in tensors if tensor is not None).backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("preset", preset_names())
def test_layers_are_computed_in_their_order(preset):
    config = load_preset(preset, NARROW | {"data.resolution": 32})
    networks = (
        (build_generator(config, SHAPE, 0), torch.randn(4, config.generator.latent)),
        (build_discriminator(config, SHAPE, 0), torch.randn(4, 3, 32, 32)),
    )
    for network, given in networks:
        # The last entry of a discriminator is no layer of its own: its attentions and its head.
        *layers, _ = network.ordered()
        called = []
        for layer in layers:
            layer.register_forward_hook(lambda module, inputs, output, called=called: called.append(module))
        network(given)
        assert called == layers


@pytest.mark.parametrize("preset", preset_names())
@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_same_seed_same_weights_and_the_global_generator_is_left_alone(build, preset):
    config = load_preset(preset, NARROW | {"generator.spectral_norm": True, "discriminator.spectral_norm": True})
    before = torch.random.get_rng_state()
    first, second, other = (build(config, SHAPE, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    states = (first.state_dict(), second.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_labels_of_a_dataset_are_one_hot_classes_and_continuous_ones():
    assert DataShape(3, (2, 5), 3).labels == 10
    assert DataShape(1).labels == 0
