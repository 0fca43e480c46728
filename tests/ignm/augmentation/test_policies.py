"""What holds for every policy: strength 0, precision, derivatives, one seed one draw, nobody waits for the device."""

import pytest
import torch
from support.waiting import NoWaiting

from ignm.augmentation.policies import POLICIES, augment
from ignm.losses.penalties import r1

IMAGES = torch.rand(32, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
EVERY = pytest.mark.parametrize("policy", POLICIES)
KINDS = pytest.mark.parametrize("kind", [float, torch.tensor], ids=["number", "on the device"])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_policy_none_and_strength_0_return_the_images_themselves():
    assert augment(IMAGES, None, 1.0, generator()) is IMAGES
    assert augment(IMAGES, None, torch.tensor(1.0), generator()) is IMAGES
    for policy in POLICIES:
        assert augment(IMAGES, policy, 0.0, generator()) is IMAGES
        assert torch.equal(augment(IMAGES, policy, torch.tensor(0.0), generator()), IMAGES)


@EVERY
@KINDS
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_precision_are_kept(policy, kind, channels):
    images = IMAGES[:, :channels].contiguous(memory_format=torch.channels_last)
    for dtype in (torch.float32, torch.bfloat16, torch.float64):
        changed = augment(images.to(dtype), policy, kind(0.8), generator())
        assert changed.shape == images.shape
        assert changed.dtype == dtype
        assert changed.is_contiguous(memory_format=torch.channels_last) or policy != "ada"
        assert not torch.equal(changed, images.to(dtype))


def test_ada_computes_in_float32_under_autocast():
    whole = augment(IMAGES, "ada", 0.7, generator())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(augment(IMAGES, "ada", 0.7, generator()), whole)
        rounded = augment(IMAGES.bfloat16(), "ada", 0.7, generator())
    assert torch.equal(rounded, augment(IMAGES.bfloat16().float(), "ada", 0.7, generator()).bfloat16())


@EVERY
@KINDS
def test_one_seed_is_one_augmentation_and_another_is_another(policy, kind):
    first, again, other = (augment(IMAGES, policy, kind(0.5), generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_ada_of_a_number_is_ada_of_a_tensor():
    expected = augment(IMAGES, "ada", 0.4, generator())
    torch.testing.assert_close(augment(IMAGES, "ada", torch.tensor(0.4), generator()), expected)


@EVERY
@KINDS
def test_derivatives_are_right(policy, kind):
    images = IMAGES[:2, :, :6, :6].double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: augment(x, policy, kind(0.6), generator(3)), images)


@EVERY
def test_a_penalty_of_augmented_images_can_be_differentiated_through_them(policy):
    """R1 of a critic that sees augmented images: its derivative differentiates them twice."""
    images = IMAGES[:3, :1, :8, :8].double()
    weight = torch.randn(64, generator=generator()).double().requires_grad_(True)

    def penalty(weight):
        def critic(seen):
            return torch.tanh(augment(seen, policy, 0.6, generator(3)).flatten(1) @ weight / 8)

        return r1(critic, images, images, generator())

    assert penalty(weight) > 0
    assert torch.autograd.gradcheck(penalty, weight)


@EVERY
def test_nothing_is_read_back_from_the_device(policy):
    images, strength = IMAGES.clone().requires_grad_(True), torch.tensor(0.5)
    # The filters are made once.
    augment(images, policy, strength, generator())
    with NoWaiting():
        augment(images, policy, strength, generator()).sum().backward()
