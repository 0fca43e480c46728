"""The journal: what is read back is what was written, up to the first line that is torn or altered."""

import errno

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ignm.data.journal import Journal, read_journal

CONTENTS = [{"request": {"name": "é"}}, {"done": 1}, {"done": 2, "reasons": ["a\nb"]}, {}]


def written(path, contents=CONTENTS):
    journal = Journal(path)
    for number, content in enumerate(contents):
        journal.append(content, durable=number % 2 == 0)
    journal.close()
    return path.read_bytes()


def contents_of(path):
    return [line.content for line in read_journal(path)]


def test_what_is_written_is_what_is_read(tmp_path):
    assert read_journal(tmp_path / "none") == ()
    data = written(tmp_path / "j")
    assert contents_of(tmp_path / "j") == CONTENTS
    assert [line.end for line in read_journal(tmp_path / "j")][-1] == len(data)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.data())
def test_a_torn_or_altered_line_ends_it(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("j") / "j"
    whole = written(path)
    ends = [line.end for line in read_journal(path)]
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(whole[:place])
    else:
        bit = data.draw(st.integers(0, 7))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
    assert contents_of(path) == CONTENTS[: sum(end <= place for end in ends)]


def test_a_line_out_of_place_ends_it(tmp_path):
    lines = written(tmp_path / "j").splitlines(keepends=True)
    (tmp_path / "j").write_bytes(b"".join([lines[0], lines[2], lines[3]]))
    assert contents_of(tmp_path / "j") == CONTENTS[:1]


@pytest.mark.parametrize("last", range(len(CONTENTS)))
def test_it_goes_on_after_any_line(tmp_path, last):
    written(tmp_path / "j")
    journal = Journal(tmp_path / "j", read_journal(tmp_path / "j")[last])
    journal.append({"again": 1})
    journal.close()
    assert contents_of(tmp_path / "j") == [*CONTENTS[: last + 1], {"again": 1}]


def test_a_line_for_which_there_is_no_space_leaves_no_trace(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j")
    journal.append({"done": 1})
    file = journal._file

    class Full:
        def __getattr__(self, name):
            return getattr(file, name)

        def write(self, line):
            return file.write(line[:5])

    monkeypatch.setattr(journal, "_file", Full())
    with pytest.raises(OSError) as caught:
        journal.append({"done": 2})
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    journal.append({"done": 3})
    journal.close()
    assert contents_of(tmp_path / "j") == [{"done": 1}, {"done": 3}]
