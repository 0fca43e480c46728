import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ignm.config import load_preset
from ignm.initialisation.transfer import transfer
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape


def small(channels=3, width=4, normalised=False, seed=0):
    torch.manual_seed(seed)
    network = nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        # As many channels in as out: its matrix could be taken either way, and only one has the right norm.
        nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
        nn.Flatten(),
        nn.Linear(width * 16, 2),
    )
    if normalised:
        for layer in (network[0], network[3], network[5]):
            spectral_norm(layer)
    with torch.no_grad():
        network[1].running_mean.normal_()
        network[1].running_var.uniform_(0.5, 2)
    return network


def images(channels=3):
    return torch.randn(5, channels, 2, 2, generator=torch.Generator().manual_seed(1))


def test_the_same_network_is_copied_whole_and_shares_no_memory():
    source, target = small(seed=0), small(seed=1)
    source[1].num_batches_tracked += 7
    copied = transfer(target, source.state_dict())
    # 3*4*9+4, 4+4, 4*4*16+4, 64*2+2
    assert (copied.copied, copied.total, copied.share, copied.fresh) == (510, 510, 1.0, ())
    assert torch.equal(target.eval()(images()), source.eval()(images()))
    assert target[1].num_batches_tracked == 0
    before = target[0].weight.detach().clone()
    with torch.no_grad():
        source[0].weight.zero_()
    assert torch.equal(target[0].weight, before)
    assert all(parameter.requires_grad for parameter in target.parameters())


def test_a_wider_network_takes_the_narrower_one_in_its_leading_channels():
    narrow, wide, untouched = small(width=4), small(width=6, seed=1), small(width=6, seed=1)
    copied = transfer(wide, narrow.state_dict())
    assert copied.copied == 510
    assert copied.total == 3 * 6 * 9 + 6 + 12 + 6 * 6 * 16 + 6 + 96 * 2 + 2
    assert torch.equal(wide[0].weight[:4], narrow[0].weight)
    assert torch.equal(wide[0].weight[4:], untouched[0].weight[4:])
    assert torch.equal(wide[3].weight[:4, :4], narrow[3].weight)
    assert torch.equal(wide[3].weight[4:], untouched[3].weight[4:])
    assert torch.equal(wide[3].weight[:, 4:], untouched[3].weight[:, 4:])
    assert torch.equal(wide[1].running_var[:4], narrow[1].running_var)
    assert torch.equal(wide[1].running_var[4:], untouched[1].running_var[4:])
    # A flattened map lists channel after channel, so the leading values are those of the leading channels.
    assert torch.equal(wide[5].weight[:, :64], narrow[5].weight)


def test_a_narrower_network_takes_the_leading_channels_of_the_wider_one():
    wide, narrow = small(width=6), small(width=4, seed=1)
    assert transfer(narrow, wide.state_dict()).share == 1.0
    assert torch.equal(narrow[3].weight, wide[3].weight[:4, :4])
    assert torch.equal(narrow[1].running_mean, wide[1].running_mean[:4])


@pytest.mark.parametrize(("theirs", "ours", "share"), [(3, 1, 1.0), (1, 3, (510 - 72) / 510)])
def test_image_channels_differ(theirs, ours, share):
    source, target = small(channels=theirs), small(channels=ours, seed=1)
    assert transfer(target, source.state_dict()).share == pytest.approx(share, abs=1e-12)
    assert torch.equal(target[0].weight[:, :1], source[0].weight[:, :1])


def test_other_kernels_names_and_dimensions_are_left_alone():
    source = {
        "0.weight": torch.ones(4, 3, 5, 5),
        "0.bias": torch.ones(4),
        "3.weight": torch.ones(4, 4),
        "elsewhere.weight": torch.ones(2, 64),
        "5.bias": torch.ones(2, dtype=torch.int64),
    }
    target, untouched = small(seed=1), small(seed=1)
    copied = transfer(target, source)
    assert (copied.copied, copied.total) == (4, 510)
    assert copied.fresh == ("0.weight", "1.weight", "1.bias", "3.weight", "3.bias", "5.weight", "5.bias")
    assert torch.equal(target[0].bias, torch.ones(4))
    target[0].bias.data.copy_(untouched[0].bias)
    assert all(torch.equal(a, b) for a, b in zip(target.parameters(), untouched.parameters(), strict=True))


def test_nothing_fits_is_a_share_of_0():
    assert transfer(small(), {}).share == 0.0
    assert transfer(nn.ReLU(), {}).share == 0.0


def test_dtype_and_memory_format_are_kept():
    target = small().double().to(memory_format=torch.channels_last)
    transfer(target, small(seed=1).bfloat16().state_dict())
    assert target[0].weight.dtype == torch.float64
    assert target[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(target[0].weight, small(seed=1)[0].weight.bfloat16().double())


def test_with_spectral_norm_to_without_computes_the_same():
    source, target = small(normalised=True), small(seed=1)
    with torch.no_grad():
        source[3].parametrizations.weight.original.mul_(7)
    for _ in range(200):
        source.train()(images())
    assert transfer(target, source.state_dict()).share == 1.0
    torch.testing.assert_close(target.eval()(images()), source.eval()(images()), rtol=1e-5, atol=1e-6)
    norm = torch.linalg.matrix_norm(target[3].weight.transpose(0, 1).flatten(1), 2)
    assert norm.item() == pytest.approx(1, abs=1e-4)


def test_with_spectral_norm_to_with_computes_the_same():
    source, target = small(normalised=True), small(normalised=True, seed=1)
    assert transfer(target, source.state_dict()).share == 1.0
    assert torch.equal(target.eval()(images()), source.eval()(images()))


def test_without_spectral_norm_to_with_normalises_the_same_weights():
    source, target = small(), small(normalised=True, seed=1)
    assert transfer(target, source.state_dict()).share == 1.0
    with torch.no_grad():
        for layer, matrix in ((0, lambda w: w.flatten(1)), (3, lambda w: w.transpose(0, 1).flatten(1))):
            weight = source[layer].weight
            expected = weight / torch.linalg.matrix_norm(matrix(weight).double(), 2)
            torch.testing.assert_close(target.eval()[layer].weight, expected.float(), rtol=1e-5, atol=0)
            # Dividing by its norm once more changes nothing.
            source[layer].weight.copy_(expected)
        source[5].weight.div_(torch.linalg.matrix_norm(source[5].weight, 2))
    transfer(target, source.state_dict())
    torch.testing.assert_close(target.eval()(images()), source.eval()(images()), rtol=1e-5, atol=1e-6)


def test_sigma_is_estimated_anew_for_a_part_of_a_tensor():
    source, target = small(width=4, normalised=True), small(width=6, normalised=True, seed=1)
    with torch.no_grad():
        source[3].parametrizations.weight.original.mul_(50)
    transfer(target, source.state_dict())
    norm = torch.linalg.matrix_norm(target.eval()[3].weight.transpose(0, 1).flatten(1), 2)
    assert norm.item() == pytest.approx(1, abs=1e-5)


def config(**changes):
    base = {
        "data.resolution": 32,
        "generator.width": 8,
        "discriminator.width": 8,
        "generator.latent": 16,
    }
    return load_preset("dcgan", base | {key.replace("__", "."): value for key, value in changes.items()})


BUILD = {"generator": build_generator, "discriminator": build_discriminator}


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize(
    "changes",
    [
        {"generator__spectral_norm": True, "discriminator__spectral_norm": True},
        {"generator__block": "residual", "discriminator__block": "residual"},
        {"generator__attention": 8, "discriminator__attention": 8},
    ],
)
def test_networks_of_one_config_are_copied_whole(name, changes):
    source, target = (BUILD[name](config(**changes), DataShape(3), seed) for seed in (0, 1))
    assert transfer(target, source.state_dict()).share == 1.0
    assert all(
        torch.equal(value, target.state_dict()[key])
        for key, value in source.state_dict().items()
        if "num_batches" not in key
    )


@pytest.mark.parametrize("name", BUILD)
def test_spectral_norm_of_the_real_networks_is_seen_through(name):
    with_norm = config(generator__spectral_norm=True, discriminator__spectral_norm=True)
    source = BUILD[name](with_norm, DataShape(3), 0).eval()
    target = BUILD[name](config(), DataShape(3), 1).eval()
    assert transfer(target, source.state_dict()).share == 1.0
    entry = torch.randn(4, 16) if name == "generator" else torch.randn(4, 3, 32, 32)
    ours, theirs = target(entry), source(entry)
    if name == "discriminator":
        ours, theirs = ours.logits, theirs.logits
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BUILD)
@pytest.mark.parametrize(("theirs", "ours"), [(32, 64), (64, 32)])
def test_maps_meet_by_their_size_across_resolutions(name, theirs, ours):
    source = BUILD[name](config(data__resolution=theirs), DataShape(3), 0)
    target = BUILD[name](config(data__resolution=ours), DataShape(3), 1)
    copied = transfer(target, source.state_dict())
    assert 0 < copied.share <= 1
    ours_8 = target.blocks["8"].state_dict()
    kept = 0
    for key, given in source.blocks["8"].state_dict().items():
        if given.is_floating_point():
            common = tuple(slice(min(a, b)) for a, b in zip(given.shape, ours_8[key].shape, strict=True))
            assert torch.equal(ours_8[key][common], given[common])
            kept += 1
    assert kept > 0
    if ours > theirs:
        assert any(f"blocks.{ours // 2 if name == 'generator' else theirs // 2}." in each for each in copied.fresh)


@pytest.mark.parametrize("name", BUILD)
def test_the_real_networks_run_after_any_transfer(name):
    source = BUILD[name](config(), DataShape(3), 0)
    changes = {
        "data__resolution": 64,
        "generator__width": 12,
        "discriminator__width": 12,
        "generator__spectral_norm": True,
        "discriminator__spectral_norm": True,
        "generator__latent": 20,
    }
    target = BUILD[name](config(**changes), DataShape(1), 1)
    assert 0 < transfer(target, source.state_dict()).share < 1
    entry = torch.randn(4, 20) if name == "generator" else torch.randn(4, 1, 64, 64)
    result = target(entry)
    result = result if name == "generator" else result.logits
    assert result.isfinite().all()
    result.sum().backward()
    assert all(each.grad is not None for each in target.parameters())


def test_random_mixing_comes_along_with_what_was_learnt_behind_it_and_random_draws_do_not():
    class Mixed(nn.Module):
        def __init__(self, value):
            super().__init__()
            self.head = nn.Linear(2, 1)
            self.register_buffer("mixing_weight", torch.full((2, 2, 1, 1), value))
            self.register_buffer("label_samples", torch.full((4, 2), value))

    target = Mixed(1.0)
    assert transfer(target, Mixed(2.0).state_dict()).total == 3
    assert target.mixing_weight.eq(2).all()
    assert target.label_samples.eq(1).all()
