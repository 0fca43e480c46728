"""Import from end to end: order, labels, split, bad images, refused requests, one result for any number of workers."""

import dataclasses
import json
import lzma
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pictures import encoded, flat, folder_of, noise, zip_of

from ignm.data import decoding, importing, workers
from ignm.data.decoding import decode
from ignm.data.importing import import_dataset
from ignm.data.quality import QualitySettings, quality_filters
from ignm.data.store import open_dataset
from ignm.errors import IgnmError


def nothing_is_left(root: Path) -> bool:
    return [path.name for path in root.iterdir() if path.name != ".locks"] == []


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
            zip_of(Path(folder, "z.zip"), files), "p", resolution, root=Path(folder), workers=threads
        )
        images = open_dataset("p", resolution, Path(folder)).images
        assert images.dtype == np.uint8
        assert images.shape == (len(pictures), resolution, resolution, 1)
        assert (report.count, report.skipped) == (len(pictures), ())
        for index, image in enumerate(images):
            assert (image == 255 * (index % 2)).all()


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


@pytest.mark.parametrize("processes", [False, True])
def test_the_number_of_workers_does_not_change_the_result(root, tmp_path, monkeypatch, processes):
    monkeypatch.setattr(workers, "_PROCESSES_FROM", 0 if processes else 10**9)
    monkeypatch.setattr(workers, "_BATCH", 8)
    monkeypatch.setattr(workers, "_PORTION_BYTES", 8000)  # some lists go in several parts
    files = {f"{index}.png": encoded(noise(20 + index % 50, 30, seed=index)) for index in range(150)}
    files |= {f"{index}.png": b"" for index in range(0, 150, 7)}
    files |= {f"{index}.png": encoded(noise(seed=index).convert("L"), "JPEG") for index in range(3, 150, 7)}
    source = zip_of(tmp_path / "z.zip", files)
    expected = [decode(files[f"{index}.png"], 16, 3).pixels for index in range(150) if index % 7]
    one = import_dataset(source, "one", 16, root=root, workers=1)
    three = import_dataset(source, "three", 16, root=root, workers=3)
    assert one.fingerprint == three.fingerprint
    assert one.skipped == three.skipped
    for name in ("one", "three"):
        np.testing.assert_array_equal(open_dataset(name, 16, root).images, np.stack(expected))


def test_few_images_are_in_memory_at_a_time(root, good, monkeypatch):
    monkeypatch.setattr(workers, "_BATCH", 2)
    written, ahead = [0], []
    plain = workers._decode_batch
    monkeypatch.setattr(
        workers, "_decode_batch", lambda *args: (ahead.append(args[1][-1] - written[0]), plain(*args))[1]
    )
    import_dataset(good, "a", 16, root=root, workers=2, progress=lambda done, _: written.__setitem__(0, done))
    assert max(ahead) <= 2 * (2 * 2 + 2)


def test_a_process_that_is_killed_is_one_message_and_what_was_done_is_kept(root, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_PROCESSES_FROM", 0)
    monkeypatch.setattr(workers, "_BATCH", 8)
    source = zip_of(tmp_path / "z.zip", {f"{index}.png": flat(index, "L") for index in range(200)})
    begun = []
    start = workers._Process.__init__
    monkeypatch.setattr(workers._Process, "__init__", lambda self, *args: (start(self, *args), begun.append(self))[0])

    def kill(done, total):
        if done >= 40:
            for process in begun:
                process._process.kill()

    assert "has ended by itself (status -9)" in refusal(source, "a", 16, root=root, workers=2, progress=kill)
    monkeypatch.undo()
    report = import_dataset(source, "a", 16, root=root)
    assert (report.count, report.resumed >= 40) == (200, True)


HELD_OUT = frozenset({0, 3, 4, 11})


def test_images_that_the_source_holds_out_come_last_and_are_apart(root, good, monkeypatch):
    (good / "labels.csv").write_text(
        "file,kind,yaw\n"
        + "".join(f"{index}.png,{'odd' if index == 11 else 'even'},{index / 7}\n" for index in range(40))
    )
    whole = import_dataset(good, "whole", 16, root=root)
    plain = importing.open_source

    @contextmanager
    def partitioned(path):
        with plain(path) as source:
            yield dataclasses.replace(source, test=HELD_OUT)

    monkeypatch.setattr(importing, "open_source", partitioned)
    report = import_dataset(good, "a", 16, root=root)
    everything, dataset = open_dataset("whole", 16, root), open_dataset("a", 16, root)
    train = [index for index in range(40) if index not in HELD_OUT]
    assert (report.count, report.test, len(dataset), len(dataset.test_images)) == (40, 4, 36, 4)
    for part, indices in (("", train), ("test_", sorted(HELD_OUT))):
        for array in ("images", "classes", "continuous"):
            np.testing.assert_array_equal(getattr(dataset, part + array), getattr(everything, array)[indices])
    # Class names come from all images, also where only a held-out one is of a class.
    assert dataset.class_names == {"kind": ("even", "odd")}
    assert report.fingerprint != whole.fingerprint
    assert (len(everything), everything.test_images.shape) == (40, (0, 16, 16, 3))
    # A share of 0 holds nothing out, whatever the source says.
    assert import_dataset(good, "none", 16, root=root, test_share=0).fingerprint == whole.fingerprint


def test_a_share_is_held_out_by_name_so_that_other_images_change_nothing(root, tmp_path):
    files = {f"{index}.png": flat(index, "L") for index in range(200)}

    def held_out(name, files, share):
        report = import_dataset(zip_of(tmp_path / f"{name}.zip", files), name, 16, root=root, test_share=share)
        dataset = open_dataset(name, 16, root)
        assert (len(dataset) + len(dataset.test_images), report.test) == (len(files), len(dataset.test_images))
        return report.fingerprint, set(dataset.test_images[:, 0, 0, 0].tolist())

    fingerprint, tenth = held_out("tenth", files, 0.1)
    assert 8 <= len(tenth) <= 34  # 20 expected: +- 3.3 standard deviations
    fewer = {name: data for index, (name, data) in enumerate(files.items()) if index % 3}
    assert held_out("fewer", fewer, 0.1)[1] == {value for value in tenth if value % 3}
    assert tenth < held_out("half", files, 0.5)[1]
    assert held_out("again", files, 0.1) == (fingerprint, tenth)
    # The same pixels in the same order, split elsewhere, are another dataset.
    assert held_out("none", files, 0.0)[0] != fingerprint


@pytest.mark.parametrize("share", [-0.1, 0.51, float("nan")])
def test_a_share_that_cannot_be_held_out(root, good, share):
    assert "allowed is from 0 to 0.5" in refusal(good, "a", 16, root=root, test_share=share)


def test_a_dataset_without_images_to_train_on_is_refused(root, tmp_path, monkeypatch):
    source = folder_of(tmp_path / "s", {"a.png": b"", "b.png": flat(1, "L"), "c.png": flat(2, "L")})
    dark = lambda pixels: "too dark" if pixels.mean() < 9 else None  # noqa: E731
    message = refusal(source, "a", 16, root=root, filters=[dark], filter_settings={})
    assert "Of the 3 images in s none is left to train on: 1 could not be read, 2 were left out" in message
    assert nothing_is_left(root)


def test_filters_leave_images_out_and_their_reasons_are_counted(root, tmp_path):
    source = folder_of(tmp_path / "s", {f"{index}.png": flat(index, "L") for index in range(60)} | {"60.png": b""})
    shown = []

    def odd(pixels):
        assert pixels.shape == (16, 16, 1)
        return "odd" if pixels[0, 0, 0] % 2 else None

    def after(pixels):
        shown.append(int(pixels[0, 0, 0]))
        return "from 50" if shown[-1] >= 50 else None

    report = import_dataset(source, "a", 16, root=root, filters=[odd, after], filter_settings={"parity": "even"})
    dataset = open_dataset("a", 16, root)
    np.testing.assert_array_equal(dataset.images[:, 0, 0, 0], np.arange(0, 50, 2))
    assert report.left_out == dataset.left_out == {"odd": 30, "from 50": 5}
    assert shown == list(range(0, 60, 2))
    assert (report.count, len(report.skipped)) == (25, 1)
    assert json.loads((report.path / "dataset.json").read_text())["filters"] == {"parity": "even"}


def test_the_quality_filters_count_under_their_names(root, good):
    settings = QualitySettings(min_contrast=0.01, duplicate_distance=2)
    for number in range(3):
        (good / f"twin{number}.png").write_bytes((good / f"{number}.png").read_bytes())
        (good / f"empty{number}.png").write_bytes(flat(90, "L"))
    filters = quality_filters(settings)
    report = import_dataset(good, "a", 32, root=root, filters=filters, filter_settings=dataclasses.asdict(settings))
    assert report.left_out == {"contrast": 3, "duplicates": 3}
    assert report.count == 40


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


def test_one_damaged_member_of_an_lzma_zip_costs_one_image(root, tmp_path):
    packed = tmp_path / "z.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_LZMA) as archive:
        for index in range(3):
            archive.writestr(f"{index}.png", encoded(noise(seed=index)))
    data = bytearray(packed.read_bytes())
    data[30 + len("0.png") + 4] ^= 0xFF  # the filter's properties, before the stream
    packed.write_bytes(data)
    with zipfile.ZipFile(packed) as archive, pytest.raises(lzma.LZMAError):
        archive.read("0.png")
    report = import_dataset(packed, "a", 16, root=root)
    assert [(skip.name, skip.reason[:18]) for skip in report.skipped] == [("0.png", "damaged in the zip")]
    assert report.count == 2


def test_names_that_differ_only_in_bytes_that_are_not_utf8_are_two_images(root, tmp_path):
    source = folder_of(tmp_path / "s", {"labels.csv": b"file,kind\nRen\\xe9.png,acute\nRen\\xe8.png,grave\n"})
    for byte, value in ((b"\xe9", 10), (b"\xe8", 20)):
        Path(os.fsdecode(os.fsencode(source) + b"/Ren" + byte + b".png")).write_bytes(flat(value, "L"))
    report = import_dataset(source, "a", 16, root=root)
    assert (report.count, report.skipped, report.warnings) == (2, (), ())
    dataset = open_dataset("a", 16, root)
    shown = {
        dataset.class_names["kind"][code]: image[0, 0, 0]
        for code, image in zip(dataset.classes[:, 0], dataset.images, strict=True)
    }
    assert shown == {"acute": 10, "grave": 20}


def test_a_folder_whose_name_is_not_utf8_is_imported(root, tmp_path):
    source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    import_dataset(folder_of(source, {"a.png": flat(1, "L")}), "a", 16, root=root)
    assert open_dataset("a", 16, root).source == "caf\\xe9"


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


def test_a_lack_of_memory_ends_the_import_with_a_message(root, good, monkeypatch):
    def short(*_):
        raise MemoryError

    monkeypatch.setattr(decoding, "flatten", short)
    assert "not enough memory to decode 0.png" in refusal(good, "a", 16, root=root, workers=1)
    assert nothing_is_left(root)


def png_head(width: int, height: int) -> bytes:
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


BOMBS = {
    "a.png": png_head(60_000, 60_000) + png_chunk(b"IDAT", zlib.compress(bytes(100))) + png_chunk(b"IEND", b""),
    "b.ppm": b"P6 60000 60000 255\n" + bytes(100),
    "c.bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 154, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
}
IMPORT_AND_MEASURE = """
import resource, sys
from ignm.data.importing import import_dataset
from ignm.data.quality import QualitySettings, quality_filters
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
import_dataset(sys.argv[1], "small", 16, root=sys.argv[3])
before = peak()
report = import_dataset(sys.argv[2], "bombs", 16, root=sys.argv[3])
print(report.count, len(report.skipped), (peak() - before) // 1024, *{skip.reason for skip in report.skipped}, sep="|")
"""


def test_decompression_bombs_are_skipped_without_taking_memory(root, tmp_path):
    small = folder_of(tmp_path / "small", {"good.png": flat(1, "L")})
    bombs = folder_of(tmp_path / "bombs", BOMBS | {"good.png": flat(1, "L")})
    assert sum(map(len, BOMBS.values())) < 1000
    command = [sys.executable, "-c", IMPORT_AND_MEASURE, str(small), str(bombs), str(root)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)
    count, skipped, grown, *reasons = ended.stdout.strip().split("|")
    assert (int(count), int(skipped)) == (1, len(BOMBS))
    assert int(grown) < 50  # MiB; each would be 10 GB
    assert all("decompression bomb" in reason for reason in reasons)
