import hashlib

import pytest
import torch
import torchvision

from ignm.data.faces import draw_faces
from ignm.errors import IgnmError
from ignm.metrics import pairwise
from ignm.metrics.pairwise import Lpips, build_lpips, mean_over_pairs, ms_ssim


def pictures(count, side=32, seed=0):
    return torch.from_numpy(draw_faces(count, side, seed=seed).images).permute(0, 3, 1, 2)


def direct_ssim(one, other):
    """The published formula, pixel by pixel, in float64: mean of the map and of its contrast-structure part."""
    offsets = torch.arange(-5, 6, dtype=torch.float64)
    line = torch.exp(-(offsets**2) / (2 * 1.5**2))
    window = torch.outer(line, line) / line.sum() ** 2
    blocks = [image.double().unfold(1, 11, 1).unfold(2, 11, 1) for image in (one, other)]
    means = [(block * window).sum((-2, -1)) for block in blocks]
    second = [(a * b * window).sum((-2, -1)) for a, b in ((blocks[0], blocks[0]), (blocks[1], blocks[1]), blocks)]
    variances = second[0] - means[0] ** 2, second[1] - means[1] ** 2, second[2] - means[0] * means[1]
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    structure = (2 * variances[2] + c2) / (variances[0] + variances[1] + c2)
    luminance = (2 * means[0] * means[1] + c1) / (means[0] ** 2 + means[1] ** 2 + c1)
    return (luminance * structure).mean(), structure.mean()


def test_at_32_pixels_it_is_the_formula_over_two_scales():
    one, other = pictures(12).split(6)
    found = ms_ssim(one, other)
    weights = 0.0448 / (0.0448 + 0.2856), 0.2856 / (0.0448 + 0.2856)
    for number in range(6):
        _, fine = direct_ssim(one[number], other[number])
        small = [torch.nn.functional.avg_pool2d(images[number].double(), 2) for images in (one, other)]
        coarse, _ = direct_ssim(*small)
        expected = fine.clamp(min=0) ** weights[0] * coarse.clamp(min=0) ** weights[1]
        assert float(found[number]) == pytest.approx(float(expected), rel=1e-4, abs=1e-6)


def test_contrast_and_structure_are_torchmetrics():
    from torchmetrics.functional.image.ssim import _ssim_update

    one, other = pictures(12, 48).split(6)
    expected = _ssim_update(one.float(), other.float(), data_range=255.0, return_contrast_sensitivity=True)[1]
    torch.testing.assert_close(pairwise._ssim(one.float(), other.float())[1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("side", "scales"), [(16, 1), (32, 2), (64, 3), (128, 4), (175, 4), (176, 5), (256, 5)])
def test_as_many_scales_as_hold_the_window(side, scales):
    betas = pairwise._betas(side)
    assert len(betas) == scales
    assert sum(betas) == pytest.approx(1)
    image = torch.randint(0, 256, (1, 1, side, side), generator=torch.Generator().manual_seed(0)).byte()
    assert float(ms_ssim(image, image)) == pytest.approx(1)


def test_grey_and_colour_images_are_taken():
    one, other = pictures(2)[:, :1].split(1)
    colour = ms_ssim(one.expand(-1, 3, -1, -1), other.expand(-1, 3, -1, -1))
    torch.testing.assert_close(ms_ssim(one, other), colour, rtol=1e-4, atol=1e-5)


def test_pairs_are_disjoint_and_in_order():
    images = torch.arange(7).view(7, 1, 1, 1)
    seen = []

    def likeness(one, other):
        seen.extend(zip(one.flatten().tolist(), other.flatten().tolist(), strict=True))
        return torch.tensor([1.0, 2.0, 6.0])

    found = mean_over_pairs(images, likeness)
    assert seen == [(0, 1), (2, 3), (4, 5)]
    assert found.value == 3
    assert found.error == pytest.approx(7**0.5 / 3**0.5)
    with pytest.raises(ValueError, match="needs 2 images"):
        mean_over_pairs(images[:1], likeness)


def test_a_collapsed_generator_is_more_alike():
    varied = pictures(60)
    assert mean_over_pairs(varied[:2].repeat_interleave(30, 0), ms_ssim).value == pytest.approx(1)
    assert mean_over_pairs(varied, ms_ssim).value < 0.9


@pytest.fixture
def weights(tmp_path, monkeypatch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = torchvision.models.alexnet(weights=None).state_dict()
    path = tmp_path / "alexnet.pth"
    torch.save({name: value for name, value in state.items() if name.startswith("features.")}, path)
    monkeypatch.setattr(pairwise, "ALEXNET_HASH", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    monkeypatch.setenv("IGNM_LPIPS", str(path))
    return path


def test_lpips_is_torchmetrics_with_the_weights_of_the_file(weights, monkeypatch):
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity, lpips

    state = torch.load(weights, weights_only=True)

    def from_the_file(net, pretrained=False):
        network = torchvision.models.alexnet(weights=None)
        network.load_state_dict(state, strict=False)
        return network.features

    found = build_lpips()
    monkeypatch.setattr(lpips, "_get_tv_model_features", from_the_file)
    one, other = pictures(8, 64).split(4)
    expected = learned_perceptual_image_patch_similarity(
        one.float() / 127.5 - 1, other.float() / 127.5 - 1, net_type="alex", reduction="sum"
    )
    assert found(one, other).shape == (4,)
    assert float(found(one, other).sum()) == pytest.approx(float(expected), rel=1e-5)
    assert (found(one, one) == 0).all()


def test_lpips_takes_small_and_grey_images(weights):
    one, other = pictures(8)[:, :1].split(4)
    assert (build_lpips()(one, other) > 0).all()


def test_without_the_weights_it_is_said_what_to_do(tmp_path, monkeypatch):
    monkeypatch.delenv("IGNM_LPIPS", raising=False)
    with pytest.raises(IgnmError, match=r"set IGNM_LPIPS to a copy .*ms_ssim needs no weights"):
        build_lpips()
    monkeypatch.setenv("IGNM_LPIPS", str(tmp_path / "absent"))
    with pytest.raises(IgnmError, match="cannot be read"):
        build_lpips()
    (tmp_path / "absent").write_bytes(b"something else")
    with pytest.raises(IgnmError, match="must begin with 7be5be79"):
        build_lpips()


def test_the_known_hash_is_the_one_that_torchvision_names():
    assert torchvision.models.AlexNet_Weights.IMAGENET1K_V1.url.endswith(pairwise.ALEXNET)
    assert pairwise.ALEXNET_HASH in pairwise.ALEXNET


def test_building_draws_no_random_number_that_lasts(weights):
    before = torch.get_rng_state()
    assert isinstance(build_lpips(), Lpips)
    assert torch.equal(before, torch.get_rng_state())
