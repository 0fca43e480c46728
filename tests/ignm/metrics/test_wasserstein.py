import pytest
import torch
import torch.nn.functional as F
from scipy.stats import wasserstein_distance

from ignm.data.faces import draw_faces
from ignm.metrics import wasserstein
from ignm.metrics.wasserstein import laplacian_pyramid, patch_projections, sliced_wasserstein


def pictures(count, seed, side=32):
    return torch.from_numpy(draw_faces(count, side, seed=seed).images).permute(0, 3, 1, 2)


def distance(one, other):
    return sliced_wasserstein(patch_projections(one), [p.sort(1).values for p in patch_projections(other)], len(one))


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(wasserstein, "DESCRIPTORS", 2**12)
    monkeypatch.setattr(wasserstein, "DIRECTIONS", 32)


def test_a_pyramid_can_be_put_together_again():
    images = torch.rand(3, 2, 64, 64, generator=torch.Generator().manual_seed(0))
    levels = laplacian_pyramid(images)
    assert [level.shape[-1] for level in levels] == [64, 32, 16]
    whole = levels[-1]
    for detail in levels[-2::-1]:
        wider = torch.zeros_like(detail)
        wider[..., ::2, ::2] = whole
        whole = detail + 4 * wasserstein._smooth(wider)
    torch.testing.assert_close(whole, images)
    # A flat picture has no detail, away from and at the edges.
    assert (laplacian_pyramid(torch.ones(1, 1, 32, 32))[0].abs() < 1e-6).all()


def test_each_direction_has_scipys_wasserstein_distance():
    generator = torch.Generator().manual_seed(0)
    one, other = (torch.randn(5, 200, generator=generator) * scale for scale in (1, 2))
    expected = sum(wasserstein_distance(a, b) for a, b in zip(one.numpy(), other.numpy(), strict=True)) / 5
    assert sliced_wasserstein([one], [other.sort(1).values], 20).value == pytest.approx(1000 * expected, rel=1e-6)


def test_a_shift_has_its_closed_form_and_no_error():
    ordered = torch.randn(4, 300, generator=torch.Generator().manual_seed(0)).sort(1).values
    # All mass moves by 0.5; a far point among the moved ones would still move by 0.5, as the potential is the line x.
    found = sliced_wasserstein([ordered + 0.5], [ordered], 300)
    assert found.value == pytest.approx(500, rel=1e-5)
    assert found.error == pytest.approx(float(1000 * ordered.mean(0).std() / 300**0.5), rel=1e-4)


def test_equal_images_are_at_distance_zero(small):
    assert distance(pictures(64, 1), pictures(64, 1)).value == 0


def test_no_more_images_are_cut_up_than_the_cap_and_each_equally_often(small, monkeypatch):
    everything = pictures(80, 1, 16)
    alone = patch_projections(everything[:32])
    whole = distance(everything, pictures(80, 2, 16))
    monkeypatch.setattr(wasserstein, "IMAGES", 32)
    torch.testing.assert_close(patch_projections(everything), alone)
    # The error is over the images that were looked at.
    assert distance(everything, pictures(80, 2, 16)) == distance(everything[:32], pictures(32, 2, 16)) != whole


def test_lost_and_added_detail_both_count(small):
    plain, real = pictures(600, 1).split(300)
    base = distance(plain, real).value
    wide = F.pad(plain.float(), (2, 2, 2, 2), mode="replicate")
    soft = F.avg_pool2d(wide, 5, 1).round().byte()
    noise = 40 * torch.randn(soft.shape, generator=torch.Generator().manual_seed(0))
    rough = (plain.float() + noise).round().clamp(0, 255).byte()
    assert distance(soft, real).value > 2 * base
    assert distance(rough, real).value > 2 * base


def test_the_error_is_near_the_spread_over_fresh_images(small):
    everything = pictures(2500, 3, 16)
    noise = 60 * torch.rand(everything.shape, generator=torch.Generator().manual_seed(0))
    everything = everything.float() * 0.7 + noise
    generated = everything.byte().split(100)
    real = [p.sort(1).values for p in patch_projections(pictures(500, 4, 16))]
    found = [sliced_wasserstein(patch_projections(part), real, 100) for part in generated]
    spread = torch.tensor([each.value for each in found]).std()
    typical = torch.tensor([each.error for each in found]).mean()
    assert 0.6 < float(typical / spread) < 2


def test_other_shapes_are_refused():
    with pytest.raises(ValueError, match="side of 16"):
        patch_projections(torch.zeros(2, 1, 8, 8, dtype=torch.uint8))
    with pytest.raises(ValueError, match="equal levels"):
        sliced_wasserstein([torch.zeros(2, 3)], [torch.zeros(2, 4)], 1)
