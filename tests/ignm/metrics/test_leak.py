"""Leaks are read where they are planted, in the share that was planted, and not where images are weak in other ways."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from ignm.data.faces import draw_faces
from ignm.metrics.leak import PROBES, augmentation_leak, leak_estimates
from ignm.metrics.leak.imperfections import imperfect
from ignm.metrics.leak.mixture import is_neither, mixture_share

N, M = 400, 400


def uniform(images, low, high, generator):
    return low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=generator)


def brightness(images, generator):
    return images + uniform(images, -0.5, 0.5, generator)


def saturation(images, generator):
    grey = images.mean(1, keepdim=True)
    return grey + (images - grey) * uniform(images, 0, 2, generator)


def contrast(images, generator):
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * uniform(images, 0.5, 1.5, generator)


def translation(images, generator):
    moved = torch.zeros_like(images)
    side = images.shape[-1]
    reach = side // 8
    shifts = torch.randint(-reach, reach + 1, (len(images), 2), generator=generator).tolist()
    for image, target, (down, right) in zip(images, moved, shifts, strict=True):
        padded = F.pad(image, (reach,) * 4)
        target.copy_(padded[:, reach - down : reach - down + side, reach - right : reach - right + side])
    return moved


def cutout(images, generator):
    side = images.shape[-1]
    places = torch.arange(side)
    centres = torch.rand(2, len(images), 1, generator=generator) * side
    rows, columns = ((places + 0.5 - centre).abs() < side / 4 for centre in centres)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.0)


def rotation(images, generator):
    turns = torch.randint(1, 4, (len(images),), generator=generator).tolist()
    return torch.stack([torch.rot90(image, turn, (1, 2)) for image, turn in zip(images, turns, strict=True)])


def scale(images, generator):
    factors = torch.exp2(0.35 * torch.randn(len(images), generator=generator))
    matrices = torch.zeros(len(images), 2, 3)
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1 / factors
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def inversion(images, generator):
    return -images


def mirror(images, generator):
    return images.flip(3)


TRANSFORMS = {
    transform.__name__: transform
    for transform in (brightness, saturation, contrast, translation, cutout, rotation, scale, inversion, mirror)
}
SHARP = ("translation", "cutout", "rotation", "inversion")
SOME = {name: TRANSFORMS[name] for name in ("cutout", "rotation", "translation", "brightness")}
TONAL = ("brightness", "saturation", "contrast", "scale")


def tensor(images):
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()


def as_float(images):
    return images.float() / 127.5 - 1


def as_uint8(values):
    return ((values.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


@pytest.fixture(scope="module")
def real():
    return tensor(draw_faces(N, 32, seed=21).images)


@pytest.fixture(scope="module")
def others():
    """Faces of the same population that are not among the real ones."""
    return tensor(draw_faces(M, 32, seed=22).images)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(7)


def planted(images, name, share, generator):
    values = as_float(images)
    count = round(share * len(values))
    if count:
        values[:count] = TRANSFORMS[name](values[:count], generator)
    return as_uint8(values)


@pytest.mark.parametrize("name", SHARP)
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_planted_share_is_read_back(real, others, generator, name, share):
    candidates = {other: TRANSFORMS[other] for other in (*SHARP, "brightness")}
    leak = augmentation_leak(planted(others, name, share, generator), real, candidates)
    assert leak[name] == pytest.approx(share, abs=0.06)
    assert all(leak[other] < 0.25 for other in set(SHARP) - {name}), leak


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_planted_share_that_shows_less_is_read_back_within_its_error(real, others, generator, share):
    candidates = {name: TRANSFORMS[name] for name in (*TONAL, "cutout")}
    leaks = [leak_estimates(planted(others, name, share, generator), real, candidates)[name] for name in TONAL]
    assert all(0 < leak.error < 0.2 for leak in leaks)
    assert all(abs(leak.share - share) < 2.5 * leak.error for leak in leaks), leaks
    assert np.mean([leak.share for leak in leaks]) == pytest.approx(share, abs=0.12), leaks


def test_real_images_leak_nothing(real, others):
    leaks = leak_estimates(others, real, TRANSFORMS)
    assert all(leaks[name].share < 0.02 for name in SHARP), leaks
    assert all(leaks[name].share < 0.15 for name in TONAL), leaks


def test_what_cannot_be_told_is_not_a_number(real, others, generator):
    candidates = {name: TRANSFORMS[name] for name in ("mirror", "saturation", "cutout")}
    for images in (others, planted(others, "mirror", 1.0, generator)):
        leak = leak_estimates(images, real, candidates)["mirror"]
        assert math.isnan(leak.share)
        assert math.isnan(leak.error)
    grey = [images[:, 1:2].contiguous() for images in (others, real)]
    leaks = augmentation_leak(*grey, candidates)
    assert math.isnan(leaks["saturation"])  # grey images have none
    assert leaks["cutout"] < 0.02


def gaussian(images, sigma):
    reach = math.ceil(3 * sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).view(1, 1, 1, -1)
    padded = F.pad(images, (reach,) * 4, mode="reflect").flatten(0, 1)[:, None]
    return F.conv2d(F.conv2d(padded, weights), weights.transpose(2, 3)).view_as(images)


def principal(images, count):
    """What a generator of Gaussian latents and linear layers would make."""
    flat = images.flatten(1)
    _, deviations, axes = np.linalg.svd((flat - flat.mean(0)).numpy(), full_matrices=False)
    latents = np.random.default_rng(3).standard_normal((len(flat), count)) * deviations[:count] / len(flat) ** 0.5
    return flat.mean(0).view(1, *images.shape[1:]) + torch.from_numpy(latents @ axes[:count]).float().view_as(images)


WEAK = {
    "blurred": lambda images, _: gaussian(images, 1.0),
    "noisy": lambda images, generator: images + 0.08 * torch.randn(images.shape, generator=generator),
    "ghosts": lambda images, _: 0.7 * images + 0.3 * images.roll(1, 0),
    "dull": lambda images, _: 0.9 * images,
    "blocky": lambda images, _: F.interpolate(F.avg_pool2d(images, 2), scale_factor=2),
    "linear": lambda images, _: principal(images, 60),
    "collapsed": lambda images, _: images[:8].repeat(len(images) // 8, 1, 1, 1),
    "all at once": lambda images, generator: imperfect(gaussian(images, 0.7), generator),
}


@pytest.mark.parametrize("weakness", WEAK)
def test_weak_images_without_augmentation_do_not_read_as_a_leak(real, others, generator, weakness):
    weak = as_uint8(WEAK[weakness](as_float(others), generator))
    names = ("cutout", "rotation", "inversion", "translation", "brightness")
    leaks = augmentation_leak(weak, real, {name: TRANSFORMS[name] for name in names})
    assert all(leaks[name] < 0.1 for name in names[:3]), leaks


def test_a_leak_is_read_through_a_generators_blur(real, others, generator):
    for name in ("cutout", "rotation", "translation"):
        values = as_float(others)
        values[:200] = TRANSFORMS[name](values[:200], generator)
        leaks = augmentation_leak(as_uint8(gaussian(values, 0.7)), real, SOME)
        assert leaks[name] == pytest.approx(0.5, abs=0.1)


def test_larger_images_are_read_alike(real, others, generator):
    real, others = (images[:200].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) for images in (real, others))
    leaks = augmentation_leak(planted(others, "cutout", 0.5, generator), real, SOME)
    assert leaks["cutout"] == pytest.approx(0.5, abs=0.08)
    assert leaks["rotation"] < 0.1


def test_more_images_make_the_error_smaller(real, others):
    few, many = (leak_estimates(others[:count], real, SOME)["brightness"] for count in (100, 400))
    assert many.error < few.error


def test_the_same_images_give_the_same_numbers_and_the_global_random_state_is_left_alone(real, others):
    chosen = {name: TRANSFORMS[name] for name in ("cutout", "brightness")}
    before = torch.get_rng_state()
    first = leak_estimates(others[:100], real[:100], chosen)
    torch.rand(3)
    torch.set_rng_state(before)
    assert leak_estimates(others[:100], real[:100], chosen) == first
    assert torch.equal(torch.get_rng_state(), before)
    assert list(first) == ["cutout", "brightness"]
    assert augmentation_leak(others, real, {}) == {}


def test_images_of_another_kind_are_refused(real, others):
    for generated, wanted in (
        (others.float(), "uint8"),
        (others[0], "uint8"),
        (others[:31], "32 images"),
        (others[:, :1], "real ones"),
        (others[:, :, :8, :8], "16x16"),
    ):
        with pytest.raises(ValueError, match=wanted):
            augmentation_leak(generated, real, TRANSFORMS)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
def test_the_share_of_a_mixture_of_gaussians_and_its_error_are_right(share):
    found = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        absent, present = torch.randn(500, generator=generator), torch.randn(500, generator=generator) + 1
        mixture = torch.randn(600, generator=generator) + (torch.rand(600, generator=generator) < share)
        found.append(mixture_share(mixture, absent, present))
    values = np.array([one.value for one in found])
    errors = np.array([math.sqrt(one.variance_mixture + one.variance_examples) for one in found])
    assert values.mean() == pytest.approx(share, abs=0.05)
    if 0 < share < 1:
        assert errors.mean() == pytest.approx(values.std(), rel=0.35)
    # Two normal distributions a standard deviation apart: 2 * Phi(1/2) - 1.
    assert np.mean([one.apart for one in found]) == pytest.approx(0.383, abs=0.04)


def test_populations_that_are_one_tell_nothing():
    generator = torch.Generator().manual_seed(0)
    same = [torch.randn(400, generator=generator) for _ in range(3)]
    constant = torch.zeros(400)
    assert mixture_share(constant, constant, constant).variance_mixture == float("inf")
    assert math.sqrt(mixture_share(*same).variance_mixture) > 0.2


def test_what_is_far_from_both_is_neither():
    generator = torch.Generator().manual_seed(0)
    absent, present = torch.randn(500, 2, generator=generator), torch.randn(500, 2, generator=generator)
    present[:, 1] += 1
    half = torch.cat([absent[:250], present[:250]])
    assert not is_neither(half, absent, present, 0.2)
    assert not is_neither(absent, absent, present, 0.2)
    away = half - 3
    assert is_neither(away, absent, present, 0.2)
    assert not is_neither(away, absent, present, 0.6)  # the two are not that far apart


@pytest.mark.parametrize("name", sorted(PROBES))
def test_a_probe_changes_every_image_in_its_own_way_and_keeps_its_shape(name, real):
    images = as_float(real[:64])
    changed = PROBES[name](images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    assert ((changed - images).abs().amax((1, 2, 3)) > 0.01).float().mean() > 0.95


def test_turns_are_by_quarters_and_none_is_whole(real):
    images = real[:90].float()
    turned = PROBES["rotation"](images, torch.Generator().manual_seed(0))
    which = [
        next(turn for turn in range(4) if torch.equal(torch.rot90(before, turn, (1, 2)), after))
        for before, after in zip(images, turned, strict=True)
    ]
    assert {turn: 15 < which.count(turn) < 45 for turn in (1, 2, 3)} == dict.fromkeys((1, 2, 3), True)
    assert 0 not in which
