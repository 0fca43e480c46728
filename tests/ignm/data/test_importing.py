"""Import from end to end: order, labels, bad images, refused requests, one result for any number of threads."""

import lzma
import os
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.pictures import encoded, flat, folder_of, noise, zip_of

from ignm.data import decoding, importing
from ignm.data.decoding import decode
from ignm.data.importing import import_dataset
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
            zip_of(Path(folder, "z.zip"), files), "p", resolution, root=Path(folder), threads=threads
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
    assert "not enough memory to decode 0.png" in refusal(good, "a", 16, root=root, threads=1)
    assert nothing_is_left(root)
