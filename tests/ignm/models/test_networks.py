import pytest
import torch

from ignm.config import load_preset, override
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_dcgan_64_has_the_published_counts():
    config = load_preset("dcgan")
    assert parameters(build_generator(config, DataShape(3), 0)) == 3_576_704
    assert parameters(build_discriminator(config, DataShape(3), 0)) == 2_765_568


@pytest.mark.parametrize("resolution", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_and_ranges(resolution, channels):
    config = load_preset("dcgan", {"data.resolution": resolution, "generator.width": 8, "discriminator.width": 8})
    images = build_generator(config, DataShape(channels), 0)(torch.randn(3, 100))
    assert images.shape == (3, channels, resolution, resolution)
    assert images.abs().max() <= 1
    assert build_discriminator(config, DataShape(channels), 0)(images).logits.shape == (3,)


@pytest.mark.parametrize("build", [build_generator, build_discriminator])
def test_same_seed_same_weights_and_the_global_generator_is_left_alone(build):
    config = override(load_preset("dcgan"), {"generator.spectral_norm": True, "discriminator.spectral_norm": True})
    before = torch.random.get_rng_state()
    first, second, other = (
        build(config, DataShape(3), 1),
        build(config, DataShape(3), 1),
        build(config, DataShape(3), 2),
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_dcgan_weights_have_its_spread():
    network = build_discriminator(load_preset("dcgan"), DataShape(3), 0)
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, torch.nn.Conv2d)])
    assert abs(weights.mean().item()) < 1e-4
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)


def test_spectral_norm_converges_to_the_largest_singular_value():
    changes = {"discriminator.spectral_norm": True, "discriminator.normalisation": None, "data.resolution": 32}
    network = build_discriminator(load_preset("dcgan", {**changes, "discriminator.width": 16}), DataShape(3), 0)
    for _ in range(200):
        network(torch.randn(2, 3, 32, 32))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):
            largest = torch.linalg.svdvals(module.weight.detach().flatten(1).double())[0].item()
            assert largest == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("normalisation", ["batch", "instance", "layer", "pixel", None])
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu", "silu", "gelu", "mish", "tanh", "sigmoid"])
def test_every_option_changes_the_networks(normalisation, activation):
    """No dead option: each pair of choices gives another function."""
    base = {"data.resolution": 16, "generator.width": 8, "discriminator.width": 8}
    images, latents = torch.randn(4, 1, 16, 16), torch.randn(4, 100)
    reference = load_preset(
        "dcgan", {**base, "generator.normalisation": "layer", "discriminator.normalisation": "layer"}
    )
    reference = override(reference, {"generator.activation": "silu", "discriminator.activation": "silu"})
    changes = {f"{side}.normalisation": normalisation for side in ("generator", "discriminator")}
    changes |= {f"{side}.activation": activation for side in ("generator", "discriminator")}
    config = override(reference, changes)
    if config == reference:
        return
    assert not torch.equal(
        build_generator(config, DataShape(1), 0)(latents), build_generator(reference, DataShape(1), 0)(latents)
    )
    assert not torch.equal(
        build_discriminator(config, DataShape(1), 0)(images).logits,
        build_discriminator(reference, DataShape(1), 0)(images).logits,
    )


def test_a_discriminator_without_batch_norm_judges_each_image_alone():
    config = load_preset("dcgan", {"data.resolution": 16, "discriminator.normalisation": "layer"})
    network, images = build_discriminator(config, DataShape(1), 0), torch.randn(5, 1, 16, 16)
    torch.testing.assert_close(network(images).logits[2:3], network(images[2:3]).logits)
