"""Import from end to end: every image mode, every fault, nothing left behind, one result for any number of threads."""

import errno
import io
import os
import resource
import signal
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ignm.data import importing, writing
from ignm.data.decoding import decode, flatten
from ignm.data.importing import import_dataset
from ignm.data.sources import UnreadableImageError
from ignm.data.store import list_datasets, open_dataset
from ignm.errors import IgnmError


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(width: int = 40, height: int = 40, seed: int = 0) -> Image.Image:
    """Smooth colour noise, so that resizing and JPEG change it little."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def flat(value: int | tuple[int, ...], mode: str = "RGB", size: int = 20) -> bytes:
    return encoded(Image.new(mode, (size, size), value))


def folder_of(path: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def zip_of(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def nothing_is_left(root: Path) -> bool:
    return [path.name for path in root.iterdir() if path.name != ".locks"] == []


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def good(tmp_path):
    return folder_of(tmp_path / "good", {f"{index}.png": encoded(noise(seed=index)) for index in range(40)})


# --- decoding: the closed form of a constant image is the constant


FLAT_MODES = {
    "1": (1, [255] * 3),
    "L": (77, [77] * 3),
    "LA": ((100, 255), [100] * 3),
    "La": ((100, 255), [100] * 3),
    "RGB": ((10, 20, 30), [10, 20, 30]),
    "RGBA": ((10, 20, 30, 255), [10, 20, 30]),
    "RGBa": ((10, 20, 30, 255), [10, 20, 30]),
    "RGBX": ((10, 20, 30, 0), [10, 20, 30]),
    "CMYK": ((0, 255, 255, 0), [255, 0, 0]),
    "YCbCr": ((120, 128, 128), [120] * 3),
    "HSV": ((0, 255, 255), [255, 0, 0]),
    "LAB": ((255, 128, 128), [255] * 3),
    "I": (0x8080, [128] * 3),
    "I;16": (0x8080, [128] * 3),
    "I;16L": (0x8080, [128] * 3),
    "I;16B": (0x8080, [128] * 3),
    "I;16N": (0x8080, [128] * 3),
    "F": (0.2, [51] * 3),
    "P": (1, [10, 20, 30]),
    "PA": ((1, 255), [10, 20, 30]),
}


@pytest.mark.parametrize("mode", FLAT_MODES)
def test_every_mode_becomes_eight_bits(mode):
    value, expected = FLAT_MODES[mode]
    image = Image.new(mode, (6, 6), value)
    if mode in ("P", "PA"):
        image.putpalette([0, 0, 0, 10, 20, 30])
    result = flatten(image)
    assert result.mode in ("L", "RGB", "F")
    pixels = np.broadcast_to(np.asarray(result).reshape(6, 6, -1), (6, 6, 3))
    assert np.abs(pixels.astype(float) - expected).max() <= 1


def test_every_mode_of_pil_is_covered():
    assert set(Image.MODES) == set(FLAT_MODES)


@pytest.mark.parametrize(
    ("mode", "value"), [("RGBA", (0, 0, 0, 0)), ("LA", (0, 0)), ("RGBa", (0, 0, 0, 0)), ("La", (0, 0))]
)
def test_transparency_is_white(mode, value):
    assert (np.asarray(flatten(Image.new(mode, (4, 4), value))) == 255).all()


def test_half_transparent_black_over_white_is_mid_grey_also_from_a_palette():
    assert abs(int(np.asarray(flatten(Image.new("RGBA", (1, 1), (0, 0, 0, 128))))[0, 0, 0]) - 127) <= 1
    image = Image.new("P", (20, 20), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    assert (decode(encoded(image, transparency=1), 16).pixels == 255).all()


@pytest.mark.parametrize(
    ("kind", "options", "tolerance"),
    [
        *((kind, {}, 0) for kind in ("PNG", "BMP", "TIFF", "PPM")),
        ("WEBP", {"lossless": True}, 0),
        ("JPEG", {"quality": 100, "subsampling": 0}, 3),
    ],
)
def test_every_format_gives_the_picture(kind, options, tolerance):
    image = noise(16, 16)
    difference = decode(encoded(image, kind, **options), 16).pixels.astype(int) - np.asarray(image)
    assert np.abs(difference).max() <= tolerance


def test_files_of_16_bits_keep_their_range(tmp_path):
    ramp = np.linspace(0, 65535, 16).astype(np.uint16)
    image = Image.fromarray(np.tile(ramp, (16, 1)))
    expected = np.rint(ramp / 257.0)
    for data in (
        encoded(image, "PNG"),
        encoded(image, "TIFF"),
        b"P5 16 16 65535\n" + np.asarray(image).astype(">u2").tobytes(),
    ):
        pixels = decode(data, 16).pixels
        assert pixels.shape == (16, 16, 1)
        np.testing.assert_array_equal(pixels[3, :, 0], expected)


def test_32_bit_files_without_a_known_range_are_unreadable():
    for image in (Image.new("I", (4, 4), 70000), Image.new("I", (4, 4), -1), Image.new("F", (4, 4), 200.0)):
        with pytest.raises(UnreadableImageError, match=r"values outside 0\.\."):
            decode(encoded(image, "TIFF"), 16)
    with pytest.raises(UnreadableImageError, match=r"values outside 0\.\."):
        decode(encoded(Image.new("F", (4, 4), float("nan")), "TIFF"), 16)


def test_cmyk_jpeg_is_not_inverted():
    assert (
        np.abs(decode(encoded(Image.new("CMYK", (20, 20), (0, 255, 255, 0)), "JPEG"), 16).pixels - [255, 0, 0]).max()
        <= 3
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation):
    upright = noise(32, 32)
    # How a camera that is held so stores the picture: the inverse of what a viewer must do.
    stored = {
        1: lambda im: im,
        2: lambda im: im.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda im: im.transpose(Image.Transpose.ROTATE_180),
        4: lambda im: im.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda im: im.transpose(Image.Transpose.TRANSPOSE),
        6: lambda im: im.transpose(Image.Transpose.ROTATE_90),
        7: lambda im: im.transpose(Image.Transpose.TRANSVERSE),
        8: lambda im: im.transpose(Image.Transpose.ROTATE_270),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    np.testing.assert_array_equal(decode(encoded(stored, "PNG", exif=exif), 32).pixels, np.asarray(upright))


def test_a_damaged_exif_does_not_cost_the_picture():
    image = noise(16, 16)
    data = encoded(image, "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff broken")
    np.testing.assert_array_equal(decode(data, 16).pixels, np.asarray(image))


@pytest.mark.parametrize("size", [(64, 32), (32, 64)])
def test_the_crop_is_the_centre(size):
    pixels = np.zeros((size[1], size[0], 3), np.uint8)
    top, left = (size[1] - 32) // 2, (size[0] - 32) // 2
    centre = np.asarray(noise(32, 32))
    pixels[top : top + 32, left : left + 32] = centre
    np.testing.assert_array_equal(decode(encoded(Image.fromarray(pixels)), 32).pixels, centre)


def test_the_crop_does_not_bleed_and_shrinking_does_not_alias():
    pixels = np.zeros((64, 192, 3), np.uint8)
    pixels[:, ::2] = 255  # stripes of one pixel: their only honest small picture is grey
    pixels[:, :64] = pixels[:, 128:] = 0, 255, 0
    small = decode(encoded(Image.fromarray(pixels)), 16).pixels
    assert small.shape == (16, 16, 1)
    assert np.abs(small[:, 2:-2].astype(int) - 127).max() <= 3


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "PNG", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        np.testing.assert_array_equal(decode(data, 16).pixels[5, 5], [255, 0, 0])


@pytest.mark.parametrize(("channels", "shape"), [(None, 3), (1, 1), (3, 3)])
def test_channels_may_be_forced(channels, shape):
    pixels = decode(flat((255, 0, 0)), 16, channels).pixels
    assert pixels.shape == (16, 16, shape)
    assert pixels[0, 0, 0] == (76 if channels == 1 else 255)  # ITU-R 601: 0.299 * 255
    assert decode(flat(9, "L"), 16, channels).pixels.shape == (16, 16, 3 if channels == 3 else 1)


def test_a_program_in_the_clothes_of_a_picture_is_not_run():
    data = encoded(noise(), "EPS")
    with pytest.raises(UnreadableImageError, match="not an image of a known format"):
        decode(data, 16)


MODES_OF_PNG = ("1", "L", "LA", "RGB", "RGBA", "P", "I;16")


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.sampled_from(MODES_OF_PNG), st.integers(1, 70), st.integers(1, 70)), min_size=1, max_size=8),
    st.sampled_from([16, 32]),
    st.integers(1, 3),
)
def test_any_sizes_and_modes_come_out_square_and_in_order(pictures, resolution, threads):
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for index, (mode, width, height) in enumerate(pictures):
            bright = index % 2  # black and white images alternate, so that a swap would show
            value = {"LA": (255 * bright, 255), "RGB": (255 * bright,) * 3, "RGBA": (255 * bright,) * 3 + (255,)}
            white = {"1": bright, "I;16": 65535 * bright, "P": bright}.get(mode, 255 * bright)
            image = Image.new(mode, (width, height), value.get(mode, white))
            if mode == "P":
                image.putpalette([0, 0, 0, 255, 255, 255])
            files[f"{index}.png"] = encoded(image)
        report = import_dataset(
            zip_of(Path(folder, "z.zip"), files), "p", resolution, root=Path(folder), threads=threads
        )
        images = open_dataset("p", resolution, Path(folder)).images
        assert images.dtype == np.uint8
        assert images.shape == (len(pictures), resolution, resolution, 1)
        assert (report.count, report.skipped) == (len(pictures), ())
        for index, image in enumerate(images):
            assert (image == 255 * (index % 2)).all()


# --- importing


def test_a_folder_and_a_zip_of_it_are_the_same_dataset(root, good, tmp_path):
    packed = zip_of(tmp_path / "good.zip", {file.name: file.read_bytes() for file in good.iterdir()})
    seen = []
    first = import_dataset(good, "a", 32, root=root, progress=lambda *counts: seen.append(counts))
    second = import_dataset(str(packed), "b", 32, root=root)
    assert first.fingerprint == second.fingerprint
    assert (first.count, first.channels, first.skipped, first.warnings) == (40, 3, (), ())
    assert first.path == root / "a" / "32"
    assert first.images_per_second == first.count / first.seconds
    assert seen[-1] == (40, 40)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    dataset = open_dataset("a", 32, root)
    assert dataset.source == "good"
    for index in (0, 2, 10, 39):
        np.testing.assert_array_equal(dataset.images[index], decode(encoded(noise(seed=index)), 32).pixels)


def test_the_number_of_threads_does_not_change_the_result(root, tmp_path):
    files = {f"{index}.png": encoded(noise(20 + index % 50, 30, seed=index)) for index in range(150)}
    files |= {f"{index}.png": b"" for index in range(0, 150, 7)}
    source = zip_of(tmp_path / "z.zip", files)
    one = import_dataset(source, "one", 16, root=root, threads=1)
    four = import_dataset(source, "four", 16, root=root, threads=4)
    assert one.fingerprint == four.fingerprint
    assert one.skipped == four.skipped
    np.testing.assert_array_equal(open_dataset("one", 16, root).images, open_dataset("four", 16, root).images)


def test_few_images_are_in_memory_at_a_time(root, good, monkeypatch):
    monkeypatch.setattr(importing, "_BATCH", 2)
    written, ahead = [0], []
    plain = importing._decode_one
    monkeypatch.setattr(importing, "_decode_one", lambda *args: (ahead.append(args[1] - written[0]), plain(*args))[1])
    import_dataset(good, "a", 16, root=root, threads=2, progress=lambda done, _: written.__setitem__(0, done))
    assert max(ahead) <= 2 * (2 * 2 + 2)


@pytest.mark.parametrize("grey", ["L", "RGB"])
def test_grey_if_all_are_grey(root, tmp_path, grey):
    files = {"a.png": flat(5, "L"), "b.png": flat((9, 9, 9)) if grey == "RGB" else flat(9, "L")}
    assert import_dataset(folder_of(tmp_path / "s", files), "a", 16, root=root).channels == 1
    assert import_dataset(tmp_path / "s", "forced", 16, root=root, channels=3).channels == 3
    folder_of(tmp_path / "s", {"z.png": flat((1, 2, 3))})
    assert import_dataset(tmp_path / "s", "a", 16, root=root, overwrite=True).channels == 3
    np.testing.assert_array_equal(open_dataset("a", 16, root).images[:, 0, 0], [[5] * 3, [9] * 3, [1, 2, 3]])
    assert import_dataset(tmp_path / "s", "forced", 16, root=root, channels=1, overwrite=True).channels == 1


def test_bad_images_are_skipped_counted_and_named(root, tmp_path):
    jpeg = encoded(noise(), "JPEG")
    png = encoded(noise())
    bomb = b"P6 20000 20000 255\n" + bytes(100)
    files = {
        "00-good.jpg": jpeg,
        "01-empty.jpg": b"",
        "02-truncated.jpg": jpeg[: len(jpeg) // 2],
        "03-truncated.png": png[: len(png) // 2],
        "04-text.png": b"<html>404</html>",
        "05-bomb.ppm": bomb,
        "06-header.jpg": jpeg[:3],
        "07-good.png": png,
    }
    labels = "file,kind\n" + "".join(f"{name},{name[:2]}\n" for name in files)
    report = import_dataset(folder_of(tmp_path / "s", files | {"labels.csv": labels.encode()}), "a", 32, root=root)
    assert report.count == 2
    reasons = {skip.name[:2]: skip.reason for skip in report.skipped}
    assert list(reasons) == ["01", "02", "03", "04", "05", "06"]
    assert reasons["01"] == "empty file"
    assert "truncated" in reasons["02"].lower()
    assert "truncated" in reasons["03"].lower()
    assert "not an image of a known format" in reasons["04"] + reasons["06"]
    assert "decompression bomb" in reasons["05"]
    assert all("0x" not in reason for reason in reasons.values())
    assert report.warnings[0].startswith("6 of 8 images could not be read: 01-empty.jpg (empty file), ")
    dataset = open_dataset("a", 32, root)
    assert dataset.skipped == report.skipped
    # Labels stay with their images.
    assert [dataset.class_names["kind"][code] for code in dataset.classes[:, 0]] == ["00", "07"]
    np.testing.assert_array_equal(dataset.images[1], decode(png, 32).pixels)


def test_a_member_with_a_wrong_checksum_is_skipped(root, tmp_path):
    packed = zip_of(tmp_path / "z.zip", {f"{index}.png": encoded(noise(seed=index)) for index in range(3)})
    data = bytearray(packed.read_bytes())
    data[60] ^= 0xFF
    packed.write_bytes(data)
    report = import_dataset(packed, "a", 16, root=root)
    assert [(skip.name, skip.reason[:18]) for skip in report.skipped] == [("0.png", "damaged in the zip")]
    assert report.count == 2


def test_nothing_but_bad_images_is_one_error_and_nothing_is_left(root, tmp_path):
    source = folder_of(tmp_path / "s", {f"{index}.jpg": b"" for index in range(9)})
    with pytest.raises(IgnmError) as caught:
        import_dataset(source, "a", 16, root=root)
    assert "None of the 9 images in s can be read: 0.jpg (empty file), 1.jpg" in str(caught.value)
    assert "and 6 more" in str(caught.value)
    assert nothing_is_left(root)


def test_enlarged_images_are_reported(root, tmp_path):
    source = folder_of(tmp_path / "s", {"a.png": flat(1, "L", 8), "b.png": flat(1, "L", 16)})
    assert import_dataset(source, "a", 16, root=root).warnings == (
        "1 of 2 images were smaller than 16x16 and were enlarged.",
    )


def test_labels_are_imported_and_their_gaps_reported(root, good):
    (good / "labels.csv").write_text("file,kind\n0.png,x\n1.png,y\nother.png,z\n")
    report = import_dataset(good, "a", 16, root=root)
    assert report.class_names == {"kind": ("x", "y")}
    assert report.warnings == (
        "38 images have no row in labels.csv: 2.png, 3.png, 4.png, and 35 more.",
        "1 rows of labels.csv name no image of the source: other.png.",
    )
    np.testing.assert_array_equal(open_dataset("a", 16, root).classes[:, 0], [0, 1] + [-1] * 38)


# --- requests that are refused, and writers that die


def refusal(*args, **options) -> str:
    with pytest.raises(IgnmError) as caught:
        import_dataset(*args, **options)
    return str(caught.value)


@pytest.mark.parametrize("resolution", [0, 8, 63, 512])
def test_wrong_resolution(root, good, resolution):
    assert "not one of 16, 32, 64, 128, 256" in refusal(good, "a", resolution, root=root)


def test_wrong_names_channels_and_sources_leave_nothing(root, good, tmp_path):
    assert "cannot name a dataset" in refusal(good, "../a", 16, root=root)
    assert "'embedded' belongs to" in refusal(good, "embedded", 16, root=root)
    assert "allowed are 1 (grey) and 3 (colour)" in refusal(good, "a", 16, root=root, channels=4)
    assert "There is no" in refusal(tmp_path / "none", "a", 16, root=root)
    assert not root.exists()
    assert "points outside" in refusal(zip_of(tmp_path / "z.zip", {"../a.png": b"", "b.png": b""}), "a", 16, root=root)
    (good / "labels.csv").write_text("file,kind\n0.png\n")
    assert "line 2 has 1 columns" in refusal(good, "a", 16, root=root)
    assert not root.exists() or nothing_is_left(root)


def test_an_existing_dataset_is_kept_unless_overwritten(root, good, tmp_path):
    first = import_dataset(good, "a", 16, root=root)
    other = folder_of(tmp_path / "other", {"x.png": flat((1, 2, 3))})
    assert "replace it with --overwrite" in refusal(other, "a", 16, root=root)
    assert open_dataset("a", 16, root).fingerprint == first.fingerprint
    import_dataset(other, "a", 32, root=root)
    mapped = open_dataset("a", 16, root)
    assert import_dataset(other, "a", 16, root=root, overwrite=True).count == 1
    assert len(open_dataset("a", 16, root)) == 1
    assert mapped.images[39].any()  # who had it open keeps what they had


def test_a_failed_overwrite_keeps_the_old_dataset(root, good, tmp_path):
    first = import_dataset(good, "a", 16, root=root)
    bad = folder_of(tmp_path / "bad", {"x.png": b""})
    assert "None of the 1 images" in refusal(bad, "a", 16, root=root, overwrite=True)
    assert open_dataset("a", 16, root).fingerprint == first.fingerprint


def test_two_imports_of_one_dataset_do_not_mix(root, good):
    (root / ".locks").mkdir(parents=True)
    with FileLock(root / ".locks" / "a-16.lock"):
        assert "Another import of 'a' at 16 is running" in refusal(good, "a", 16, root=root)
        assert import_dataset(good, "a", 32, root=root).count == 40


@pytest.mark.parametrize("failing", ["append", "to_colour", "close", "_save", "write_json"])
def test_a_full_disk_is_one_message_and_nothing_is_left(root, tmp_path, monkeypatch, failing):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    source = folder_of(tmp_path / "s", {"a.png": flat(1, "L"), "b.png": flat((1, 2, 3))})
    monkeypatch.setattr(writing if hasattr(writing, failing) else writing._PixelFile, failing, full)
    message = refusal(source, "a", 16, root=root)
    assert "No space left on device. Free some space, or set IGNM_HOME" in message
    assert nothing_is_left(root)


def test_a_write_that_the_system_refuses_is_one_message_and_nothing_is_left(root, good):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        message = refusal(good, "a", 32, root=root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"Cannot write under {root}: File too large" in message
    assert nothing_is_left(root)


def test_an_interrupted_import_leaves_nothing(root, good):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(good, "a", 16, root=root, progress=interrupt)
    assert nothing_is_left(root)


KILLED = """
import os, signal, sys
from ignm.data.importing import import_dataset
import_dataset(sys.argv[1], "a", 16, root=sys.argv[2], overwrite=True,
               progress=lambda done, total: done >= 32 and os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.parametrize("before", ["absent", "present"])
def test_a_killed_import_leaves_nothing_that_looks_whole(root, good, before):
    old = import_dataset(good, "a", 16, root=root, channels=1) if before == "present" else None
    killed = subprocess.run([sys.executable, "-c", KILLED, str(good), str(root)], check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert list((root / "a").glob(".16.*.partial")) != []
    if old is None:
        assert list_datasets(root) == {}
        with pytest.raises(IgnmError, match="no dataset 'a'"):
            open_dataset("a", 16, root)
    else:
        assert open_dataset("a", 16, root).fingerprint == old.fingerprint
    # The same command again succeeds, and takes away what the killed one left.
    assert import_dataset(good, "a", 16, root=root, overwrite=True).count == 40
    assert [path.name for path in (root / "a").iterdir()] == ["16"]
