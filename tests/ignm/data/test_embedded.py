"""The embedded faces' cache; they are drawn by a stand-in, so that only the caching is tested."""

import shutil
import sys
import types

import numpy as np
import pytest

import ignm.data
from ignm.data import store
from ignm.data.store import list_datasets, open_dataset
from ignm.errors import IgnmError


@pytest.fixture
def faces(monkeypatch):
    module = types.ModuleType("ignm.data.faces")
    module.VERSION, module.CLASS_NAMES, module.CONTINUOUS_NAMES = 1, {"hair": ("dark", "fair")}, ("yaw", "light")
    module.drawn, module.rounding = [], 0

    def draw_faces(count, resolution, *, seed=0, start=0):
        module.drawn.append((count, resolution, seed, start))
        rng = np.random.default_rng([seed, start, module.VERSION])
        return types.SimpleNamespace(
            images=rng.integers(0, 255, (count, resolution, resolution, 3), dtype=np.uint8) + np.uint8(module.rounding),
            classes={"hair": rng.integers(0, 2, count)},
            continuous=rng.random((count, 2), dtype=np.float32),
        )

    module.draw_faces = draw_faces
    monkeypatch.setitem(sys.modules, "ignm.data.faces", module)
    monkeypatch.setattr(ignm.data, "faces", module, raising=False)
    monkeypatch.setattr(store, "EMBEDDED_COUNT", 1200)
    return module


def test_embedded_faces_are_drawn_once_in_chunks(tmp_path, faces):
    seen = []
    dataset = open_dataset("embedded", 16, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert faces.drawn == [(500, 16, 0, 0), (500, 16, 0, 500), (200, 16, 0, 1000)]
    assert seen == [(500, 1200), (1000, 1200), (1200, 1200)]
    assert dataset.images.shape == (1200, 16, 16, 3)
    assert dataset.class_names == faces.CLASS_NAMES
    assert dataset.continuous_names == ("yaw", "light")
    second = faces.draw_faces(500, 16, start=500)
    np.testing.assert_array_equal(dataset.images[500:1000], second.images)
    np.testing.assert_array_equal(dataset.classes[500:1000, 0], second.classes["hair"])
    np.testing.assert_array_equal(dataset.continuous[500:1000], second.continuous)
    faces.drawn.clear()
    assert open_dataset("embedded", 16, tmp_path).fingerprint == dataset.fingerprint
    assert faces.drawn == []
    assert list_datasets(tmp_path) == {"embedded": (16,)}


def test_embedded_faces_are_drawn_again_when_version_count_or_files_changed(tmp_path, faces, monkeypatch):
    first = open_dataset("embedded", 16, tmp_path).fingerprint
    faces.VERSION = 2
    second = open_dataset("embedded", 16, tmp_path).fingerprint
    assert second != first
    monkeypatch.setattr(store, "EMBEDDED_COUNT", 100)
    assert len(open_dataset("embedded", 16, tmp_path)) == 100
    faces.drawn.clear()
    images = tmp_path / "embedded" / "16" / "images.npy"
    images.write_bytes(images.read_bytes()[:-1])
    assert len(open_dataset("embedded", 16, tmp_path)) == 100
    assert faces.drawn == [(100, 16, 0, 0)]


def test_an_interrupted_draw_leaves_nothing(tmp_path, faces):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dataset("embedded", 16, tmp_path, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == [".locks"]
    assert len(open_dataset("embedded", 16, tmp_path)) == 1200


def test_a_folder_that_may_not_be_written_is_one_message(tmp_path, faces):
    (tmp_path / "file").touch()
    with pytest.raises(IgnmError, match="Cannot write under"):
        open_dataset("embedded", 16, tmp_path / "file" / "data")


def test_faces_that_others_drew_need_no_writing(tmp_path, faces, monkeypatch):
    shared = tmp_path / "shared"
    fingerprint = open_dataset("embedded", 16, shared).fingerprint
    shutil.rmtree(shared / ".locks")
    monkeypatch.setattr(store, "dataset_lock", lambda *_: pytest.fail("tried to write"))
    assert open_dataset("embedded", 16, shared).fingerprint == fingerprint


def test_the_fingerprint_is_that_of_the_recipe_and_not_of_a_processors_rounding(tmp_path, faces, monkeypatch):
    first = open_dataset("embedded", 16, tmp_path / "first")
    faces.rounding = 1
    other = open_dataset("embedded", 16, tmp_path / "other")
    assert (first.images != other.images).all()
    assert first.fingerprint == other.fingerprint
    assert open_dataset("embedded", 32, tmp_path).fingerprint != first.fingerprint
    monkeypatch.setattr(store, "_SEED", 1)
    assert open_dataset("embedded", 16, tmp_path).fingerprint != first.fingerprint


def test_faces_with_a_damaged_header_are_drawn_again(tmp_path, faces):
    open_dataset("embedded", 16, tmp_path)
    images = tmp_path / "embedded" / "16" / "images.npy"
    data = images.read_bytes()
    images.write_bytes(data.replace(b"'shape': (", b"'shape': ((", 1))
    faces.drawn.clear()
    assert len(open_dataset("embedded", 16, tmp_path)) == 1200
    assert len(faces.drawn) == 3
