"""CelebA in the forms it is published in, and every way in which its tables can be wrong."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ignm.data.decoding import decode
from ignm.data.labels import Labels
from ignm.data.sources import open_source
from ignm.errors import IgnmError

COUNT = 6
ATTRIBUTES = ["5_o_Clock_Shadow", "Bald", "Smiling"]
POINTS = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
YES = np.random.default_rng(0).random((COUNT, 3)) < 0.5
MARKS = np.random.default_rng(1).integers(30, 150, (COUNT, 10))
PEOPLE = [2880, 2937, 8692, 2880, 9295, 8692]
PARTITION = [0, 0, 1, 0, 2, 2]
FILES = [f"{index:06}.jpg" for index in range(1, COUNT + 1)]

PICTURE = io.BytesIO()
Image.new("RGB", (178, 218), "grey").save(PICTURE, "JPEG")


def lines(rows) -> str:
    return "".join(f"{file} {' '.join(map(str, row))}\n" for file, row in zip(FILES, rows, strict=True))


TXT = {
    "list_attr_celeba.txt": f"{COUNT}\n{' '.join(ATTRIBUTES)} \n"
    + lines([["1" if yes else "-1" for yes in row] for row in YES]).replace(" 1", "  1"),
    "list_landmarks_align_celeba.txt": f"{COUNT}\n{POINTS}\n{lines(MARKS)}",
    "identity_CelebA.txt": lines([[person] for person in PEOPLE]),
    "list_eval_partition.txt": lines([[part] for part in PARTITION]),
}
CSV = {
    "list_attr_celeba.csv": f"image_id,{','.join(ATTRIBUTES)}\n"
    + lines([["1" if yes else "-1" for yes in row] for row in YES]).replace(" ", ","),
    "list_landmarks_align_celeba.csv": f"image_id,{POINTS.replace(' ', ',')}\n{lines(MARKS).replace(' ', ',')}",
    "list_eval_partition.csv": "image_id,partition\n"
    + lines([[part] for part in PARTITION]).replace(" ", ",").replace("\n", "\r\n"),
}


def put(root: Path, files: dict[str, str | bytes]) -> None:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())


def pictures(folder: str) -> dict[str, str | bytes]:
    return {f"{folder}{file}": PICTURE.getvalue() for file in FILES}


def packed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in pictures("img_align_celeba/").items():
            archive.writestr(name, data)
    return buffer.getvalue()


LAYOUTS = {
    "unpacked": pictures("img_align_celeba/") | TXT,
    "zip beside tables": {"img_align_celeba.zip": packed(), **TXT},
    "drive": {
        "Img/img_align_celeba.zip": packed(),
        "Eval/list_eval_partition.txt": TXT["list_eval_partition.txt"],
        **{f"Anno/{name}": text for name, text in TXT.items() if name != "list_eval_partition.txt"},
        "README.txt": "CelebA",
    },
    "in the wild too": {"Img/img_celeba/000001.jpg": b"another", **pictures("Img/img_align_celeba/"), **TXT},
    "flat": pictures("") | TXT,
    "kaggle": pictures("img_align_celeba/img_align_celeba/") | CSV,
}


def read(spec: str | Path) -> tuple[list[str], frozenset[int], Labels]:
    with open_source(f"celeba:{spec}") as source:
        for index in range(len(source.names)):
            assert source.read(index) == PICTURE.getvalue()
        table = source.labels()
        assert table is not None
        return list(source.names), source.test, table.encode(range(len(source.names)))


def refusal(root: Path) -> str:
    with pytest.raises(IgnmError) as caught, open_source(f"celeba:{root}") as source:
        source.labels()
    return str(caught.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_published_form_gives_the_same_images_labels_and_partition(tmp_path, layout):
    put(tmp_path, LAYOUTS[layout])
    names, held_out, labels = read(tmp_path)
    assert [name.rpartition("/")[2] for name in names] == FILES
    assert held_out == {2, 4, 5}
    for place, name in enumerate(ATTRIBUTES):
        said = [labels.class_names[name][code] for code in labels.classes[:, place]]
        assert said == ["yes" if yes else "no" for yes in YES[:, place]]
    if layout != "kaggle":
        said = [int(labels.class_names["identity"][code]) for code in labels.classes[:, 3]]
        assert said == PEOPLE
    assert labels.continuous_names == tuple(POINTS.split())
    expected = [[(mark - (20 if place % 2 else 0)) / 178 for place, mark in enumerate(row)] for row in MARKS]
    np.testing.assert_allclose(labels.continuous, expected, rtol=1e-6)


def test_tables_are_found_beside_the_zip_or_folder_of_images_itself(tmp_path):
    put(tmp_path, {"img_align_celeba.zip": packed(), **pictures("img_align_celeba/"), **TXT})
    for name in ("img_align_celeba.zip", "img_align_celeba"):
        assert read(tmp_path / name)[1:2] == (frozenset({2, 4, 5}),)


def test_landmarks_lie_where_they_do_in_the_decoded_square(tmp_path):
    names = ["a.png", "b.png"]
    places = [(40, 60), (120, 170)]
    for name, (x, y) in zip(names, places, strict=True):
        image = Image.new("L", (178, 218))
        image.paste(255, (x - 2, y - 2, x + 2, y + 2))
        image.save(tmp_path / name)
    rows = "".join(f"{name} {x} {y}{' 9 9' * 4}\n" for name, (x, y) in zip(names, places, strict=True))
    put(tmp_path, {"list_landmarks_align_celeba.txt": f"2\n{POINTS}\n{rows}"})
    with open_source(f"celeba:{tmp_path}") as source:
        table = source.labels()
        assert table is not None
        for index in range(2):
            pixels = decode(source.read(index), 89).pixels[:, :, 0].astype(float)
            centre = [(pixels.sum(axis).ravel() @ (np.arange(89) + 0.5)) / pixels.sum() / 89 for axis in (0, 1)]
            np.testing.assert_allclose(table.encode(range(2)).continuous[index, :2], centre, atol=0.005)


def test_each_table_may_be_missing(tmp_path):
    put(tmp_path, pictures("img_align_celeba/"))
    with open_source(f"celeba:{tmp_path}") as source:
        assert source.labels() is None
        assert source.test == frozenset()
    put(tmp_path, {"identity_CelebA.txt": TXT["identity_CelebA.txt"]})
    assert list(read(tmp_path)[2].class_names) == ["identity"]


def test_rows_of_images_that_are_not_there_are_reported_not_refused(tmp_path):
    put(tmp_path, pictures("img_align_celeba/") | TXT)
    (tmp_path / "img_align_celeba" / FILES[1]).unlink()
    with open_source(f"celeba:{tmp_path}") as source:
        table = source.labels()
        assert table is not None
        assert table.unknown == ("000002",)
        assert source.test == {1, 3, 4}


WRONG = {
    "count": ("list_attr_celeba.txt", lambda text: text.replace("6\n", "7\n", 1), "line 1 says '7', but 6 rows"),
    "cut short": ("list_attr_celeba.txt", lambda text: text[: text.index("000006")], "line 1 says '6', but 5 rows"),
    "no names": ("list_attr_celeba.txt", lambda _: "0\n", "line 2 should name the columns"),
    "a name twice": ("list_attr_celeba.txt", lambda text: text.replace("Bald", "Smiling"), "line 2 should name"),
    "empty": ("list_landmarks_align_celeba.txt", lambda _: "", "line 2 should name the columns"),
    "a value cut off": ("list_attr_celeba.txt", lambda text: text[:-4], "line 8 has 2 values, not 3"),
    "zero": ("list_attr_celeba.txt", lambda text: text[:-2] + "0\n", "line 8 says '0' where -1 (no) or 1 (yes)"),
    "words": ("list_attr_celeba.txt", lambda text: text[:-2] + "yes\n", "line 8 says '-yes'"),
    "huge": ("identity_CelebA.txt", lambda text: text.replace("2937", "9" * 30), "line 2 says '99999999999999999999'"),
    "negative": ("identity_CelebA.txt", lambda text: text.replace("2937", "-1"), "line 2 says '-1' where the number"),
    "partition 3": ("list_eval_partition.txt", lambda text: text[:-2] + "3\n", "line 6 says '3' where 0 (train)"),
    "image twice": ("identity_CelebA.txt", lambda text: text + "000002.jpg 7\n", "line 7 repeats 000002.jpg of line 2"),
    "no image": ("identity_CelebA.txt", lambda text: "2880 000001.jpg\n" + text, "line 1 names no image"),
    "a gap": ("identity_CelebA.txt", lambda text: text.replace("\n", "\n\n", 1), "line 2 names no image"),
    "image left out": (
        "list_eval_partition.txt",
        lambda text: text[:-13],
        "no line for 1 images, the first of them 000006",
    ),
    "not text": ("identity_CelebA.txt", lambda _: b"000001.jpg 1\n\xff\xfe\x00", "line 2 is not text"),
    "other points": ("list_landmarks_align_celeba.txt", lambda text: text.replace("nose_x", "chin_x"), "chin_x"),
    "csv": ("list_eval_partition.csv", lambda text: text.replace("4.jpg,0", "4.jpg,5"), "line 5 says '5'"),
    "csv header": ("list_eval_partition.csv", lambda _: "image_id,partition,more\n", "line 1 names 2 columns, not 1"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_table_that_is_not_whole_is_refused_with_file_and_line(tmp_path, case):
    file, change, expected = WRONG[case]
    text = (TXT | CSV)[file]
    put(tmp_path, pictures("img_align_celeba/") | {file: change(text)})
    message = refusal(tmp_path)
    assert message.startswith(f"{file}: ")
    assert expected in message


def test_landmarks_of_images_of_another_size_are_refused(tmp_path):
    put(tmp_path, TXT)
    for file in FILES:
        Image.new("L", (64, 64)).save(tmp_path / file)
    assert "178x218, but 000001.jpg has 64x64" in refusal(tmp_path)


def test_two_images_of_one_number_are_refused(tmp_path):
    put(tmp_path, pictures("img_align_celeba/") | pictures("img_align_celeba/img_align_celeba/"))
    assert "two images of the number 000001" in refusal(tmp_path)


def test_no_image_is_refused(tmp_path):
    put(tmp_path, TXT)
    assert "holds no image: 4 files" in refusal(tmp_path)


def test_identity_changes_with_a_table_beside_the_zip(tmp_path):
    put(tmp_path, {"img_align_celeba.zip": packed(), **TXT})
    seen = set()
    for text in (TXT["identity_CelebA.txt"], "", TXT["identity_CelebA.txt"] * 2):
        put(tmp_path, {"identity_CelebA.txt": text})
        with open_source(f"celeba:{tmp_path / 'img_align_celeba.zip'}") as source:
            seen.add(source.identity)
    assert len(seen) == 3
