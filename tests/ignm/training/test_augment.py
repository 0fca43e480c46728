import pytest
import torch

from ignm.training import augment as A

IMAGES = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("transform", A.POLICIES["diffaugment"])
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


def test_policy_none_returns_the_images_themselves():
    assert A.augment(IMAGES, None, 1.0, generator()) is IMAGES
