import copy

import pytest
import safetensors.torch
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from ignm.errors import IgnmError
from ignm.models.features import BACKBONES, CHANNELS, PretrainedFeatures, enlarged


def random():
    return torch.Generator().manual_seed(0)


def network(name):
    """A backbone with weights of its own, and batch statistics that matter."""
    torch.manual_seed(0)
    with torch.device("meta"):
        built = getattr(torchvision.models, name)(weights=None)
    # Its classifier is not read, and vgg16's would take half a gigabyte.
    for classifier in ("fc", "classifier"):
        if hasattr(built, classifier):
            setattr(built, classifier, nn.Identity())
    built.to_empty(device="cpu")
    for module in built.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    return built.eval()


@pytest.fixture(scope="module")
def resnet():
    return network("resnet18")


@pytest.fixture(scope="module")
def weights(resnet, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(resnet.state_dict(), path)
    return str(path)


@pytest.fixture(scope="module")
def features(weights):
    return PretrainedFeatures("resnet18", weights, random())


def images(count=2, channels=3, resolution=32):
    return torch.rand(count, channels, resolution, resolution, generator=random()) * 2 - 1


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_gives_a_map_at_each_stride(name, tmp_path):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(network(name).state_dict(), path)
    features = PretrainedFeatures(name, str(path), random())
    with torch.no_grad():
        maps = features(images(1, 3, 128))
    assert [tuple(each.shape) for each in maps] == [(1, 64, 32, 32), (1, 128, 16, 16), (1, 256, 8, 8), (1, 512, 4, 4)]
    assert tuple(each.shape[1] for each in maps) == features.channels == CHANNELS
    assert all(each.isfinite().all() and each.std() > 0 for each in maps)


@pytest.mark.parametrize("name", BACKBONES)
def test_a_gradient_penalty_can_be_taken_through_every_backbone(name, tmp_path):
    path = tmp_path / "weights.safetensors"
    original = network(name)
    safetensors.torch.save_file(original.state_dict(), path)
    features = PretrainedFeatures(name, str(path), random())
    given = images(1).requires_grad_()
    head = nn.Conv2d(512, 1, 4)
    (gradient,) = torch.autograd.grad(head(features(given)[-1]).sum(), given, create_graph=True)
    gradient.square().sum().backward()
    assert head.weight.grad.abs().sum() > 0
    # What stands in for a layer that is not differentiable twice computes the same.
    with torch.no_grad():
        x, y = images(1, 3, 128), images(1, 3, 128)
        for ours, theirs in zip(features._stages[0], BACKBONES[name].stages(original), strict=True):
            x, y = ours(x), theirs(y)
            torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5 * y.std().item())


@pytest.mark.parametrize("name", BACKBONES)
def test_stages_end_with_the_last_map_of_their_stride(name):
    with torch.device("meta"):
        built = getattr(torchvision.models, name)(weights=None)
        x = torch.zeros(1, 3, 128, 128)
    maps = []
    for stage in BACKBONES[name].stages(built):
        x = stage(x)
        maps.append((x.shape[1], 128 // x.shape[2]))
    assert maps == list(zip(BACKBONES[name].channels, (4, 8, 16, 32), strict=True))


@pytest.mark.parametrize("resolution", [16, 32, 64, 128, 256])
@pytest.mark.parametrize("channels", [1, 3])
def test_sizes_follow_the_resolution(features, resolution, channels):
    with torch.no_grad():
        maps = features(images(1, channels, resolution))
    assert tuple(each.shape[2] for each in maps) == features.sizes(resolution)
    assert features.sizes(resolution)[-1] >= 4


def test_features_are_those_of_the_network_on_imagenet_input(resnet, features):
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    given = images()
    x = F.interpolate((given + 1) / 2, size=128, mode="bilinear", align_corners=False)
    x = (x - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(x))))
        mixed = []
        for layer, mix in zip(
            (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4), features.across_channels, strict=True
        ):
            x = layer(x)
            mixed.append(torch.einsum("nchw,oc->nohw", x, mix.mixing_weight[:, :, 0, 0]))
        expected = [mixed[3]]
        for scale in (2, 1, 0):
            coarse = F.conv2d(expected[0], features.across_scales[scale].mixing_weight, padding=1)
            larger = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
            expected.insert(0, mixed[scale] + larger)
        result = features(given)
    for ours, theirs in zip(result, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_grey_images_are_shown_as_grey_colour_images(features):
    grey = images(channels=1)
    with torch.no_grad():
        pairs = zip(features(grey), features(grey.repeat(1, 3, 1, 1)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("size", "larger"), [(4, 8), (16, 128), (7, 10)])
def test_enlarging_is_bilinear_interpolation(size, larger):
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    expected = F.interpolate(x, size=larger, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarged(x, larger), expected)
    assert enlarged(x, size) is x


def test_nothing_learns_and_gradients_flow_to_the_images(features):
    assert list(features.parameters()) == []
    given = images().requires_grad_()
    sum(each.square().mean() for each in features(given)).backward()
    assert given.grad.isfinite().all()
    assert (given.grad != 0).float().mean() > 0.99
    assert not any(each.requires_grad for each in features._stages[0].parameters())


def test_training_mode_and_requires_grad_of_the_parent_leave_the_network_alone(weights):
    parent = nn.Sequential(PretrainedFeatures("resnet18", weights, random()))
    given = images()
    with torch.no_grad():
        before = parent(given)
        parent.train().requires_grad_(True)
        once, twice = parent(given), parent(given)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(before, once, twice, strict=True))
    assert list(parent.parameters()) == []


def test_the_network_is_not_saved_and_the_mixing_is(features, weights):
    state = features.state_dict()
    assert all(name.endswith("mixing_weight") for name in state)
    assert len(state) == 7
    other = PretrainedFeatures("resnet18", weights, torch.Generator().manual_seed(5))
    with torch.no_grad():
        first = features(images())
        assert not torch.equal(other(images())[0], first[0])
        other.load_state_dict(state)
        assert all(torch.equal(a, b) for a, b in zip(other(images()), first, strict=True))


def test_the_mixing_is_drawn_from_the_generator_alone(features, weights):
    before = torch.random.get_rng_state()
    again = PretrainedFeatures("resnet18", weights, random())
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in features.state_dict().items())


def test_the_network_moves_with_the_module(features):
    moved = copy.deepcopy(features).double().to(memory_format=torch.channels_last)
    assert {each.dtype for each in moved._stages[0].parameters()} == {torch.float64}
    assert moved._stages[0][0][0].weight.is_contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        pairs = zip(moved(images().double()), features(images()), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a.float(), b, rtol=1e-4, atol=1e-4)
    assert {each.device.type for each in moved.to("meta")._stages[0].parameters()} == {"meta"}
    assert {each.dtype for each in features._stages[0].parameters()} == {torch.float32}


def test_bf16_autocast_is_close(features):
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = features(images())
    with torch.no_grad():
        pairs = zip(low, features(images()), strict=True)
    assert all(((a.float() - b).norm() / b.norm()).item() < 0.05 for a, b in pairs)


def test_files_of_other_makes_are_read(resnet, features, tmp_path):
    held = {name: value.half() for name, value in resnet.state_dict().items() if "num_batches" not in name}
    torch.save(held, tmp_path / "old.pth")
    read = PretrainedFeatures("resnet18", str(tmp_path / "old.pth"), random())
    assert {each.dtype for each in read._stages[0].parameters()} == {torch.float32}
    assert not any(each.is_meta for each in read._stages[0].state_dict().values())
    with torch.no_grad():
        assert ((read(images())[0] - features(images())[0]).norm() / features(images())[0].norm()).item() < 0.01


def refusal(backbone, path):
    with pytest.raises(IgnmError) as caught:
        PretrainedFeatures(backbone, str(path), random())
    message = str(caught.value)
    assert message.startswith(f"init.features_weights: {path}: ")
    assert "\n" not in message
    return message


def test_files_that_do_not_hold_the_network_are_refused(resnet, weights, tmp_path):
    assert "no such file" in refusal("resnet18", tmp_path / "missing.pth")
    assert "ends in .pth" in refusal("resnet18", tmp_path / "weights.onnx")
    for name in ("empty.pth", "empty.safetensors"):
        (tmp_path / name).touch()
        assert "damaged" in refusal("resnet18", tmp_path / name)
    for suffix in (".pth", ".safetensors"):
        (tmp_path / f"text{suffix}").write_text("<html>404: not found</html>")
        assert "damaged" in refusal("resnet18", tmp_path / f"text{suffix}")
    whole = (tmp_path / "whole.safetensors", tmp_path / "half.safetensors")
    safetensors.torch.save_file(resnet.state_dict(), whole[0])
    whole[1].write_bytes(whole[0].read_bytes()[:100_000])
    assert "damaged" in refusal("resnet18", whole[1])
    torch.save([1, 2], tmp_path / "list.pth")
    assert "holds list" in refusal("resnet18", tmp_path / "list.pth")
    torch.save({"state_dict": resnet.state_dict()}, tmp_path / "nested.pth")
    assert "not weights by name" in refusal("resnet18", tmp_path / "nested.pth")
    torch.save(nn.Linear(2, 2), tmp_path / "pickled.pth")
    assert "damaged, or not a file of weights" in refusal("resnet18", tmp_path / "pickled.pth")
    for other in ("resnet50", "vgg16", "efficientnet_b0", "mobilenet_v3_large"):
        assert f"not the weights of torchvision's {other}" in refusal(other, weights)
    part = {name: value for name, value in resnet.state_dict().items() if not name.startswith("layer4")}
    torch.save(part, tmp_path / "part.pth")
    assert "weights are missing (as layer4.0.conv1.weight)" in refusal("resnet18", tmp_path / "part.pth")
    broken = resnet.state_dict() | {"conv1.weight": torch.full((64, 3, 7, 7), torch.nan)}
    torch.save(broken, tmp_path / "nan.pth")
    assert "conv1.weight is not finite" in refusal("resnet18", tmp_path / "nan.pth")
