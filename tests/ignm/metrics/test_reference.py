"""References: computed once, identified by what decides them, and in nobody's way where they cannot be kept."""

import hashlib
import json
import logging
import os
import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from support.extractors import Means, faces

from ignm.errors import IgnmError
from ignm.metrics import store
from ignm.metrics.reference import load_or_compute_reference, load_or_compute_rows, reference_id
from ignm.metrics.store import load_or_make


class StandardisedMeans(Means):
    name = "means_standardised"
    metric = "fd_means_standardised"
    floors = ((2, 1.0),)


def test_a_reference_is_computed_once_and_loaded_bit_exactly(tmp_path):
    extractor = Means()
    first = load_or_compute_reference(faces(100, 1), "a", extractor, tmp_path)
    calls = Means.calls
    second = load_or_compute_reference(faces(100, 1), "a", extractor, tmp_path)
    assert Means.calls == calls
    assert second.id == first.id
    assert all(torch.equal(getattr(first, name), getattr(second, name)) for name in ("mean", "scale", "root"))


def test_identity_tells_datasets_counts_sizes_and_extractors_apart():
    class Newer(Means):
        version = 2

    ids = [
        reference_id("a", (16, 16, 3), 100, Means()),
        reference_id("b", (16, 16, 3), 100, Means()),
        reference_id("a", (32, 32, 3), 100, Means()),
        reference_id("a", (16, 16, 1), 100, Means()),
        reference_id("a", (16, 16, 3), 99, Means()),
        reference_id("a", (16, 16, 3), 100, StandardisedMeans()),
        reference_id("a", (16, 16, 3), 100, Newer()),
    ]
    assert len(set(ids)) == len(ids)
    assert ids[0] == reference_id("a", (16, 16, 3), 100, Means())


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "another"])
def test_a_damaged_file_is_computed_anew(tmp_path, damage):
    real = faces(100, 1)
    good = load_or_compute_reference(real, "a", Means(), tmp_path)
    path = tmp_path / f"{good.id}.safetensors"
    content = path.read_bytes()
    other = load_or_compute_reference(real, "b", Means(), tmp_path)
    path.write_bytes(
        {
            "truncated": content[:-9],
            "flipped": content[:-1] + bytes([content[-1] ^ 1]),
            "empty": b"",
            "another": (tmp_path / f"{other.id}.safetensors").read_bytes(),
        }[damage]
    )
    again = load_or_compute_reference(real, "a", Means(), tmp_path)
    assert again.id == good.id
    assert torch.equal(again.root, good.root)
    calls = Means.calls
    load_or_compute_reference(real, "a", Means(), tmp_path)
    assert Means.calls == calls


def test_a_file_whose_digest_is_of_an_older_kind_is_made_anew_and_silently(tmp_path, caplog):
    made = {"rows": torch.arange(6.0)}
    path = tmp_path / "it.safetensors"
    digest = hashlib.sha256(safetensors.torch.save(made)).hexdigest()
    safetensors.torch.save_file(made, path, {"facts": json.dumps({"id": "it"}), "sha256": digest})
    assert torch.equal(load_or_make(tmp_path, "it", lambda: {"rows": torch.zeros(6)})["rows"], torch.zeros(6))
    assert torch.equal(load_or_make(tmp_path, "it", lambda: made)["rows"], torch.zeros(6))
    assert not caplog.messages


@pytest.mark.parametrize(
    "tensor",
    [torch.tensor(2.5), torch.empty(0, 3), torch.arange(6.0).double().view(2, 3).T, torch.ones(3).bfloat16()],
    ids=["scalar", "empty", "transposed", "bfloat16"],
)
def test_tensors_of_any_shape_and_type_are_kept(tmp_path, tensor):
    load_or_make(tmp_path, "it", lambda: {"one": tensor})
    again = load_or_make(tmp_path, "it", lambda: pytest.fail("computed twice"))["one"]
    assert (again.dtype, again.shape) == (tensor.dtype, tensor.shape)
    assert torch.equal(again, tensor)


def test_a_digest_takes_no_second_copy_of_the_tensors():
    large = {"rows": torch.ones(2**21)}
    tracemalloc.start()
    try:
        store._digest(large)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_subset_is_drawn_from_the_whole_dataset_and_always_the_same(tmp_path):
    ordered = np.sort(faces(400, 1), axis=0)
    part = load_or_compute_reference(ordered, "a", Means(), tmp_path / "one", count=200)
    again = load_or_compute_reference(ordered, "a", Means(), tmp_path / "two", count=200)
    whole = load_or_compute_reference(ordered, "a", Means(), tmp_path / "one")
    assert torch.equal(part.mean, again.mean)
    assert part.id != whole.id
    # Five standard errors of a mean of 200 rows; the first half of the sorted set is off by ten times that.
    assert ((part.mean - whole.mean).abs() < 5 * (whole.root.square().sum(1) / 200).sqrt()).all()


def test_rows_are_those_of_the_references_own_images_and_computed_once(tmp_path):
    real = faces(300, 1)
    reference = load_or_compute_reference(real, "a", Means(), tmp_path, count=100)
    rows = load_or_compute_rows(real, "a", Means(), tmp_path, count=100)
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows.double().mean(0), reference.mean)
    torch.testing.assert_close(torch.cov(rows.double().T), reference.root @ reference.root.T)
    calls = Means.calls
    assert torch.equal(load_or_compute_rows(real, "a", Means(), tmp_path, count=100), rows)
    assert Means.calls == calls
    path = tmp_path / f"{reference.id}-rows.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert torch.equal(load_or_compute_rows(real, "a", Means(), tmp_path, count=100), rows)


@pytest.mark.parametrize("count", [0, 1, 101])
def test_an_impossible_count_is_refused(tmp_path, count):
    with pytest.raises(IgnmError, match="at most 100"):
        load_or_compute_reference(faces(100, 1), "a", Means(), tmp_path, count=count)
    assert not list(tmp_path.iterdir())


def test_a_dataset_of_one_repeated_image_is_refused(tmp_path):
    with pytest.raises(IgnmError, match="images that differ"):
        load_or_compute_reference(faces(1, 1).repeat(10, 0), "a", Means(), tmp_path)


def test_many_processes_that_start_at_once_agree_on_one_reference(tmp_path):
    np.save(tmp_path / "images.npy", faces(100, 1))
    program = (
        "import sys, numpy as np, pathlib\n"
        "from ignm.metrics.extractors import build_extractor\n"
        "from ignm.metrics.reference import load_or_compute_reference\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "images = np.load(folder / 'images.npy', mmap_mode='r')\n"
        "r = load_or_compute_reference(images, 'a', build_extractor('scatter'), folder / 'cache')\n"
        "print(r.id, r.root.sum().item().hex())\n"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, env=environment)
        for _ in range(3)
    ]
    answers = {process.communicate(timeout=120)[0] for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(answers) == 1
    assert len(list((tmp_path / "cache").glob("*.safetensors"))) == 1


def check_it_is_computed_with_a_warning(cache, caplog):
    with caplog.at_level(logging.WARNING, "ignm.metrics.store"):
        found = load_or_compute_reference(faces(100, 1), "a", Means(), cache)
    assert any("cannot be kept" in message for message in caplog.messages)
    return found


def test_a_cache_that_cannot_be_made_costs_a_warning_only(tmp_path, caplog):
    expected = load_or_compute_reference(faces(100, 1), "a", Means(), tmp_path / "good")
    (tmp_path / "file").touch()
    calls = Means.calls
    found = check_it_is_computed_with_a_warning(tmp_path / "file" / "cache", caplog)
    assert Means.calls == calls + 1
    assert found.id == expected.id
    assert torch.equal(found.root, expected.root)


def test_a_full_cache_costs_a_warning_only(tmp_path, caplog):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        check_it_is_computed_with_a_warning(tmp_path, caplog)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.suffix for path in tmp_path.iterdir()] == [".lock"]


def test_a_cache_that_this_account_may_not_write_costs_a_warning_only(tmp_path, caplog, monkeypatch):
    def refusing(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refusing)
    check_it_is_computed_with_a_warning(tmp_path / "cache", caplog)
    assert not list(tmp_path.iterdir())
