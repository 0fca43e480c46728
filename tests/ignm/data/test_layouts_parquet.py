"""Parquet files of images, as Hugging Face writes them and as others do."""

import json
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ignm.data.labels import LabelTable
from ignm.data.sources import UnreadableImageError, open_source, row_groups
from ignm.errors import IgnmError

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def picture(index: int) -> bytes:
    return random.Random(index).randbytes(500)


def images(count: int, first: int = 0) -> pa.Array:
    return pa.array([{"bytes": picture(first + index), "path": f"{index}.png"} for index in range(count)], type=IMAGE)


def write(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None, rows: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=rows)
    return path


def labels_of(path: Path) -> LabelTable:
    with open_source(path) as source:
        table = source.labels()
        assert table is not None
        return table


def refusal(path: Path) -> str:
    with pytest.raises(IgnmError) as caught, open_source(path) as source:
        source.labels()
    return str(caught.value)


def test_files_in_natural_order_with_test_and_validation_held_out(tmp_path):
    first = 0
    counts = {"train-10-of-11": 3, "train-2-of-11": 25, "test-0-of-1": 4, "validation-0-of-1": 2, "valued": 1}
    expected = {}
    for name, count in counts.items():
        write(tmp_path / "data" / f"{name}.parquet", {"image": images(count, first)})
        expected |= {f"data/{name}.parquet:{row}": picture(first + row) for row in range(count)}
        first += count
    (tmp_path / "README.md").write_text("---\n")
    with open_source(tmp_path) as source:
        assert len(source.names) == 35
        assert [source.names[index] for index in (0, 4, 28, 29, -2)] == [
            "data/test-0-of-1.parquet:0",
            "data/train-2-of-11.parquet:0",
            "data/train-2-of-11.parquet:24",
            "data/train-10-of-11.parquet:0",
            "data/validation-0-of-1.parquet:1",
        ]
        assert {name: source.read(index) for index, name in enumerate(source.names)} == expected
        held_out = {name for index, name in enumerate(source.names) if index in source.test}
        assert held_out == {name for name in expected if name.startswith(("data/test", "data/validation"))}


def test_folders_named_by_their_part_are_held_out_and_all_at_once_are_not(tmp_path):
    for part in ("train", "test"):
        write(tmp_path / "default" / part / "0000.parquet", {"image": images(2)})
    with open_source(tmp_path) as source:
        assert [source.names[index] for index in source.test] == [
            "default/test/0000.parquet:0",
            "default/test/0000.parquet:1",
        ]
    (tmp_path / "default" / "test" / "0000.parquet").rename(tmp_path / "test-0000.parquet")
    with open_source(tmp_path / "test-0000.parquet") as source:
        assert len(source.names) == 2
        assert source.test == frozenset()


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary()])
def test_a_plain_binary_column_and_other_column_orders(tmp_path, kind):
    path = write(tmp_path / "a.parquet", {"id": [7, 8], "photo": pa.array([b"x", b"y"], type=kind)})
    with open_source(path) as source:
        assert [source.read(0), source.read(1)] == [b"x", b"y"]
        assert source.title == "a.parquet"


def test_the_schema_says_which_of_two_columns_is_the_image(tmp_path):
    columns = {"mask": images(2), "face": images(2, 50)}
    path = write(tmp_path / "a.parquet", columns, {"face": {"_type": "Image"}})
    with open_source(path) as source:
        assert source.read(1) == picture(51)
    assert "several columns of images: mask, face" in refusal(write(path, columns))


def test_a_row_without_an_image_is_one_unreadable_image(tmp_path):
    column = pa.array([None, {"bytes": None, "path": "elsewhere.png"}, {"bytes": b"x", "path": None}], type=IMAGE)
    with open_source(write(tmp_path / "a.parquet", {"image": column})) as source:
        for index in range(2):
            with pytest.raises(UnreadableImageError, match="holds no image"):
                source.read(index)
        assert source.read(2) == b"x"


def test_a_giant_is_one_unreadable_image(tmp_path, monkeypatch):
    monkeypatch.setattr("ignm.data.sources.source.MAX_BYTES", 400)
    path = write(tmp_path / "a.parquet", {"image": images(1)})
    with open_source(path) as source, pytest.raises(UnreadableImageError, match="larger than"):
        source.read(0)


# --- labels


def test_class_labels_have_the_names_that_the_schema_gives_them(tmp_path):
    features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog", "ant"]}}
    for name, codes in {"train-0": [0, 2, None], "train-1": [-1, 2]}.items():
        columns = {"image": images(len(codes)), "label": pa.array(codes, pa.int64())}
        write(tmp_path / f"{name}.parquet", columns, features)
    labels = labels_of(tmp_path).encode(range(5))
    assert labels.class_names == {"label": ("ant", "cat")}
    assert labels.classes.tolist() == [[1], [0], [-1], [-1], [0]]


@pytest.mark.parametrize("code", [3, -2])
def test_a_class_beyond_its_names_is_refused_with_its_row(tmp_path, code):
    features = {"label": {"_type": "ClassLabel", "names": ["a", "b", "c"]}}
    path = write(tmp_path / "a.parquet", {"image": images(2), "label": [0, code]}, features)
    assert f"row a.parquet:1 says class {code} (of 3, from 0) in the column 'label'" in refusal(path)


def test_other_columns_follow_the_rules_of_labels_csv(tmp_path):
    count = 40
    columns = {
        "image": images(count),
        "hair": ["black", " red ", None, ""] * 10,
        "smile": pa.array([True, False, None, True] * 10),
        "age": pa.array([30, 4, None, 30] * 10, pa.int16()),
        "kind": pa.array(["x", "y"] * 20).dictionary_encode(),
        "few": pa.array([0.5, 1.0] * 20, pa.float32()),
        "yaw": [index / 7 if index else None for index in range(count - 1)] + [float("nan")],
    }
    table = labels_of(write(tmp_path / "a.parquet", columns))
    labels = table.encode(range(count))
    assert labels.class_names == {
        "hair": ("black", "red"),
        "smile": ("false", "true"),
        "age": ("4", "30"),
        "kind": ("x", "y"),
        "few": ("0.5", "1"),
    }
    assert labels.classes[:4].tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 1, 1], [-1, -1, -1, 0, 0], [-1, 1, 1, 1, 1]]
    assert labels.continuous_names == ("yaw",)
    expected = [np.nan, *(index / 7 for index in range(1, count - 1)), np.nan]
    np.testing.assert_allclose(labels.continuous[:, 0], expected, rtol=1e-6)


def test_names_and_what_is_no_label_are_left_out_and_said(tmp_path):
    columns = {
        "image": images(30),
        "id": [f"face-{index}" for index in range(30)],
        "number": list(range(30)),
        "boxes": [[1, 2]] * 30,
        "kind": ["a", "b"] * 15,
    }
    table = labels_of(write(tmp_path / "a.parquet", columns))
    assert [column.name for column in table.columns] == ["kind"]
    assert [said.partition(" ")[0] for said in table.left_out] == ["id", "number", "boxes"]


def test_text_among_measurements_is_refused_with_its_row(tmp_path):
    columns = {"image": images(41), "yaw": [f"{index}.5" for index in range(40)] + ["none"]}
    path = write(
        tmp_path / "a.parquet", {name: [*values] * 2 for name, values in columns.items()} | {"image": images(82)}
    )
    assert "row a.parquet:40 says 'none' in the column 'yaw'" in refusal(path)


def test_images_alone_have_no_labels(tmp_path):
    with open_source(write(tmp_path / "a.parquet", {"image": images(2)})) as source:
        assert source.labels() is None


# --- memory and threads


def test_row_groups_are_read_once_in_order_and_few_are_kept(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", {"image": images(200)})
    monkeypatch.setattr(row_groups, "BUDGET", 3 * 10 * 600)
    loaded: list[int] = []
    load = row_groups.RowGroups._load
    monkeypatch.setattr(
        row_groups.RowGroups, "_load", lambda self, number: (loaded.append(number), load(self, number))[1]
    )
    with open_source(path) as source:
        groups = source.read.__self__
        for index in range(200):
            assert source.read(index) == picture(index)
            assert len(groups._kept) <= 3
        assert loaded == list(range(20))


def test_many_threads_read_what_one_does_and_load_a_group_once(tmp_path, monkeypatch):
    path = write(tmp_path / "a.parquet", {"image": images(64)}, rows=64)
    loads = []
    load = row_groups.RowGroups._load
    monkeypatch.setattr(
        row_groups.RowGroups, "_load", lambda self, number: (loads.append(threading.get_ident()), load(self, number))[1]
    )
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with open_source(path) as source, ThreadPoolExecutor(8) as pool:
            assert list(pool.map(source.read, range(64))) == [picture(index) for index in range(64)]
    finally:
        sys.setswitchinterval(switch)
    assert len(loads) == 1


def test_threads_at_random_over_a_small_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(row_groups, "BUDGET", 1)
    order = random.Random(0).choices(range(100), k=600)
    with open_source(write(tmp_path / "a.parquet", {"image": images(100)})) as source, ThreadPoolExecutor(6) as pool:
        assert list(pool.map(source.read, order)) == [picture(index) for index in order]


# --- what is refused


def test_no_image_column_lists_the_columns(tmp_path):
    message = refusal(write(tmp_path / "a.parquet", {"text": ["a"], "label": [1]}))
    assert "a.parquet has no column of images" in message
    assert "its columns: text (string), label (int64)" in message


def test_a_truncated_file_and_a_foreign_one(tmp_path):
    path = write(tmp_path / "a.parquet", {"image": images(100)})
    path.write_bytes(path.read_bytes()[:-20])
    assert "a.parquet is truncated or damaged" in refusal(path)
    path.write_bytes(b"PK\x03\x04 is not parquet")
    assert "a.parquet is truncated or damaged, or no parquet file" in refusal(tmp_path)


def test_a_damaged_row_group_is_unreadable_images(tmp_path):
    path = write(tmp_path / "a.parquet", {"image": images(20)})
    column = pq.read_metadata(path).row_group(0).column(0)
    data = bytearray(path.read_bytes())
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + 200] = bytes([255]) * 200
    path.write_bytes(data)
    with open_source(path) as source:
        for index in range(10):
            with pytest.raises(UnreadableImageError, match="damaged in the parquet file"):
                source.read(index)
        assert source.read(10) == picture(10)


def test_files_of_two_datasets_are_refused(tmp_path):
    write(tmp_path / "a.parquet", {"image": images(1), "label": [1]})
    write(tmp_path / "b.parquet", {"image": images(1), "label": ["one"]})
    assert "b.parquet has the columns image, label, but a.parquet has image, label, or they differ in type" in refusal(
        tmp_path
    )


def test_no_rows_are_no_images(tmp_path):
    assert "its parquet files have no rows" in refusal(write(tmp_path / "a.parquet", {"image": images(0)}))


def test_images_beside_parquet_files(tmp_path):
    (tmp_path / "a.png").write_bytes(b"x")
    write(tmp_path / "metadata.parquet", {"file": ["a.png"], "kind": ["x"]})
    with open_source(tmp_path) as source:
        assert source.names == ("a.png",)
    write(tmp_path / "train.parquet", {"image": images(1)})
    (tmp_path / "metadata.parquet").unlink()
    assert "images both as files and in parquet files (train.parquet)" in refusal(tmp_path)
