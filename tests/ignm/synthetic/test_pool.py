"""The pool: what decides it, what it is made of, and that it is made once."""

import errno
import json
import os
import pickle
import shutil

import numpy as np
import pytest

from ignm.config.data import SyntheticConfig
from ignm.data.faces import draw_faces
from ignm.errors import IgnmError
from ignm.synthetic import drawn, pool, variants
from ignm.synthetic.pictures import pair_grid
from ignm.synthetic.pool import fingerprint_of, open_pool

STILL = {"light": 0.0, "pose": 0.0, "background": 0.0, "temperature": 0.0}


def config(source="variants", count=150, **changes):
    return SyntheticConfig(source=source, count=count, **changes)


def like(dataset, **changes):
    return type(dataset)(**(vars(dataset) | changes))


def test_variants_are_the_datasets_size_and_say_where_they_come_from(tmp_path, colour, grey):
    for dataset in (colour, grey):
        made = open_pool(config(count=700), dataset, tmp_path)
        assert made.images.shape == (700, *dataset.images.shape[1:])
        assert made.images.dtype == np.uint8
        assert isinstance(made.images, np.memmap)
        assert not made.images.flags.writeable
        assert made.sources.dtype == np.int64
        # One permutation, gone through again and again.
        assert sorted(made.sources[:300]) == list(range(300))
        np.testing.assert_array_equal(made.sources[300:600], made.sources[:300])
        np.testing.assert_array_equal(made.sources[600:], made.sources[:100])
        # The same original, varied differently.
        assert (made.images[:300] != made.images[300:600]).any(axis=(1, 2, 3)).all()


def test_strength_0_of_everything_gives_the_very_images(tmp_path, colour, grey):
    for dataset in (colour, grey):
        made = open_pool(config(**STILL), dataset, tmp_path)
        np.testing.assert_array_equal(made.images, dataset.images[made.sources])
    # A grey image has no colour temperature.
    warm = open_pool(config(**STILL | {"temperature": 1.0}), grey, tmp_path)
    np.testing.assert_array_equal(warm.images, grey.images[warm.sources])


@pytest.mark.parametrize("setting", ["light", "pose", "background", "temperature"])
def test_each_setting_alone_changes_the_images(tmp_path, colour, setting):
    weak, strong = (open_pool(config(**STILL | {setting: value}), colour, tmp_path) for value in (0.25, 1.0))
    original = colour.images[weak.sources].astype(float)
    change = [np.abs(made.images - original).mean() for made in (weak, strong)]
    assert 0 < change[0] < change[1]


def test_mild_variants_keep_their_identity(tmp_path, colour, grey):
    mild = {"light": 0.25, "pose": 0.25, "background": 0.25, "temperature": 0.25}
    for dataset in (colour, grey):
        made = open_pool(config(count=300, **mild), dataset, tmp_path)
        flat = [images.reshape(len(images), -1).astype(float) for images in (made.images, dataset.images)]
        # Of every image its mean and contrast are taken away: the light's, not the face's.
        flat = [(rows - rows.mean(axis=1, keepdims=True)) / rows.std(axis=1, keepdims=True) for rows in flat]
        nearest = (flat[0] @ flat[1].T).argmax(axis=1)
        assert (nearest == made.sources).mean() > 0.9


def test_the_share_of_replaced_backgrounds_is_what_was_asked(tmp_path, colour):
    made = open_pool(config(count=600, **STILL | {"background": 0.3}), colour, tmp_path)
    changed = (made.images != colour.images[made.sources]).any(axis=(1, 2, 3)).mean()
    assert 0.3 - 0.09 < changed < 0.3 + 0.06  # three standard deviations; some have no background


def test_image_i_depends_on_the_seed_and_i_alone(tmp_path, colour, monkeypatch):
    long = open_pool(config(count=300), colour, tmp_path)
    short = open_pool(config(count=101), colour, tmp_path)
    np.testing.assert_array_equal(short.images, long.images[:101])
    np.testing.assert_array_equal(short.sources, long.sources[:101])
    again = open_pool(config(count=300), colour, tmp_path / "elsewhere")
    np.testing.assert_array_equal(again.images, long.images)
    other = open_pool(config(count=300, seed=1), colour, tmp_path)
    assert (other.sources != long.sources).mean() > 0.9
    # Blocks are fixed, because products of matrices may round differently; images are not made of their neighbours.
    monkeypatch.setattr(variants, "block_of", lambda resolution: 7)
    chunked = open_pool(config(count=300), colour, tmp_path / "chunked")
    np.testing.assert_array_equal(chunked.sources, long.sources)
    assert np.abs(chunked.images.astype(int) - long.images).max() <= 1
    assert (chunked.images != long.images).mean() < 1e-3


def test_fingerprints_change_exactly_with_what_matters(colour, grey):
    base = fingerprint_of(config(), colour)
    deciding = [{"count": 9}, {"light": 0.1}, {"pose": 0.1}, {"background": 0.1}, {"temperature": 0.1}, {"seed": 1}]
    others = [fingerprint_of(config(**change), colour) for change in deciding]
    assert len({base, *others}) == 7
    idle = [{"fraction": 0.5}, {"truncation": 0.5}, {"rejection": 0.5}, {"teacher": "x"}]
    assert {fingerprint_of(config(**change), colour) for change in idle} == {base}
    assert fingerprint_of(config(), like(colour, fingerprint="other")) != base
    assert fingerprint_of(config(temperature=0.1), grey) == fingerprint_of(config(), grey)

    faces = fingerprint_of(config("faces"), colour)
    assert faces != base
    assert fingerprint_of(config("faces", light=0.1, pose=0.1), colour) == faces
    # Drawn faces are the same for every dataset of one kind of image.
    assert fingerprint_of(config("faces"), like(colour, fingerprint="other")) == faces
    assert fingerprint_of(config("faces"), like(colour, resolution=64)) != faces
    assert fingerprint_of(config("faces"), grey) != faces
    assert fingerprint_of(config("faces", seed=1), colour) != faces


def test_another_version_of_the_code_is_another_pool(colour, monkeypatch):
    before = [fingerprint_of(config(source), colour) for source in ("variants", "faces")]
    monkeypatch.setattr(variants, "VERSION", 2)
    monkeypatch.setattr(drawn, "VERSION", 2)
    assert not set(before) & {fingerprint_of(config(source), colour) for source in ("variants", "faces")}


def test_drawn_faces_are_other_people_than_the_embedded_ones(tmp_path, colour, grey):
    made = open_pool(config("faces", count=100), colour, tmp_path)
    assert (made.sources == -1).all()
    embedded = draw_faces(200, 32, seed=0).images
    assert not {image.tobytes() for image in made.images} & {image.tobytes() for image in embedded}
    assert len(np.unique(made.images.reshape(100, -1), axis=0)) == 100
    dark = open_pool(config("faces", count=100), grey, tmp_path).images[..., 0]
    luma = np.round(made.images @ np.array([0.299, 0.587, 0.114]))
    assert np.abs(dark - luma).max() <= 1


def test_it_is_made_once_and_never_written_again(tmp_path, colour, monkeypatch):
    seen = []
    first = open_pool(config(count=150), colour, tmp_path, lambda done, total: seen.append((done, total)))
    assert seen == [(64, 150), (128, 150), (150, 150)]
    assert first.path == tmp_path / ".pools" / first.fingerprint
    assert sorted(path.name for path in first.path.iterdir()) == ["images.npy", "pool.json", "sources.npy"]
    described = json.loads((first.path / "pool.json").read_text())
    assert described["recipe"]["dataset"] == "colour"
    monkeypatch.setattr(pool, "_make", lambda *_: pytest.fail("made again"))
    monkeypatch.setattr(pool, "sole_maker", lambda *_: pytest.fail("tried to write"))
    second = open_pool(config(count=150), colour, tmp_path)
    assert np.shares_memory(second.images, second.images)
    np.testing.assert_array_equal(second.images, first.images)
    travelled = pickle.loads(pickle.dumps(second))  # noqa: S301
    assert travelled.fingerprint == first.fingerprint
    assert isinstance(travelled.images, np.memmap)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


DAMAGES = {
    "images cut": lambda folder: cut(folder / "images.npy"),
    "images gone": lambda folder: (folder / "images.npy").unlink(),
    "sources cut": lambda folder: cut(folder / "sources.npy"),
    "header": lambda folder: (folder / "images.npy").write_bytes(
        (folder / "images.npy").read_bytes().replace(b"'shape': (", b"'shape': ((", 1)
    ),
    "json": lambda folder: (folder / "pool.json").write_text("{"),
    "shape": lambda folder: (folder / "pool.json").write_text((folder / "pool.json").read_text().replace("70", "7", 1)),
    "of another name": lambda folder: (folder / "pool.json").write_text(
        (folder / "pool.json").read_text().replace(folder.name, "0123456789abcdef")
    ),
    "emptied": lambda folder: [file.unlink() for file in folder.iterdir()],
    "only set aside": lambda folder: folder.rename(
        (folder.parent / f".{folder.name}.x.old").mkdir() or folder.parent / f".{folder.name}.x.old" / folder.name
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_pool_is_made_again(tmp_path, grey, damage):
    first = open_pool(config(count=70), grey, tmp_path)
    images, path = np.array(first.images), first.path
    damage(path)
    again = open_pool(config(count=70), grey, tmp_path)
    np.testing.assert_array_equal(again.images, images)
    np.testing.assert_array_equal(again.sources, first.sources)
    assert [folder.name for folder in path.parent.iterdir()] == [path.name]


def test_a_full_disk_is_one_message_and_nothing_is_left(tmp_path, grey, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pool.PixelFile, "append", full)
    with pytest.raises(IgnmError, match=r"No space left on device. Free some space.* Nothing of this pool was kept"):
        open_pool(config(), grey, tmp_path)
    assert list((tmp_path / ".pools").iterdir()) == []


def test_an_interrupted_making_leaves_nothing(tmp_path, grey):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_pool(config(), grey, tmp_path, interrupt)
    assert list((tmp_path / ".pools").iterdir()) == []


def test_a_root_that_may_not_be_written_is_one_message(tmp_path, grey):
    (tmp_path / "file").touch()
    with pytest.raises(IgnmError, match="Cannot write under"):
        open_pool(config(), grey, tmp_path / "file" / "data")


def test_a_missing_pool_says_so(tmp_path, grey):
    path = open_pool(config(count=5), grey, tmp_path).path
    shutil.rmtree(path)
    with pytest.raises(IgnmError, match="not a whole pool"):
        pool.read_pool(path)


def test_pairs_stand_side_by_side(tmp_path, grey, colour):
    made = open_pool(config(count=150, **STILL), grey, tmp_path)
    picture = pair_grid(grey, made, 12)
    assert picture.shape == (2 * 34 - 2, 16 * 34 - 2, 3)
    np.testing.assert_array_equal(picture[:32, :32], picture[:32, 34:66])
    np.testing.assert_array_equal(picture[:32, :32, :1], made.images[0])
    alone = pair_grid(colour, open_pool(config("faces", count=3), colour, tmp_path), 12)
    assert alone.shape == (32, 3 * 34 - 2, 3)
