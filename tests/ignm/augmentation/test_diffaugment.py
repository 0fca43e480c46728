import pytest
import torch

from ignm.augmentation import diffaugment as A
from ignm.augmentation.policies import POLICIES

IMAGES = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("transform", POLICIES["diffaugment"])
def test_each_transform_is_differentiable_keeps_shapes_and_is_the_identity_at_strength_0(transform):
    images = IMAGES.clone().requires_grad_(True)
    changed = transform(images, 1.0, generator())
    assert changed.shape == images.shape
    assert not torch.equal(changed, images)
    (gradient,) = torch.autograd.grad(changed.square().sum(), images)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0
    torch.testing.assert_close(transform(IMAGES, 0.0, generator()), IMAGES)


def test_ranges_are_those_of_diffaugment():
    shift = (A.brightness(IMAGES, 1.0, generator()) - IMAGES)[:, 0, 0, 0]
    assert -0.5 <= shift.min() < -0.4
    assert 0.4 < shift.max() <= 0.5
    centred = IMAGES - IMAGES.mean((1, 2, 3), keepdim=True)
    factor = (A.contrast(IMAGES, 1.0, generator()) - IMAGES.mean((1, 2, 3), keepdim=True)).std((1, 2, 3)) / centred.std(
        (1, 2, 3)
    )
    assert 0.5 <= factor.min() < 0.6
    assert 1.4 < factor.max() <= 1.5
    hole = (A.cutout(IMAGES, 1.0, generator()) == 0).all(1).float().mean((1, 2))
    assert hole.max() == pytest.approx(0.25)
    assert hole.min() >= 0.0625


def test_translation_moves_by_at_most_an_eighth_and_wraps_nothing():
    ramp = torch.arange(32.0)[None, None, :, None].expand(200, 1, 32, 32) + 1
    moved = A.translation(ramp, 1.0, generator())
    shifts = set()
    for image in moved:
        inside = image[0][:, 16][(image[0][:, 16] > 0)]
        assert torch.equal(inside, inside[0] + torch.arange(len(inside)))
        row = int((image[0][:, 16] > 0).nonzero()[0])
        shifts.add(row - int(inside[0]) + 1)
    assert shifts == set(range(-4, 5))


def test_grey_images_have_no_saturation_to_change():
    grey = IMAGES[:, :1]
    assert torch.equal(A.saturation(grey, 1.0, generator()), grey)


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("transform", [A.brightness, A.saturation, A.contrast, A.cutout])
def test_a_strength_on_the_device_does_what_a_number_does(transform, strength):
    """Translation alone draws otherwise: evenly from a reach that the host does not know."""
    expected = transform(IMAGES, strength, generator())
    torch.testing.assert_close(transform(IMAGES, torch.tensor(strength), generator()), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("strength", "reach"), [(0.0, 0), (0.1, 0), (0.3, 1), (0.5, 2), (0.9, 4), (1.0, 4)])
def test_a_translation_whose_reach_is_on_the_device_is_even(strength, reach):
    impulse = torch.zeros(9000, 1, 32, 32)
    impulse[:, :, 16, 16] = 1
    moved = A.translation(impulse, torch.tensor(strength), generator()).flatten(1).argmax(1)
    for shift in (moved // 32 - 16, moved % 32 - 16):
        values, counts = shift.unique(return_counts=True)
        assert values.tolist() == list(range(-reach, reach + 1))
        share = 1 / (2 * reach + 1)
        # Five standard deviations of a binomial share.
        assert (counts / 9000 - share).abs().max() <= 5 * (share * (1 - share) / 9000) ** 0.5


def test_a_translation_whose_reach_is_on_the_device_moves_zeros_in():
    moved = A.translation(IMAGES.abs() + 1, torch.tensor(1.0), generator())
    rows = (moved[:, 0] == 0).all(2).sum(1)
    assert rows.max() == 4
    for image, whole in zip(moved[:8], IMAGES.abs() + 1, strict=False):
        inside = image[image != 0]
        assert torch.isin(inside, whole).all()
