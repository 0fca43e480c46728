"""Spaces from files, and what they include of each other."""

import pytest

from ignm.config import load_preset
from ignm.errors import IgnmError
from spaces.reading import load_space, read_space, space_names

BASE = load_preset("dcgan", {"data.resolution": 32})
BATCH = "{path: optim.batch, int: [8, 64]}"


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    return written


def test_what_is_included_comes_first_in_order(write):
    space = load_space(write("mine.yaml", f"include: [init, data]\naxes:\n- {BATCH}\n"), BASE)
    assert space.axes[:-1] == read_space("init").axes + read_space("data").axes
    assert (space.name, space.axes[-1].path) == ("mine", "optim.batch")


def test_a_file_may_only_include(write):
    assert read_space(write("mine.yaml", "include: [optim]\n")).axes == read_space("optim").axes


def test_what_is_included_twice_is_there_once(write):
    assert read_space(write("mine.yaml", "include: [data, full, data]\n")).axes == read_space("full").axes


def test_an_own_axis_takes_the_place_of_an_included_one(write):
    space = read_space(write("mine.yaml", f"include: [optim]\naxes:\n- {BATCH}\n"))
    assert space.paths == read_space("optim").paths
    assert space.axes[space.paths.index("optim.batch")].domain.describe() == "8 to 64, whole"


def test_own_files_include_each_other_from_their_own_folder(write, monkeypatch):
    write("parts/batch.yaml", f"axes:\n- {BATCH}\n")
    name = write("mine.yaml", "include: [parts/batch.yaml]\n")
    monkeypatch.chdir("/")
    assert read_space(name).paths == ["optim.batch"]


def test_different_words_on_one_axis_are_refused_unless_settled(write):
    write("a.yaml", f"axes:\n- {BATCH}\n")
    text = "include: [a.yaml, optim]\n"
    with pytest.raises(IgnmError, match=r"say different things of optim.batch; say in its own `axes:`"):
        read_space(write("mine.yaml", text))
    assert read_space(write("mine.yaml", f"{text}axes:\n- {{path: optim.batch, choice: [4]}}\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("include: [lss]", r"include: space 'lss' does not exist \(did you mean 'loss'\?\); there are: data, first"),
        ("include: loss", r"include: "),
        ("include: [absent.yaml]", r"absent.yaml: no such file"),
        ("include: [mine.yaml]", r"includes itself: .*mine.yaml -> .*mine.yaml"),
        ("include: [other.yaml]", r"includes itself: .*mine.yaml -> .*other.yaml -> .*mine.yaml"),
        ("include: [../{folder}/mine.yaml]", r"includes itself"),
        ("include: []", r"give at least one axis, or `include` a space"),
        ("includes: [loss]", r"includes: unknown key \(did you mean 'include'\?\)"),
        ("description: nothing", r"axes: give at least one axis"),
        ("[1, 2]", r"expected a mapping"),
    ],
)
def test_includes_that_cannot_work_are_refused(write, tmp_path, text, expected):
    write("other.yaml", "include: [mine.yaml]\n")
    with pytest.raises(IgnmError, match=expected):
        read_space(write("mine.yaml", text.replace("{folder}", tmp_path.name)))


def test_every_library_space_has_a_description():
    for name in space_names():
        assert read_space(name).description, name
