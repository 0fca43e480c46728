"""FFHQ in the forms it is published in, and every way in which its JSON can be wrong."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ignm.data.sources import open_source
from ignm.errors import IgnmError

COUNT = 5
LANDMARKS = np.random.default_rng(0).uniform(0, 1024, (COUNT, 68, 2)).round(2)


def described() -> dict[str, Any]:
    def part(folder: str, index: int, side: int) -> dict[str, Any]:
        return {
            "file_path": f"{folder}/00000/{index:05}.png",
            "file_size": 29050,
            "file_md5": "bd3e40b2ba20f76b55dc282907b89cd1",
            "pixel_size": [side, side],
        }

    return {
        str(index): {
            "category": "validation" if index >= 3 else "training",
            "metadata": {"photo_title": "DSCF0899.JPG", "author": "Somebody", "country": ""},
            "image": part("images1024x1024", index, 1024) | {"face_landmarks": LANDMARKS[index].tolist()},
            "thumbnail": part("thumbnails128x128", index, 128),
            "in_the_wild": part("in-the-wild-images", index, 2000)
            | {"face_rect": [667, 410, 1438, 1181], "face_landmarks": [[1.0, 2.0]] * 68, "face_quad": [[0.0, 0.0]] * 4},
        }
        for index in range(COUNT)
    }


def names(*patterns: str) -> list[str]:
    return [pattern.format(f"{index:05}") for pattern in patterns for index in range(COUNT)]


def fill(root: Path, files: list[str], description: Any = None) -> Path:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    if description is not None:
        text = description if isinstance(description, str) else json.dumps(description)
        (root / "ffhq-dataset-v2.json").write_text(text)
    return root


def refusal(path: Path) -> str:
    with pytest.raises(IgnmError) as caught, open_source(f"ffhq:{path}"):
        pass
    return str(caught.value)


def check(path: Path) -> None:
    with open_source(f"ffhq:{path}") as source:
        assert [name[-9:] for name in source.names] == names("{}.png")
        for index, name in enumerate(source.names):
            assert source.read(index).decode().endswith(name)
        assert source.test == {3, 4}
        table = source.labels()
        assert table is not None
        labels = table.encode(range(COUNT))
        assert labels.class_names == {}
        assert labels.continuous_names[:3] == ("landmark_00_x", "landmark_00_y", "landmark_01_x")
        np.testing.assert_allclose(labels.continuous, LANDMARKS.reshape(COUNT, 136) / 1024, rtol=1e-6)


@pytest.mark.parametrize(
    "pattern",
    [
        "thumbnails128x128/{}.png",
        "thumbnails128x128/00000/{}.png",
        "images1024x1024/00000/{}.png",
        "images1024x1024/{}.png",
        "ffhq/thumbnails128x128/00000/{}.png",
        "{}.png",
    ],
)
def test_every_published_layout(tmp_path, pattern):
    check(fill(tmp_path, [*names(pattern), "LICENSE.txt", "in-the-wild-images/x.txt"], described()))


def test_a_zip_with_the_json_in_it_beside_it_or_in_the_folder_of_both(tmp_path):
    with zipfile.ZipFile(tmp_path / "thumbnails128x128.zip", "w") as archive:
        for name in names("thumbnails128x128/00000/{}.png"):
            archive.writestr(name, name)
    fill(tmp_path, [], described())
    check(tmp_path / "thumbnails128x128.zip")
    check(tmp_path)
    with zipfile.ZipFile(tmp_path / "thumbnails128x128.zip", "a") as archive:
        archive.writestr("ffhq-dataset-v2.json", json.dumps(described()))
    (tmp_path / "ffhq-dataset-v2.json").unlink()
    check(tmp_path / "thumbnails128x128.zip")


def test_without_the_json_there_are_no_labels_and_nothing_is_held_out(tmp_path):
    with open_source(f"ffhq:{fill(tmp_path, names('thumbnails128x128/{}.png'))}") as source:
        assert len(source.names) == COUNT
        assert source.test == frozenset()
        assert source.labels() is None


def changed(*path: Any, to: Any) -> Any:
    description: Any = described()
    section = description
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = to
    return description


WRONG: dict[str, tuple[Any, str]] = {
    "cut short": (json.dumps(described())[:-100], "is not whole JSON"),
    "empty": ("", "is not whole JSON"),
    "a list": ("[]", "is not an object of descriptions"),
    "nothing described": ("{}", "is not an object of descriptions"),
    "no number": (described() | {"readme": {"category": "training"}}, "describes 'readme'"),
    "another category": (changed("2", "category", to="test"), "gives image 2 the category 'test'"),
    "no category": (changed("2", to={}), "gives image 2 the category None"),
    "not described": ({key: value for key, value in described().items() if key != "1"}, "does not describe 1 images"),
    "no landmarks": (changed("2", "image", to={}), "gives image 2 no 68 landmarks"),
    "67 landmarks": (changed("2", "image", "face_landmarks", to=[[1, 2]] * 67), "gives image 2 no 68 landmarks"),
    "ragged": (changed("2", "image", "face_landmarks", to=[[1, 2]] * 67 + [[1]]), "gives image 2 no 68 landmarks"),
    "NaN": (changed("2", "image", "face_landmarks", to=[[1, float("nan")]] * 68), "gives image 2 no 68 landmarks"),
    "null": (changed("2", "image", "face_landmarks", to=None), "gives image 2 no 68 landmarks"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_json_that_is_not_whole_is_refused(tmp_path, case):
    description, expected = WRONG[case]
    message = refusal(fill(tmp_path, names("thumbnails128x128/{}.png"), description))
    assert message.startswith("ffhq-dataset-v2.json in ")
    assert expected in message


def test_images_that_are_described_but_missing_are_refused(tmp_path):
    fill(tmp_path, names("thumbnails128x128/{}.png"), described())
    (tmp_path / "thumbnails128x128" / "00002.png").unlink()
    assert "lacks 1 of 5 images" in refusal(tmp_path)
    assert "the first of them 00002" in refusal(tmp_path)


def test_an_image_without_a_number_is_refused(tmp_path):
    fill(tmp_path, [*names("thumbnails128x128/{}.png"), "thumbnails128x128/face.png"], described())
    assert "does not describe 1 images, the first of them thumbnails128x128/face.png" in refusal(tmp_path)


def test_images_of_both_sizes_and_an_image_twice_are_refused(tmp_path):
    both = fill(tmp_path / "both", names("thumbnails128x128/{}.png", "images1024x1024/{}.png"))
    assert "Give one of them, as in ffhq:DIR/thumbnails128x128" in refusal(both)
    twice = fill(tmp_path / "twice", names("thumbnails128x128/{}.png", "thumbnails128x128/00000/{}.png"))
    assert "two images of the number 00000" in refusal(twice)
