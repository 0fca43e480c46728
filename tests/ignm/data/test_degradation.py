"""Degradations: each grows with its level, depends on nothing but the image and its number, and is made once."""

import errno
import io
import itertools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from ignm.config.data import DegradeConfig
from ignm.data.degradation import degraded, store
from ignm.data.degradation.pixels import degrade_pixels, pixel_settings
from ignm.data.degradation.store import DERIVED
from ignm.data.faces import draw_faces
from ignm.data.pixels import PixelFile
from ignm.errors import IgnmError

LADDERS = {
    "downscale": (1.0, 1.5, 2.0, 4.0, 8.0, 64.0),
    "blur": (0.0, 0.5, 1.0, 2.0, 4.0, 64.0),
    "noise": (0.0, 0.01, 0.05, 0.2, 1.0),
    "jpeg": (None, 95, 75, 40, 10, 1),
}


@pytest.fixture(scope="module")
def colour():
    return draw_faces(60, 32, seed=11).images


@pytest.fixture(scope="module")
def grey(colour):
    return np.ascontiguousarray(colour[..., 1:2])


def apply(images, first=0, **changes):
    return degrade_pixels(images, pixel_settings(DegradeConfig(**changes), images.shape[1]), first)


def distance(images, others):
    return np.sqrt(np.square(images.astype(float) - others).mean())


@pytest.mark.parametrize("name", LADDERS)
def test_the_distance_from_the_originals_grows_with_the_level_and_begins_at_zero(colour, grey, name):
    for images in (colour, grey):
        distances = [distance(apply(images, **{name: level}), images) for level in LADDERS[name]]
        assert distances[0] == 0
        assert all(low < high for low, high in itertools.pairwise(distances)), distances


def test_blur_is_scipys_gaussian_with_mirrored_borders(colour):
    blurred = apply(colour, blur=1.3)
    expected = gaussian_filter(colour.astype(float), (0, 1.3, 1.3, 0), mode="reflect")
    assert np.abs(blurred - expected).max() <= 0.5 + 1e-6


def test_downscale_is_an_import_at_the_lower_resolution_enlarged_again(colour):
    small = Image.fromarray(colour[7]).resize((8, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(apply(colour, downscale=4)[7], small.resize((32, 32), Image.Resampling.BICUBIC))


def test_noise_has_the_standard_deviation_asked_for_and_no_mean():
    middle = np.full((200, 16, 16, 3), 128, np.uint8)
    change = apply(middle, noise=0.1).astype(float) - 128
    count = change.size
    assert abs(change.mean()) < 4 * 25.5 / count**0.5
    assert abs(change.std() - 25.5) < 4 * 25.5 / (2 * count) ** 0.5
    # No two images, channels or seeds share a pattern.
    rows = change[:20].transpose(0, 3, 1, 2).reshape(60, -1)
    assert np.abs(np.corrcoef(rows) - np.eye(60)).max() < 0.35
    assert distance(apply(middle, noise=0.1, seed=1), apply(middle, noise=0.1)) > 30


def test_jpeg_is_what_pil_writes_and_reads(grey):
    buffer = io.BytesIO()
    Image.fromarray(grey[3, :, :, 0]).save(buffer, "JPEG", quality=30)
    np.testing.assert_array_equal(apply(grey, jpeg=30)[3, :, :, 0], Image.open(buffer))


def test_the_order_is_a_cameras(colour):
    settings = {"downscale": 2.0, "blur": 0.8, "noise": 0.05, "jpeg": 50}
    step_by_step = colour
    for name in ("downscale", "blur", "noise", "jpeg"):
        step_by_step = apply(step_by_step, **{name: settings[name]})
    np.testing.assert_array_equal(apply(colour, **settings), step_by_step)


def test_an_image_depends_on_itself_and_its_number_alone(colour, tmp_path, monkeypatch):
    settings = {"downscale": 2.0, "blur": 0.8, "noise": 0.05, "jpeg": 50}
    together = apply(colour, **settings)
    for index in (0, 17, 59):
        np.testing.assert_array_equal(apply(colour[index : index + 1], first=index, **settings)[0], together[index])
    monkeypatch.setattr(store, "_CHUNK_BYTES", 7 * 32 * 32 * 3)
    kept = degraded(colour, "f", DegradeConfig(**settings), tmp_path)
    np.testing.assert_array_equal(kept.images, together)


def test_nothing_asked_is_the_very_array_and_writes_nothing(colour, tmp_path):
    for changes in ({}, {"downscale": 1.01}, {"seed": 5}, {"label_noise": 0.001}, {"keep": 0.999}):
        same = degraded(colour, "f", DegradeConfig(**changes), tmp_path)
        assert same.images is colour
        assert same.fingerprint == "f"
        np.testing.assert_array_equal(same.rows, np.arange(60))
        np.testing.assert_array_equal(same.labels, np.arange(60))
    assert list(tmp_path.iterdir()) == []


def test_choosing_images_and_labels_leaves_the_pixels_alone_and_changes_the_fingerprint(colour, tmp_path):
    levels = [{"keep": 0.5}, {"keep": 0.25}, {"label_noise": 0.5}, {"keep": 0.5, "label_noise": 0.5}]
    levels += [{**level, "seed": 1} for level in levels]
    found = [degraded(colour, "f", DegradeConfig(**level), tmp_path) for level in levels]
    assert all(one.images is colour for one in found)
    assert len({one.fingerprint for one in found} | {"f"}) == 9
    assert list(tmp_path.iterdir()) == []


def test_all_that_differ_only_in_images_and_labels_share_one_file(colour, tmp_path):
    levels = [{}, {"keep": 0.5}, {"label_noise": 0.5}, {"seed": 3}]
    found = [degraded(colour, "f", DegradeConfig(blur=1.0, **level), tmp_path) for level in levels]
    assert len(list((tmp_path / DERIVED).iterdir())) == 1
    assert len({one.fingerprint for one in found}) == 3  # a blur draws no numbers: its seed does not matter
    assert all(isinstance(one.images, np.memmap) and not one.images.flags.writeable for one in found)
    degraded(colour, "f", DegradeConfig(noise=0.1), tmp_path)
    degraded(colour, "f", DegradeConfig(noise=0.1, seed=3), tmp_path)
    degraded(colour, "another", DegradeConfig(blur=1.0), tmp_path)
    degraded(colour[:50], "f", DegradeConfig(blur=1.0), tmp_path)
    assert len(list((tmp_path / DERIVED).iterdir())) == 5


@pytest.mark.parametrize("seed", range(3))
def test_kept_images_are_nested(colour, tmp_path, seed):
    many = np.broadcast_to(colour[:1], (1000, *colour.shape[1:]))
    rows = [degraded(many, "f", DegradeConfig(keep=keep, seed=seed), tmp_path).rows for keep in (0.1, 0.25, 0.5, 1.0)]
    assert [len(kept) for kept in rows] == [100, 250, 500, 1000]
    assert all(set(low) < set(high) for low, high in itertools.pairwise(rows))
    assert all((np.diff(kept) > 0).all() and kept.dtype == np.int64 for kept in rows)


@pytest.mark.parametrize("keep", [1.0, 0.3])
def test_wrong_labels_are_other_kept_images_and_nested(colour, tmp_path, keep):
    many = np.broadcast_to(colour[:1], (1000, *colour.shape[1:]))
    shares = (0.0, 0.1, 0.4, 1.0)
    found = [degraded(many, "f", DegradeConfig(keep=keep, label_noise=share), tmp_path) for share in shares]
    count = round(1000 * keep)
    wrong = [set(one.rows[one.labels != one.rows].tolist()) for one in found]
    assert [len(numbers) for numbers in wrong] == [round(share * count) for share in shares]
    assert all(low < high for low, high in itertools.pairwise(wrong))
    for one in found:
        np.testing.assert_array_equal(np.sort(one.labels), one.rows)  # each label is still seen once


def test_damaged_and_foreign_files_are_made_again(colour, tmp_path):
    config = DegradeConfig(blur=1.0)
    expected = np.array(degraded(colour, "f", config, tmp_path).images)
    (folder,) = (tmp_path / DERIVED).iterdir()
    whole = (folder / "images.npy").read_bytes()
    description = json.loads((folder / "derived.json").read_text())
    for name, content in (
        ("images.npy", whole[:-1]),
        ("images.npy", b""),
        ("images.npy", whole.replace(b"32", b"16", 1)),
        ("images.npy", b"\x00" * len(whole)),
        ("derived.json", b"{"),
        ("derived.json", b"[]"),
        ("derived.json", json.dumps({**description, "dataset": "g"}).encode()),
        ("derived.json", json.dumps({**description, "version": 0}).encode()),
    ):
        (folder / name).write_bytes(content)
        np.testing.assert_array_equal(degraded(colour, "f", config, tmp_path).images, expected)
    (folder / "derived.json").unlink()
    np.testing.assert_array_equal(degraded(colour, "f", config, tmp_path).images, expected)
    assert [path.name for path in (tmp_path / DERIVED).iterdir()] == [folder.name]


def test_what_is_there_is_opened_without_a_lock_or_a_write(colour, tmp_path):
    config = DegradeConfig(noise=0.1)
    degraded(colour, "f", config, tmp_path)
    (lock,) = (tmp_path / ".locks").iterdir()
    with FileLock(lock):
        told = []
        degraded(colour, "f", config, tmp_path, lambda *done: told.append(done))
    assert told == []


def test_progress_ends_at_the_total(colour, tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_CHUNK_BYTES", 25 * 32 * 32 * 3)
    told = []
    degraded(colour, "f", DegradeConfig(noise=0.1), tmp_path, lambda *done: told.append(done))
    assert told == [(25, 60), (50, 60), (60, 60)]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES])
def test_a_failing_disk_is_one_message_and_nothing_is_left(colour, tmp_path, monkeypatch, code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    for place, name in ((PixelFile, "append"), (PixelFile, "close"), (store, "write_json")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, fail)
            with pytest.raises(IgnmError, match=r"Cannot write under .* Nothing of the degraded images was kept\."):
                degraded(colour, "f", DegradeConfig(noise=0.1), tmp_path)
        assert list((tmp_path / DERIVED).iterdir()) == []


PROGRAM = """
import os, signal, sys
from pathlib import Path
import numpy as np
from ignm.config.data import DegradeConfig
from ignm.data.degradation import degraded, store

store._CHUNK_BYTES = 1
images, root, killed = np.load(sys.argv[1], mmap_mode="r"), Path(sys.argv[2]), int(sys.argv[3])

def progress(done, total):
    if done == 1:
        print("computing", flush=True)
        sys.stdin.readline()
    if done == killed:
        os.kill(os.getpid(), signal.SIGKILL)

print("asking", flush=True)
found = degraded(images, "f", DegradeConfig(noise=0.1), root, progress)
print("done", int(found.images.astype(int).sum()), flush=True)
"""


def start(colour, tmp_path, killed=-1):
    file = tmp_path / "images.npy"
    np.save(file, colour)
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(file), str(tmp_path / "data"), str(killed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_of_two_processes_one_computes_and_the_other_waits(colour, tmp_path):
    first = start(colour, tmp_path)
    assert [first.stdout.readline() for _ in range(2)] == ["asking\n", "computing\n"]
    second = start(colour, tmp_path)
    assert second.stdout.readline() == "asking\n"
    out_first = first.communicate("\n", timeout=60)[0]
    out_second = second.communicate("\n", timeout=60)[0]
    expected = f"done {int(apply(colour, noise=0.1).astype(int).sum())}\n"
    assert (out_first, out_second) == (expected, expected)
    assert first.returncode == second.returncode == 0


def test_a_kill_leaves_nothing_half_made_and_the_next_one_makes_it(colour, tmp_path):
    process = start(colour, tmp_path, killed=30)
    process.communicate("\n", timeout=60)
    assert process.returncode == -signal.SIGKILL
    derived = tmp_path / "data" / DERIVED
    assert all(path.name.startswith(".") for path in derived.iterdir())
    found = degraded(colour, "f", DegradeConfig(noise=0.1), tmp_path / "data")
    np.testing.assert_array_equal(found.images, apply(colour, noise=0.1))
    assert [path.name.startswith(".") for path in derived.iterdir()] == [False]


def test_a_sharper_filter_of_another_package_tells_degraded_from_original(colour):
    """Pillow's own edge filter, which knows nothing of ours, finds less where we blur or shrink."""

    def edges(images):
        found = [Image.fromarray(image).convert("L").filter(ImageFilter.FIND_EDGES) for image in images]
        return np.stack([np.asarray(image) for image in found]).mean()

    assert edges(apply(colour, blur=1.0)) < 0.8 * edges(colour)
    assert edges(apply(colour, downscale=3.0)) < 0.8 * edges(colour)
    assert edges(apply(colour, noise=0.05)) > 1.2 * edges(colour)
