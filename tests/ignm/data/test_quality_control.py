"""Quality control: planted harms are found, faces that have none are kept, and what is said is the same every time."""

import io
import re

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy.fft import dctn

from ignm.data.faces import draw_faces
from ignm.data.quality import QualitySettings, duplicates, quality_filters
from ignm.data.quality.duplicates import LARGEST_DISTANCE, NearDuplicates
from ignm.data.quality.scores import clipped, contrast, sharpness
from ignm.errors import IgnmError

ADVISED = QualitySettings(min_sharpness=5.0, min_contrast=0.35, max_clipped=0.5, duplicate_distance=6)


@pytest.fixture(scope="module")
def faces():
    return draw_faces(200, 64, seed=3).images


def each(images, change):
    changed = [np.asarray(change(Image.fromarray(image.squeeze()))) for image in images]
    return np.stack(changed).reshape(images.shape)


def recompressed(image, quality=60):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def cropped(image):
    return image.crop((1, 1, *image.size)).resize(image.size, Image.Resampling.LANCZOS)


def shifted(images, grey_levels):
    return np.clip(images.astype(int) + grey_levels, 0, 255).astype(np.uint8)


COPIES = {
    "itself": lambda images: images,
    "JPEG": lambda images: each(images, recompressed),
    "brighter": lambda images: shifted(images, 3),
    "darker": lambda images: shifted(images, -3),
    "cropped by a pixel": lambda images: each(images, cropped),
    "mirrored": lambda images: images[:, :, ::-1],
    "mirrored JPEG": lambda images: each(images[:, :, ::-1], recompressed),
    "grey": lambda images: each(images, lambda image: image.convert("L").convert("RGB")),
}


def reasons(settings, images):
    filters = quality_filters(settings)
    return [next((reason for judge in filters if (reason := judge(image)) is not None), None) for image in images]


def test_nothing_asked_is_no_filter_at_all():
    assert quality_filters(QualitySettings()) == ()


def test_filters_have_the_names_that_are_counted_under():
    assert [judge.name for judge in quality_filters(ADVISED)] == ["contrast", "clipped", "sharpness", "duplicates"]
    assert [judge.name for judge in quality_filters(QualitySettings(duplicate_distance=0))] == ["duplicates"]


@pytest.mark.parametrize(
    "setting",
    [{"min_sharpness": -1}, {"min_contrast": 1.5}, {"max_clipped": float("nan")}, {"duplicate_distance": 17}],
)
def test_a_setting_out_of_range_is_refused_with_what_is_allowed(setting):
    (name,) = setting
    with pytest.raises(IgnmError, match=f"{name} is .*; allowed are 0 (to|and more)"):
        QualitySettings(**setting)


def test_scores_of_pictures_that_can_be_worked_out():
    side = 64
    board = np.indices((side, side)).sum(0) % 2
    half = np.where(board, 192, 64).astype(np.uint8)[..., None]
    # Every pixel is 64 from the mean, and its Laplacian is 4 * 128, with the sign of the square.
    assert sharpness(half) == pytest.approx(100 * 512**2 / (64**2 + 1))
    assert contrast(half) == pytest.approx(128 / 255)
    assert clipped(half) == 0
    flat = np.full((side, side, 3), 99, np.uint8)
    assert (sharpness(flat), contrast(flat), clipped(flat)) == (0, 0, 0)
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 1))
    assert sharpness(ramp) == pytest.approx(0, abs=1e-9)
    assert contrast(ramp) == pytest.approx(0.98, abs=0.01)
    assert clipped(ramp) == 6 / 256
    # A few dead pixels are no contrast.
    flat[0, :10] = 255
    assert contrast(flat) == 0
    assert clipped(flat) == pytest.approx(10 / side**2)


def test_grey_pixels_score_as_three_equal_channels(faces):
    for image in faces[:20]:
        grey = np.asarray(Image.fromarray(image).convert("L"))[..., None]
        colour = np.repeat(grey, 3, axis=2)
        assert [score(grey) for score in (sharpness, contrast, clipped)] == [
            score(colour) for score in (sharpness, contrast, clipped)
        ]
        np.testing.assert_array_equal(duplicates.luma(image), grey[..., 0])  # PIL's luma, to the bit
        seen = NearDuplicates(0)
        assert seen.add(grey) is None
        assert seen.add(colour).distance == 0


def test_blur_is_found_and_dimming_is_not_blur(faces):
    sharp = np.array([sharpness(image) for image in faces])
    dim = np.array([sharpness((image * 0.4 + 20).astype(np.uint8)) for image in faces])
    blurred = np.array([sharpness(image) for image in each(faces, lambda i: i.filter(ImageFilter.GaussianBlur(2)))])
    assert (blurred < 5).mean() > 0.99
    assert (sharp < 5).mean() < 0.01
    assert (dim < 5).mean() < 0.01
    np.testing.assert_allclose(dim, sharp, rtol=0.2)


@pytest.mark.parametrize("resolution", [16, 32])
def test_the_scale_of_sharpness_holds_at_other_resolutions(resolution):
    images = draw_faces(100, resolution, seed=4).images
    sharp = np.array([sharpness(image) for image in images])
    blurred = [sharpness(image) for image in each(images, lambda image: image.filter(ImageFilter.GaussianBlur(2)))]
    assert (sharp < 5).mean() == 0
    assert (np.array(blurred) < 5).mean() > 0.97


def test_bad_exposure_is_found(faces):
    over = np.clip(faces.astype(int) * 4 + 150, 0, 255).astype(np.uint8)
    under = np.clip((faces.astype(int) - 230) * 2, 0, 255).astype(np.uint8)
    flat = (faces * 0.2 + 100).astype(np.uint8)
    exposed, contrasty = QualitySettings(max_clipped=0.5), QualitySettings(min_contrast=0.35)
    for images, settings in ((over, exposed), (under, exposed), (flat, contrasty)):
        assert np.mean([reason is not None for reason in reasons(settings, images)]) > 0.95
    assert np.mean([reason is not None for reason in reasons(ADVISED, faces)]) < 0.01


def test_reasons_say_the_score_and_the_limit():
    flat = np.full((32, 32, 1), 255, np.uint8)
    assert reasons(QualitySettings(min_sharpness=5), [flat]) == ["sharpness 0 below 5"]
    assert reasons(QualitySettings(min_contrast=0.35), [flat]) == ["contrast 0 below 0.35"]
    assert reasons(QualitySettings(max_clipped=0.25), [flat]) == ["clipped 1 above 0.25"]
    assert reasons(QualitySettings(duplicate_distance=0), [flat, flat]) == [None, "duplicate of image 0 (distance 0)"]


@pytest.mark.parametrize("copy", COPIES)
def test_planted_near_duplicates_are_found_and_faces_of_others_are_not(faces, copy):
    seen = quality_filters(QualitySettings(duplicate_distance=8))[0]
    assert [seen(image) for image in faces] == [None] * len(faces)
    found = [seen(image) for image in COPIES[copy](faces)]
    right = [reason is not None and f"of image {row} " in reason for row, reason in enumerate(found)]
    assert np.mean(right) >= (0.95 if "crop" in copy else 0.99)
    assert all(("mirrored" in reason) == ("mirrored" in copy) for reason in found if reason)


def test_a_grey_dataset_has_near_duplicates_too(faces):
    grey = np.stack([duplicates.luma(image) for image in faces])[..., None]
    found = reasons(QualitySettings(duplicate_distance=6), np.concatenate((grey, each(grey, recompressed))))
    assert all(reason is None for reason in found[: len(grey)])
    assert np.mean([reason is not None for reason in found[len(grey) :]]) > 0.99


def test_the_hash_is_the_sign_of_scipys_dct(faces):
    plane = duplicates.luma(faces[0])
    spectrum = dctn(plane.astype(float), norm="ortho")
    expected = [spectrum[v, u] for v, u in zip(duplicates._V, duplicates._U, strict=True)]
    np.testing.assert_allclose(duplicates._coefficients(plane), expected, atol=1e-6)
    assert len(set(zip(duplicates._V, duplicates._U, strict=True))) == 64
    assert max(duplicates._V + duplicates._U) == 10


@pytest.mark.parametrize("distance", [0, 1, 5, LARGEST_DISTANCE])
def test_the_index_finds_what_comparing_with_every_one_finds(distance, monkeypatch):
    monkeypatch.setattr(duplicates, "CONFIRMED", 2.0)
    rng = np.random.default_rng(0)
    base = rng.standard_normal((300, 64))
    flips = np.where(rng.random((300, 64)) < rng.random((300, 1)) * 0.4, -1, 1)
    seen = NearDuplicates(distance)
    for vector in base:
        seen._remember(duplicates._hash(vector), vector)
    bits = base > 0
    for vector in base * flips:
        apart = (bits != (vector > 0)).sum(axis=1)
        match = seen._find(duplicates._hash(vector), vector, False)
        if apart.min() > distance:
            assert match is None
        else:
            assert (match.number, match.distance) == (int(apart.argmin()), int(apart.min()))


def test_filters_go_on_from_the_kept_images_alone(faces):
    stream = np.concatenate(
        (faces[:100], COPIES["JPEG"](faces[:50]), faces[100:150], COPIES["brighter"](faces[90:140]))
    )
    whole = reasons(ADVISED, stream)
    assert 90 < sum(reason is not None for reason in whole) <= 102
    for cut in (1, 120, 180):
        kept = [image for image, reason in zip(stream[:cut], whole[:cut], strict=True) if reason is None]
        assert reasons(ADVISED, [*kept, *stream[cut:]]) == [None] * len(kept) + whole[cut:]


def test_an_image_that_is_left_out_is_not_remembered(faces):
    blurred = each(faces[:1], lambda image: image.filter(ImageFilter.GaussianBlur(3)))[0]
    first, second = reasons(QualitySettings(min_sharpness=5, duplicate_distance=16), [blurred, faces[0]])
    assert re.fullmatch(r"sharpness \S+ below 5", first)
    assert second is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_images_are_duplicates_of_one_another_and_of_nothing_else(faces, value):
    seen = NearDuplicates(4)
    flat = np.full((64, 64, 3), value, np.uint8)
    assert [seen.add(image) for image in faces[:50]] == [None] * 50
    assert seen.add(flat) is None
    assert seen.add(flat) == (50, 0, False)
    assert seen.add(faces[60]) is None
