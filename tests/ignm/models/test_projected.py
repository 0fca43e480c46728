import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn

from ignm.config import load_preset
from ignm.errors import IgnmError
from ignm.models.description import describe_config
from ignm.models.networks import build_discriminator
from ignm.models.projected import ProjectedDiscriminator
from ignm.models.shape import DataShape

SHAPE = DataShape(3, (2, 3), 2)
LABELLED = {"generator.condition": "latent", "loss.embedding": "projection", "loss.classification": 1.0}
VARIANTS = {
    "plain": {},
    "residual": {"discriminator.block": "residual", "discriminator.head": "sum", "discriminator.inner": "output"},
    "labelled": LABELLED | {"loss.regression": 1.0},
    "extra": {"discriminator.extra_blocks": 2, "discriminator.bottleneck": 2, "discriminator.downsampling": "blur"},
    "spectral": {"discriminator.spectral_norm": True, "discriminator.head_width": 10},
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None)
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    safetensors.torch.save_file(network.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def config_of(weights):
    def make(**changes):
        given = {"init.features": "resnet18", "init.features_weights": weights, "discriminator.width": 8}
        return load_preset("dcgan", given | {"data.resolution": 32, "discriminator.normalisation": "layer"} | changes)

    return make


def images(count=2, channels=3, resolution=32):
    return torch.rand(count, channels, resolution, resolution, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_judges_images_and_every_parameter_learns(config_of, variant):
    network = build_discriminator(config_of(**VARIANTS[variant]), SHAPE, 0)
    labels = torch.randn(2, SHAPE.labels)
    judged = network(images(), labels)
    assert judged.logits.shape == (2,)
    assert judged.features is None
    assert not torch.equal(judged.logits[0], judged.logits[1])
    tensors = (judged.logits, *judged.classes, judged.continuous)
    sum(tensor.square().sum() for tensor in tensors if tensor is not None).backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    listed = [id(parameter) for layer in network.ordered() for parameter in layer.parameters()]
    assert sorted(listed) == sorted(id(parameter) for parameter in network.parameters())


@pytest.mark.parametrize(("resolution", "channels"), [(16, 1), (64, 3), (256, 3)])
def test_every_tower_ends_with_a_4x4_map(config_of, resolution, channels):
    config = config_of(**{"data.resolution": resolution, "discriminator.multiplier": 1.5})
    network = build_discriminator(config, DataShape(channels), 0).eval()
    ends = []
    for tower in network.blocks.values():
        tower.register_forward_hook(lambda module, inputs, output: ends.append((inputs[0].shape[2], output.shape[2])))
    with torch.no_grad():
        assert network(images(1, channels, resolution)).logits.isfinite().all()
    side = max(resolution, 128)
    assert ends == [(side // stride, 4) for stride in (4, 8, 16, 32)]


def test_extra_blocks_lengthen_every_tower(config_of):
    shorter, longer = (
        build_discriminator(config_of(**{"discriminator.extra_blocks": count}), SHAPE, 0) for count in (0, 2)
    )
    for size in shorter.blocks:
        assert len(longer.blocks[size]) == len(shorter.blocks[size]) + 2


def test_each_image_is_judged_alone(config_of):
    network, given = build_discriminator(config_of(), SHAPE, 0), images(4)
    with torch.no_grad():
        together, alone = network(given).logits, network(given[2:3]).logits
    torch.testing.assert_close(together[2:3], alone, rtol=1e-4, atol=1e-4)


def test_same_seed_same_network_and_the_global_generator_is_left_alone(config_of):
    before = torch.random.get_rng_state()
    first, second, other = (build_discriminator(config_of(), SHAPE, seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    states = [network.state_dict() for network in (first, second, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    mixing = [name for name in states[0] if name.endswith("mixing_weight")]
    assert len(mixing) == 7
    assert not any(torch.equal(states[0][name], states[2][name]) for name in mixing)


def test_its_description_counts_what_learns(config_of):
    config = config_of()
    network = build_discriminator(config, SHAPE, 0)
    found = describe_config(config, SHAPE)["discriminator"]
    assert found.parameters == sum(parameter.numel() for parameter in network.parameters())
    assert found.parameters == sum(layer.parameters for layer in found.layers)
    # resnet18 alone takes 1.8 billion multiply-adds for 224x224 (He et al. 2016), its classifier half a million.
    backbone = (1_814_073_344 - 512 * 1000) * (128 / 224) ** 2
    assert found.multiply_adds > backbone


def test_without_features_it_is_not_built():
    with pytest.raises(IgnmError, match=r"init\.features"):
        ProjectedDiscriminator(load_preset("dcgan"), DataShape(3))


def test_a_file_that_is_missing_is_told_by_its_path(config_of):
    with pytest.raises(IgnmError, match=r"init\.features_weights: .*nowhere\.pth: no such file"):
        build_discriminator(config_of(**{"init.features_weights": "nowhere.pth"}), SHAPE, 0)


def test_batch_statistics_of_the_features_do_not_move(config_of):
    network = build_discriminator(config_of(), SHAPE, 0).train()
    norms = [module for module in network.pretrained._stages[0].modules() if isinstance(module, nn.BatchNorm2d)]
    before = [norm.running_mean.clone() for norm in norms]
    network(images())
    assert all(torch.equal(a, norm.running_mean) for a, norm in zip(before, norms, strict=True))
