"""labels.csv: how rows find images, what kind a column is, and every table that is refused."""

import numpy as np
import pytest

from ignm.data.labels import LabelTable
from ignm.data.sources import Source
from ignm.data.sources.labels_csv import read_labels_csv
from ignm.errors import IgnmError

NAMES = ("images/a.png", "images/b.png", "images/c.png")


def table(text: str | bytes, names: tuple[str, ...] = NAMES) -> LabelTable:
    data = text.encode() if isinstance(text, str) else text
    tops = {name.partition("/")[0] for name in names}
    return read_labels_csv(data, "faces.zip", names, tops.pop() if len(tops) == 1 else "")


def refusal(text: str | bytes, names: tuple[str, ...] = NAMES) -> str:
    with pytest.raises(IgnmError) as caught:
        table(text, names)
    return str(caught.value)


def test_a_source_that_says_nothing_has_no_labels():
    assert Source("faces.zip", NAMES, lambda _: b"").labels() is None


@pytest.mark.parametrize("spelling", ["images/{}.png", "./images/{}.png", "{}.png", "images\\{}.png"])
def test_a_row_finds_its_image_by_path_or_base_name(spelling):
    rows = "\n".join(f"{spelling.format(name)},{value}" for name, value in [("c", "x"), ("a", "z"), ("b", "y")])
    labels = table(f"file,kind\n{rows}\n").encode(range(3))
    assert labels.class_names == {"kind": ("x", "y", "z")}
    assert labels.classes.dtype == np.int64
    np.testing.assert_array_equal(labels.classes, [[2], [1], [0]])


@pytest.mark.parametrize("text", ["\ufefffile,kind\r\na.png,x\r\nb.png,y\r\n", 'file,kind\n"a.png",x\n\nb.png , y'])
def test_byte_order_mark_crlf_quotes_blank_lines_and_spaces(text):
    found = table(text)
    np.testing.assert_array_equal(found.encode(range(3)).classes, [[0], [1], [-1]])
    assert found.unlabelled == ("images/c.png",)


def test_only_the_file_column_is_no_attributes():
    labels = table("file\na.png\nb.png\n").encode(range(3))
    assert labels.classes.shape == labels.continuous.shape == (3, 0)


def test_missing_cells_missing_rows_and_unknown_rows():
    names = tuple(f"{index}.png" for index in range(30))
    rows = "".join(f"{index}.png,{index + 0.5},{'ab'[index % 2]}\n" for index in range(28))
    found = table(f"file,yaw,kind\n{rows}28.png,,nan\nnowhere.png,1.5,a\n", names)
    labels = found.encode(range(30))
    assert found.unlabelled == ("29.png",)
    assert found.unknown == ("nowhere.png",)
    assert labels.continuous_names == ("yaw",)
    assert labels.continuous.dtype == np.float32
    np.testing.assert_array_equal(labels.continuous[:, 0], [*np.arange(28) + 0.5, np.nan, np.nan])
    np.testing.assert_array_equal(labels.classes[:, 0], [0, 1] * 14 + [-1, -1])


@pytest.mark.parametrize(
    ("values", "continuous"),
    [
        ([f"{index}.5" for index in range(20)], False),
        ([f"{index}.5" for index in range(21)], True),
        ([f"{index}.5" for index in range(21)] * 2, True),
        ([str(index) for index in range(60)], False),
        ([f"{index}.5" for index in range(20)] + ["text"], False),
    ],
)
def test_a_column_is_continuous_from_21_distinct_fractions_on(values, continuous):
    names = tuple(f"{index}.png" for index in range(len(values)))
    found = table("file,x\n" + "".join(f"{name},{value}\n" for name, value in zip(names, values, strict=True)), names)
    assert found.columns[0].continuous is continuous


def test_classes_are_sorted_by_value_if_all_are_numbers_else_as_text():
    labels = table("file,age,hair\na.png,10,red\nb.png,9,Black\nc.png,-1,9\n").encode(range(3))
    assert labels.class_names == {"age": ("-1", "9", "10"), "hair": ("9", "Black", "red")}


def test_classes_are_those_of_the_kept_images():
    labels = table("file,kind\na.png,x\nb.png,y\nc.png,z\n").encode([2, 0])
    assert labels.class_names == {"kind": ("x", "z")}
    np.testing.assert_array_equal(labels.classes, [[1], [0]])


def test_a_path_beats_a_base_name():
    labels = table("file,kind\na.png,root\nx/a.png,deep\n", ("a.png", "x/a.png")).encode(range(2))
    np.testing.assert_array_equal(labels.classes, [[1], [0]])


def test_a_path_within_the_source_beats_a_path_within_its_top_folder():
    names = ("faces/a.png", "faces/faces/a.png")
    labels = table("file,kind\nfaces/a.png,shallow\nfaces/faces/a.png,deep\n", names).encode(range(2))
    assert [labels.class_names["kind"][code] for code in labels.classes[:, 0]] == ["shallow", "deep"]


def test_a_backslash_may_be_part_of_a_name():
    labels = table("file,kind\ncaf\\xe9.png,x\n", ("caf\\xe9.png", "b.png")).encode(range(2))
    np.testing.assert_array_equal(labels.classes, [[0], [-1]])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "line 1 is empty"),
        ("\n\n", "line 1 is empty"),
        ("a.png,x\nb.png,y\n", "line 1 names an image ('a.png') where the header belongs"),
        ("file,kind,kind\n", "line 1 repeats the column 'kind'"),
        ("file,,kind\n", "line 1 gives column 2 no name"),
        ("file,kind\na.png,x\nb.png\n", "line 3 has 1 columns, the header 2"),
        ("file,kind\na.png,x,y\n", "line 2 has 3 columns, the header 2"),
        ("file,kind\na.png,x\nb.png,y\nimages/a.png,z\n", "line 4 repeats 'images/a.png' of line 2"),
        ('file,kind\na.png,"x\n', "line 2 is not valid CSV"),
        ('file,kind\n\na.png,"x"y\n', "line 3 is not valid CSV"),
        (b"file,kind\na.png,caf\xe9\n", "line 2 is not UTF-8"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(text, expected):
    message = refusal(text)
    assert expected in message
    assert message.startswith("labels.csv in faces.zip: ")


def test_an_ambiguous_base_name_is_refused():
    assert "line 2 says 'a.png', which may be 'x/a.png' and 'y/a.png'" in refusal(
        "file,kind\na.png,1\n", ("x/a.png", "y/a.png")
    )


@pytest.mark.parametrize("wrong", ["n/a", "inf", "1e300", "1,5"])
def test_text_among_measurements_is_refused(wrong):
    names = tuple(f"{index}.png" for index in range(30))
    rows = "".join(f"{name},{index}.25\n" for index, name in enumerate(names[:-1]))
    assert f"line 31 says {wrong!r} in the numeric column 'yaw'" in refusal(
        f'file,yaw\n{rows}29.png,"{wrong}"\n', names
    )
