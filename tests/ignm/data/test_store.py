"""The cache on disk: opening, listing, damage."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from ignm.data.cache import Skipped, data_root, ignm_home
from ignm.data.labels import Labels
from ignm.data.store import list_datasets, open_dataset
from ignm.data.writing import write_dataset
from ignm.errors import IgnmError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)
LABELS = Labels(
    np.array([[0], [1], [-1], [1], [0]]),
    {"kind": ("x", "y")},
    np.array([[0.5], [np.nan], [1], [2], [3]], np.float32),
    ("yaw",),
)


def write(root: Path, name="faces", resolution=16, pixels=PIXELS, labels=LABELS, channels=None) -> str:
    with write_dataset(root, name, resolution, channels) as writer:
        writer.append(pixels)
        return writer.finish(labels, [Skipped(name="bad.png", reason="empty file")], "faces.zip").fingerprint


def test_what_is_written_is_what_is_opened(tmp_path):
    fingerprint = write(tmp_path)
    dataset = open_dataset("faces", 16, tmp_path)
    np.testing.assert_array_equal(dataset.images, PIXELS)
    np.testing.assert_array_equal(dataset.classes, LABELS.classes)
    np.testing.assert_array_equal(dataset.continuous, LABELS.continuous)
    assert (dataset.class_names, dataset.continuous_names) == ({"kind": ("x", "y")}, ("yaw",))
    assert (dataset.name, dataset.resolution, dataset.channels, len(dataset)) == ("faces", 16, 3, 5)
    assert dataset.skipped == (Skipped(name="bad.png", reason="empty file"),)
    assert dataset.fingerprint == fingerprint
    assert len(fingerprint) == 16
    assert set(fingerprint) <= set("0123456789abcdef")


def test_images_are_memory_mapped_and_nothing_can_be_written(tmp_path):
    write(tmp_path)
    dataset = open_dataset("faces", 16, tmp_path)
    assert isinstance(dataset.images, np.memmap)
    assert dataset.images.mode == "r"
    for array in (dataset.images, dataset.classes, dataset.continuous):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_pickled_dataset_is_its_path_not_its_pixels(tmp_path):
    write(tmp_path)
    data = pickle.dumps(open_dataset("faces", 16, tmp_path))
    assert len(data) < 1000 < PIXELS.nbytes
    again = pickle.loads(data)  # noqa: S301
    assert isinstance(again.images, np.memmap)
    np.testing.assert_array_equal(again.images, PIXELS)


def test_the_file_is_plain_npy(tmp_path):
    write(tmp_path)
    assert np.load(tmp_path / "faces" / "16" / "images.npy").flags.c_contiguous
    description = json.loads((tmp_path / "faces" / "16" / "dataset.json").read_text())
    assert (description["format"], description["count"], description["source"]) == (1, 5, "faces.zip")


def test_the_last_images_may_be_held_out(tmp_path):
    whole = write(tmp_path)
    fingerprints = {whole}
    for held in (1, 2, 5):
        with write_dataset(tmp_path, "faces", 16, None) as writer:
            writer.append(PIXELS)
            fingerprints.add(writer.finish(LABELS, (), "faces.zip", test=held).fingerprint)
        dataset = open_dataset("faces", 16, tmp_path)
        assert len(dataset) == 5 - held
        for part, rows in (("", slice(None, 5 - held)), ("test_", slice(5 - held, None))):
            np.testing.assert_array_equal(getattr(dataset, f"{part}images"), PIXELS[rows])
            np.testing.assert_array_equal(getattr(dataset, f"{part}classes"), LABELS.classes[rows])
            np.testing.assert_array_equal(getattr(dataset, f"{part}continuous"), LABELS.continuous[rows])
        assert isinstance(dataset.test_images, np.memmap)
    assert len(fingerprints) == 4


def test_a_cache_from_before_images_were_held_out_opens_and_keeps_its_fingerprint(tmp_path):
    fingerprint = write(tmp_path)
    assert fingerprint == "b34b53af388e1689"
    path = tmp_path / "faces" / "16" / "dataset.json"
    described = json.loads(path.read_text())
    for later in ("test", "filters", "left_out"):
        del described[later]
    path.write_text(json.dumps(described))
    dataset = open_dataset("faces", 16, tmp_path)
    assert (dataset.fingerprint, len(dataset), len(dataset.test_images)) == (fingerprint, 5, 0)


def test_the_fingerprint_follows_pixels_labels_and_resolution_but_not_the_name(tmp_path):
    first = write(tmp_path)
    assert write(tmp_path, name="other") == first
    pixel, label, value = PIXELS.copy(), LABELS.classes.copy(), LABELS.continuous.copy()
    pixel[4, 15, 15, 2] ^= 1
    label[4] = 1
    value[4] = 3.25
    changed = [
        write(tmp_path, pixels=pixel),
        write(tmp_path, labels=Labels(label, LABELS.class_names, LABELS.continuous, ("yaw",))),
        write(tmp_path, labels=Labels(LABELS.classes, LABELS.class_names, value, ("yaw",))),
        write(tmp_path, labels=Labels(LABELS.classes, {"kind": ("x", "z")}, LABELS.continuous, ("yaw",))),
        write(tmp_path, pixels=PIXELS.reshape(5, 16, 16, 3)[::-1]),
    ]
    assert len({first, *changed}) == 6


@pytest.mark.parametrize("first_colour", [0, 1, 4, 5])
def test_grey_until_the_first_colour_image(tmp_path, first_colour):
    grey, colour = PIXELS[:first_colour, :, :, :1], PIXELS[first_colour:]
    with write_dataset(tmp_path, "faces", 16, None) as writer:
        writer.append([*grey, *colour])
        fingerprint = writer.finish(LABELS, (), "faces.zip").fingerprint
    dataset = open_dataset("faces", 16, tmp_path)
    channels = 1 if first_colour == 5 else 3
    expected = np.concatenate([np.repeat(grey, channels, axis=3), colour[..., :channels]])
    np.testing.assert_array_equal(dataset.images, expected)
    assert dataset.images.shape == (5, 16, 16, channels)
    # The same pixels written at once have the same fingerprint.
    assert write(tmp_path, name="again", pixels=expected, channels=channels) == fingerprint


@pytest.mark.parametrize("shape", [(16, 16, 2), (3, 16, 16), (16, 16), (8, 8, 3)])
def test_images_of_another_shape_are_a_bug_of_the_caller(tmp_path, shape):
    with pytest.raises(ValueError, match="shape"):
        write(tmp_path, pixels=np.zeros((5, *shape), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_labels_of_another_length_are_a_bug_of_the_caller_and_leave_nothing(tmp_path):
    with pytest.raises(ValueError, match="classes"):
        write(tmp_path, labels=Labels.none(4))
    assert list(tmp_path.iterdir()) == []


def test_list_and_missing(tmp_path):
    assert list_datasets(tmp_path / "none") == {}
    write(tmp_path, "celeba", 32, np.zeros((5, 32, 32, 1), np.uint8))
    write(tmp_path, "celeba", 16)
    write(tmp_path, "ffhq", 16)
    (tmp_path / "ffhq" / ".32.x.partial").mkdir()
    (tmp_path / "stray").mkdir()
    assert list_datasets(tmp_path) == {"celeba": (16, 32), "ffhq": (16,)}
    with pytest.raises(IgnmError) as caught:
        open_dataset("celebs", 64, tmp_path)
    message = str(caught.value)
    assert "no dataset 'celebs' at resolution 64" in message
    assert "(did you mean 'celeba'?)" in message
    assert "celeba (16, 32); ffhq (16); embedded (16, 32, 64, 128, 256)" in message
    assert "ignm data import SOURCE --name celebs --resolution 64" in message
    with pytest.raises(IgnmError, match="at resolution 64") as caught:
        open_dataset("celeba", 64, tmp_path)
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "Faces", "../faces", "a/b", ".hidden", "a b", "é", "a" * 101, "a\n"])
def test_names_that_are_no_names(tmp_path, name):
    with pytest.raises(IgnmError, match="cannot name a dataset"):
        open_dataset(name, 16, tmp_path)


@pytest.mark.parametrize("resolution", [0, 8, 48, 512, -64])
def test_resolutions_that_the_cache_does_not_hold(tmp_path, resolution):
    with pytest.raises(IgnmError, match="not one of 16, 32, 64, 128, 256"):
        open_dataset("faces", resolution, tmp_path)


def test_root_is_ignm_home_or_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("IGNM_HOME", raising=False)
    assert data_root() == tmp_path / ".ignm" / "data"
    monkeypatch.setenv("IGNM_HOME", str(tmp_path / "elsewhere"))
    assert data_root() == tmp_path / "elsewhere" / "data"
    write(data_root())
    assert len(open_dataset("faces", 16)) == 5


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def alter(**changes: object):
    def apply(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return apply


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *((name, Path.unlink) for name in ("images.npy", "classes.npy", "continuous.npy", "dataset.json")),
        *((name, cut) for name in ("images.npy", "classes.npy", "continuous.npy")),
        *((name, lambda path: path.write_bytes(b"")) for name in ("images.npy", "classes.npy", "dataset.json")),
        ("dataset.json", lambda path: path.write_text('{"format": 1')),
        ("dataset.json", lambda path: path.write_text("[]")),
        ("dataset.json", alter(format=2)),
        ("dataset.json", alter(count=4)),
        ("dataset.json", alter(test=6)),
        ("dataset.json", alter(test=-1)),
        ("dataset.json", alter(channels=1)),
        ("dataset.json", alter(class_names={})),
        ("dataset.json", alter(resolution="16")),
        ("classes.npy", lambda path: np.save(path, LABELS.classes.astype(np.int32))),
        ("classes.npy", lambda path: np.save(path, np.array([{}], dtype=object), allow_pickle=True)),
    ],
)
def test_a_damaged_cache_says_to_import_again(tmp_path, file, damage):
    write(tmp_path)
    damage(tmp_path / "faces" / "16" / file)
    with pytest.raises(
        IgnmError, match="Import it again: ignm data import SOURCE --name faces --resolution 16"
    ) as caught:
        open_dataset("faces", 16, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["images.npy", "classes.npy", "continuous.npy"])
def test_flipped_bits_of_a_header_are_a_message_or_harmless(tmp_path, file):
    write(tmp_path)
    path = tmp_path / "faces" / "16" / file
    good = path.read_bytes()
    for place in range(128):
        for bit in (0, 3, 6):
            path.write_bytes(good[:place] + bytes([good[place] ^ 1 << bit]) + good[place + 1 :])
            try:
                dataset = open_dataset("faces", 16, tmp_path)
            except IgnmError as error:
                assert "Import it again" in str(error)  # noqa: PT017
            else:
                np.testing.assert_array_equal(dataset.images, PIXELS)
                np.testing.assert_array_equal(dataset.classes, LABELS.classes)
                np.testing.assert_array_equal(dataset.continuous, LABELS.continuous)


def test_a_home_that_may_not_be_looked_at_is_one_message(tmp_path):
    # A path that the system refuses to look at, also for root.
    with pytest.raises(IgnmError, match=r"cannot be opened: File name too long\. Check its permissions"):
        open_dataset("faces", 16, tmp_path / ("x" * 300))


def test_a_dataset_that_may_not_be_entered_is_not_listed(tmp_path, monkeypatch):
    write(tmp_path, "mine")
    write(tmp_path, "theirs")
    looks = Path.is_file

    def refusing(self):
        if self.parent.parent.name == "theirs":
            raise PermissionError(13, "Permission denied", str(self))
        return looks(self)

    monkeypatch.setattr(Path, "is_file", refusing)
    assert list_datasets(tmp_path) == {"mine": (16,)}


def test_without_a_home_folder_the_message_says_what_to_set(monkeypatch):
    monkeypatch.delenv("IGNM_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", no_home)
    with pytest.raises(IgnmError, match="Set IGNM_HOME"):
        ignm_home()
    with pytest.raises(IgnmError, match="Set IGNM_HOME"):
        data_root()


def no_home(path):
    raise RuntimeError("Could not determine home directory.")
