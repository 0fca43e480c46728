"""The embedded faces are what their labels say, the same at every call, and independent of their neighbours."""

import dataclasses

import numpy as np
import pytest

from ignm.data.faces import (
    CLASS_NAMES,
    CONTINUOUS_NAMES,
    GROUPS,
    RESOLUTIONS,
    FaceParameters,
    draw_faces,
    render,
    sample_parameters,
)
from ignm.errors import IgnmError

CONTINUOUS = {name: column for column, name in enumerate(CONTINUOUS_NAMES)}


@pytest.fixture(scope="module")
def faces():
    return draw_faces(400, 32, seed=5)


@pytest.fixture(scope="module")
def parameters():
    return sample_parameters(48, seed=21)


def changed(parameters, **values):
    """Set fields of the same faces, so that pictures differ by those alone."""
    return dataclasses.replace(
        parameters,
        **{
            name: np.broadcast_to(value, (len(parameters),)).astype(getattr(parameters, name).dtype)
            for name, value in values.items()
        },
    )


def plain(parameters, **values):
    """The same faces bare, frontal, sharp and upright."""
    bare = {
        "hair_style": 0, "facial_hair": 0, "glasses": 0, "yaw": 0, "pitch": 0, "roll": 0, "light_azimuth": 0,
        "light_elevation": 15, "grain": 0, "blur": 0, "centre_x": 0, "centre_y": 0.07, "scale": 1.05, "freckles": 0,
        "exposure": 1, "background": 0, "background_contrast": 0,
    }  # fmt: skip
    return changed(parameters, **(bare | values))


def brightness(images):
    return images.astype(np.float64).mean(axis=-1)


# --- identity -------------------------------------------------------------------------------------------------------


def test_the_same_seed_draws_the_same_pixels_and_another_seed_others():
    first, again, other = draw_faces(8, 32, seed=1), draw_faces(8, 32, seed=1), draw_faces(8, 32, seed=2)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.continuous, again.continuous)
    assert (first.images != other.images).mean() > 0.5


@pytest.mark.parametrize("resolution", [16, 33, 100])
def test_a_face_depends_on_its_index_alone(resolution):
    whole = draw_faces(30, resolution, seed=3)
    parts = [draw_faces(count, resolution, seed=3, start=start) for start, count in ((0, 1), (1, 12), (13, 17))]
    np.testing.assert_array_equal(whole.images, np.concatenate([part.images for part in parts]))
    np.testing.assert_array_equal(whole.continuous, np.concatenate([part.continuous for part in parts]))
    for name in CLASS_NAMES:
        np.testing.assert_array_equal(whole.classes[name], np.concatenate([part.classes[name] for part in parts]))


@pytest.mark.parametrize("chunk_pixels", [1, 10_000, 10_000_000])
def test_memory_bound_does_not_change_pictures(chunk_pixels):
    parameters = sample_parameters(60, seed=9)
    np.testing.assert_array_equal(render(parameters, 32), render(parameters, 32, chunk_pixels=chunk_pixels))


def test_a_far_start_is_reached_at_once():
    far = draw_faces(2, 16, seed=0, start=10**12)
    assert (far.images[0] != far.images[1]).any()


def test_shapes_and_types(faces):
    assert faces.images.shape == (400, 32, 32, 3)
    assert faces.images.dtype == np.uint8
    assert set(faces.classes) == set(CLASS_NAMES)
    assert all(labels.shape == (400,) and labels.dtype == np.int64 for labels in faces.classes.values())
    assert faces.continuous.shape == (400, len(CONTINUOUS_NAMES))
    assert faces.continuous.dtype == np.float32
    assert np.isfinite(faces.continuous).all()


def test_no_faces_are_an_empty_dataset():
    none = draw_faces(0, 32)
    assert none.images.shape == (0, 32, 32, 3)
    assert none.continuous.shape == (0, len(CONTINUOUS_NAMES))


def test_all_classes_occur_and_none_swallows_the_others():
    parameters = sample_parameters(3000, seed=4)
    for name, names in CLASS_NAMES.items():
        share = np.bincount(getattr(parameters, name), minlength=len(names)) / 3000
        assert len(share) == len(names)
        assert share.min() > 0.02, name
        assert share.max() < 0.8, name


def test_every_parameter_belongs_to_one_group():
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(field.name for field in dataclasses.fields(FaceParameters))


def test_attributes_are_correlated_as_in_people():
    p = sample_parameters(3000, seed=6)
    grey = p.hair_colour == CLASS_NAMES["hair_colour"].index("grey")
    blond = p.hair_colour == CLASS_NAMES["hair_colour"].index("blond")
    assert p.age[grey].mean() > p.age[~grey].mean() + 10
    assert p.skin_tone[blond].mean() < p.skin_tone[~blond].mean() - 0.1
    laugh, sad = (p.expression == CLASS_NAMES["expression"].index(name) for name in ("laugh", "sad"))
    assert p.smile[laugh].min() > p.smile[sad].max()
    assert p.mouth_open[laugh].mean() > p.mouth_open[sad].mean() + 0.3


def test_one_face_is_the_same_at_every_resolution():
    parameters = changed(sample_parameters(12, seed=8), grain=0)
    small = render(parameters, 32).astype(np.float64)
    for resolution in (64, 128, 256):
        block = resolution // 32
        large = render(parameters, resolution).astype(np.float64)
        shrunk = large.reshape(12, 32, block, 32, block, 3).mean(axis=(2, 4))
        per_face = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(small, shrunk, strict=True)]
        assert min(per_face) > 0.98
        assert np.abs(small - shrunk).mean() < 5


def test_the_population_is_varied(faces):
    vectors = brightness(faces.images).reshape(400, -1)
    distances = np.sqrt(((vectors[:100, None] - vectors[None, :100]) ** 2).mean(axis=-1))
    assert distances[np.triu_indices(100, 1)].min() > 8
    values = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    share = values / values.sum()
    assert np.exp(-(share * np.log(share)).sum()) > 15


# --- labels tell the truth --------------------------------------------------------------------------------------------


def test_light_azimuth_moves_the_brightness_across_the_face(faces):
    light = brightness(faces.images)
    balance = (light[:, 12:26, 18:25].mean(axis=(1, 2)) - light[:, 12:26, 7:14].mean(axis=(1, 2))) / light.mean((1, 2))
    azimuth = np.sin(np.deg2rad(faces.continuous[:, CONTINUOUS["light_azimuth"]]))
    assert np.corrcoef(balance, azimuth)[0, 1] > 0.65


def test_light_azimuth_alone_orders_the_balance_of_every_bald_face(parameters):
    balances = []
    for azimuth in (-60, -30, 0, 30, 60):
        light = brightness(render(plain(parameters, light_azimuth=azimuth), 32))
        balances.append(light[:, 8:28, 18:26].mean(axis=(1, 2)) - light[:, 8:28, 6:14].mean(axis=(1, 2)))
    assert (np.diff(np.array(balances), axis=0) > 0).all()


def test_light_from_above_brightens_the_forehead_more_than_the_chin(parameters):
    def balance(elevation):
        light = brightness(render(plain(parameters, light_elevation=elevation), 32))
        return light[:, 3:9, 12:20].mean(axis=(1, 2)) - light[:, 24:28, 12:20].mean(axis=(1, 2))

    assert (balance(60) > balance(0)).all()


def test_light_warmth_and_intensity_show_in_colour_and_brightness(parameters):
    pictures = (render(plain(parameters, light_warmth=w, skin_tone=0.5, exposure=0.8), 32) for w in (-0.8, 0.8))
    cold, warm = (picture[:, 9:24, 10:22].astype(float).mean((1, 2)) for picture in pictures)
    assert (warm[:, 0] / warm[:, 2] > 1.15 * cold[:, 0] / cold[:, 2]).all()
    dim, bright = (brightness(render(plain(parameters, light_intensity=i), 32)) for i in (0.7, 1.3))
    assert (bright.mean((1, 2)) > dim.mean((1, 2)) + 5).all()


def _leaning_angle(parameters, roll):
    """The principal axis, from the vertical, of the face's silhouette: what differs between two skins."""
    light, dark = (render(plain(parameters, roll=roll, skin_tone=t, scale=0.7, undertone=0), 64) for t in (0.0, 1.0))
    mask = np.abs(brightness(light) - brightness(dark)) > 25
    rows, columns = np.mgrid[:64, :64]
    # Ears and neck do not turn rigidly with the head; a disc round the head's centre leaves a fair ellipse.
    angles = []
    for face in mask & (rows < 54):
        x, y = columns[face] - columns[face].mean(), -(rows[face] - rows[face].mean())
        values, vectors = np.linalg.eigh(np.cov(x, y))
        axis = vectors[:, np.argmax(values)] * np.sign(vectors[1, np.argmax(values)])
        angles.append(np.rad2deg(np.arctan2(-axis[0], axis[1])))
    return np.array(angles)


def test_roll_turns_the_principal_axis_of_the_face(parameters):
    left, upright, right = (_leaning_angle(parameters, roll) for roll in (15, 0, -15))
    assert np.abs(upright).max() < 3
    assert np.median(left) == pytest.approx(15, abs=5)
    assert np.median(right) == pytest.approx(-15, abs=5)


def _feature_centre(parameters, pose, **toggle):
    """Where in the picture (x right, y up, in -1..1) a feature lies: the centre of what changes with it."""
    ((name, values),) = toggle.items()
    pictures = [brightness(render(plain(parameters, **pose, **{name: value}), 64)) for value in values]
    weight = np.abs(pictures[0] - pictures[1])
    axis = (np.arange(64) + 0.5) / 32 - 1
    total = weight.sum(axis=(1, 2))
    return (weight.sum(axis=1) @ axis) / total, -(weight.sum(axis=2) @ axis) / total


def _mouth_across_outline(parameters, yaw):
    pose = {"yaw": yaw, "scale": 0.7}
    mouth, _ = _feature_centre(parameters, pose, lip_red=(0, 1))
    outline, _ = _feature_centre(parameters, pose, skin_tone=(0, 1))
    return mouth - outline


@pytest.mark.parametrize("side", [-1, 1])
def test_yaw_carries_the_mouth_across_the_outline_like_a_point_on_a_solid(parameters, side):
    little, much = (side * _mouth_across_outline(parameters, side * yaw) for yaw in (12, 25))
    assert (little > 0.01).all()
    assert (much > little).all()
    # A point on a turning solid moves with the sine of the angle.
    assert np.median(much / little) == pytest.approx(np.sin(np.deg2rad(25)) / np.sin(np.deg2rad(12)), rel=0.15)


def test_pitch_raises_the_features(parameters):
    _, down = _feature_centre(parameters, {"pitch": -14}, glasses=(0, 2))
    _, up = _feature_centre(parameters, {"pitch": 14}, glasses=(0, 2))
    assert (up > down + 0.02).all()


def test_sunglasses_darken_the_eyes_and_clear_glasses_do_not_hide_them(parameters):
    none, clear, dark = (brightness(render(plain(parameters, glasses=g), 32))[:, 12:18, 7:25] for g in (0, 1, 2))
    light_skin = parameters.skin_tone < 0.6
    assert (dark.mean((1, 2)) < none.mean((1, 2)) - 5)[light_skin].all()
    assert (np.abs(clear - none).mean((1, 2)) > 1).all()
    assert (np.abs(clear - none).mean((1, 2)) < np.abs(dark - none).mean((1, 2)))[light_skin].all()


def test_sunglasses_darken_the_eyes_of_the_sampled_population(faces):
    light = brightness(faces.images)
    relative = light[:, 13:17, 8:24].mean((1, 2)) / light[:, 18:22, 10:22].mean((1, 2))
    worn = faces.classes["glasses"] == CLASS_NAMES["glasses"].index("sunglasses")
    assert relative[worn].mean() < 0.65 * relative[~worn].mean()


@pytest.mark.parametrize("style", ["short", "parted", "fringe", "bob", "long", "curly"])
def test_hair_colour_colours_the_hair(parameters, style):
    index = CLASS_NAMES["hair_style"].index(style)
    colours = [
        render(plain(parameters, hair_style=index, hair_colour=c, hair_shade=0), 32)[:, :3, 10:22].astype(float)
        for c in range(len(CLASS_NAMES["hair_colour"]))
    ]
    black, dark_brown, brown, blond, red, grey = (c.mean((0, 1, 2)) for c in colours)
    assert black.mean() < dark_brown.mean() < brown.mean() < blond.mean() < grey.mean() + 40
    assert grey.mean() > 2 * black.mean()
    assert red[0] / red[2] > 1.5 * grey[0] / grey[2]


def test_hair_styles_cover_what_they_should(parameters):
    bald = brightness(render(plain(parameters), 32))

    def covered(style, rows, columns):
        index = CLASS_NAMES["hair_style"].index(style)
        haired = brightness(render(plain(parameters, hair_style=index), 32))
        return np.abs(haired - bald)[:, rows, columns].mean()

    forehead, beside_chin, crown = (
        (slice(8, 11), slice(12, 20)),
        (slice(24, 28), slice(0, 6)),
        (slice(0, 3), slice(10, 22)),
    )
    assert covered("fringe", *forehead) > 2 * covered("short", *forehead)
    assert covered("long", *beside_chin) > 5 * covered("short", *beside_chin)
    assert all(covered(style, *crown) > 10 for style in CLASS_NAMES["hair_style"][2:])


def test_facial_hair_darkens_a_light_chin(parameters):
    light = changed(parameters, skin_tone=0.15, hair_colour=0)
    kinds = range(len(CLASS_NAMES["facial_hair"]))
    none, stubble, moustache, goatee, beard = (
        brightness(render(plain(light, facial_hair=k, mouth_open=0), 64)) for k in kinds
    )
    chin, lip = (slice(None), slice(54, 58), slice(28, 36)), (slice(None), slice(43, 47), slice(29, 35))
    assert (none[chin] - moustache[chin]).mean() < 1
    assert (none[chin] - stubble[chin]).mean() > 5
    assert (none[chin] - beard[chin]).mean() > (none[chin] - stubble[chin]).mean() + 10
    assert (none[chin] - goatee[chin]).mean() > 20
    assert (none[lip] - moustache[lip]).mean() > 20


def test_skin_tone_darkens_the_skin(parameters):
    tones = [brightness(render(plain(parameters, skin_tone=t), 32))[:, 9:24, 10:22].mean((1, 2)) for t in (0, 0.5, 1)]
    assert (np.diff(np.array(tones), axis=0) < -10).all()


def test_open_mouths_and_closed_eyes_change_what_they_should(parameters):
    def change(rows, **toggle):
        ((name, values),) = toggle.items()
        first, second = (brightness(render(plain(parameters, **{name: v}), 32)) for v in values)
        return np.abs(first - second)[:, rows].mean()

    eyes, mouth = slice(10, 19), slice(21, 29)
    assert change(mouth, mouth_open=(0, 1)) > 3 * change(eyes, mouth_open=(0, 1))
    assert change(mouth, smile=(0, 1)) > 2 * change(eyes, smile=(0, 1))
    assert change(eyes, eye_open=(0.08, 1)) > 5 * change(mouth, eye_open=(0.08, 1))


def test_backgrounds_leave_the_face_alone(parameters):
    first, second = (render(plain(parameters, background=b, background_contrast=1), 32).astype(int) for b in (0, 4))
    difference = np.abs(first - second).mean(axis=-1)
    assert difference[:, 12:24, 10:22].max() == 0
    assert difference[:, :6, :4].mean() > 5


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [0, 15, 257, -32, 32.0, "32", None, True])
def test_bad_resolutions_are_refused_with_the_range(resolution):
    with pytest.raises(IgnmError, match=f"{RESOLUTIONS[0]} to {RESOLUTIONS[-1]}"):
        draw_faces(1, resolution)


@pytest.mark.parametrize("name", ["count", "seed", "start"])
@pytest.mark.parametrize("value", [-1, 1.5, "3", None, True])
def test_bad_counts_are_refused_by_name(name, value):
    arguments = {"count": 1, "seed": 0, "start": 0} | {name: value}
    with pytest.raises(IgnmError, match=name):
        draw_faces(arguments.pop("count"), 32, **arguments)


def test_parameters_of_unequal_length_or_unknown_class_are_refused():
    p = sample_parameters(3)
    with pytest.raises(IgnmError, match="roll"):
        dataclasses.replace(p, roll=p.roll[:2])
    with pytest.raises(IgnmError, match="hair_style"):
        dataclasses.replace(p, hair_style=p.hair_style + 100)
