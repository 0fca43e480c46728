"""Verification: any flipped bit of pixels, labels, split or names is found; what cannot be checked is said."""

import json

import numpy as np
import pytest

from ignm.data import store, verifying
from ignm.data.cache import DamagedDatasetError
from ignm.data.importing import import_dataset
from ignm.data.verifying import verify_dataset
from ignm.errors import IgnmError


@pytest.fixture
def dataset(root, good):
    rows = "".join(f"{index}.png,{index % 3},{index / 7}\n" for index in range(40))
    (good / "labels.csv").write_text("file,kind,yaw\n" + rows)
    return import_dataset(good, "a", 16, root=root, test_share=0.3).path


def test_an_imported_dataset_is_what_it_says(root, dataset, monkeypatch):
    monkeypatch.setattr(verifying, "_CHUNK_BYTES", 5000)
    seen = []
    found = verify_dataset("a", 16, root, progress=lambda *counts: seen.append(counts))
    assert (found.description.count, found.unchecked) == (40, "")
    assert seen[-1] == (40, 40)
    assert len(seen) == 7  # 5000 bytes hold six of the forty images


@pytest.mark.parametrize("file", ["images.npy", "classes.npy", "continuous.npy"])
def test_a_flipped_bit_is_found(root, dataset, file):
    data = bytearray((dataset / file).read_bytes())
    for place in (128, len(data) // 2, len(data) - 1):
        changed = data.copy()
        changed[place] ^= 1
        (dataset / file).write_bytes(changed)
        with pytest.raises(DamagedDatasetError, match="Import it again"):
            verify_dataset("a", 16, root)
    (dataset / file).write_bytes(data)
    verify_dataset("a", 16, root)


@pytest.mark.parametrize("change", [{"test": 5}, {"test": 41}, {"test": -1}, {"fingerprint": "0" * 16}, {"count": 39}])
def test_another_description_is_found(root, dataset, change):
    described = json.loads((dataset / "dataset.json").read_text())
    (dataset / "dataset.json").write_text(json.dumps(described | change))
    with pytest.raises(DamagedDatasetError):
        verify_dataset("a", 16, root)


@pytest.mark.parametrize(("file", "value"), [("classes.npy", 3), ("classes.npy", -2), ("continuous.npy", np.inf)])
def test_impossible_labels_are_found(root, dataset, file, value):
    array = np.load(dataset / file)
    array[7, 0] = value
    np.save(dataset / file, array)
    with pytest.raises(DamagedDatasetError, match=r"'(kind|yaw)' has a"):
        verify_dataset("a", 16, root)


def test_a_dataset_that_is_not_there_is_another_mistake(root, dataset):
    with pytest.raises(IgnmError, match="no dataset 'b'") as caught:
        verify_dataset("b", 16, root)
    assert not isinstance(caught.value, DamagedDatasetError)


def test_of_the_embedded_faces_the_structure_is_checked_and_the_rest_named(root, monkeypatch):
    monkeypatch.setattr(store, "EMBEDDED_COUNT", 20)
    found = verify_dataset("embedded", 16, root)
    assert (found.description.count, "pixels and labels" in found.unchecked) == (20, True)
    path = root / "embedded" / "16"
    array = np.load(path / "classes.npy")
    array[3, 0] = 99
    np.save(path / "classes.npy", array)
    with pytest.raises(DamagedDatasetError, match="it is drawn again"):
        verify_dataset("embedded", 16, root)
