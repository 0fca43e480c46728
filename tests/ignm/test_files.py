"""Files and directories are written whole or not at all, and a replaced directory is never lost."""

import errno
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ignm.errors import IgnmError
from ignm.files import (
    atomic_directory,
    atomic_file,
    digest_of,
    expanded,
    read_json,
    restore_directory,
    set_aside,
    write_json,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from ignm.files import atomic_directory
rename = Path.rename
def renaming(self, target):
    if self.name.endswith(".partial"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = renaming
with atomic_directory(Path(sys.argv[1])) as folder:
    (folder / "which").write_text("new")
"""


def write(path: Path, which: str) -> None:
    with atomic_directory(path) as folder:
        (folder / "which").write_text(which)


def which(path: Path) -> str:
    return (path / "which").read_text()


@pytest.fixture
def best(tmp_path):
    """A directory that holds its old version."""
    write(tmp_path / "best", "old")
    return tmp_path / "best"


@pytest.fixture
def killed(best):
    """The same, after its replacement was killed between setting the old version aside and putting the new in place."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(best)], check=False, capture_output=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    assert not best.exists()
    return best


def test_a_file_is_replaced_whole_or_left(tmp_path):
    path = tmp_path / "new" / "a.json"
    write_json(path, {"é": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, float("nan"))
    with suppress(KeyError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert read_json(path) == {"é": 1}
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_away_is_not_made_anew(tmp_path):
    path = tmp_path / "away" / "a.json"
    with pytest.raises(FileNotFoundError):
        write_json(path, {}, make_folder=False)
    assert not path.parent.exists()


def test_a_directory_is_replaced_whole_or_left(best):
    write(best, "new")
    with suppress(KeyError), atomic_directory(best) as folder:
        (folder / "which").write_text("half")
        raise KeyError
    assert which(best) == "new"
    assert list(best.parent.iterdir()) == [best]


def test_a_directory_whose_replacing_fails_is_put_back(best, monkeypatch):
    rename = Path.rename

    def failing(self, target):
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="Input/output error"):
        write(best, "new")
    assert which(best) == "old"
    assert list(best.parent.iterdir()) == [best]


def test_a_directory_that_can_be_neither_replaced_nor_put_back_stays_aside(best, monkeypatch):
    rename = Path.rename

    def failing(self, target):
        if Path(target) == best:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    with monkeypatch.context() as broken:
        broken.setattr(Path, "rename", failing)
        with pytest.raises(OSError, match="Input/output error"):
            write(best, "new")
    assert restore_directory(best)
    assert which(best) == "old"


def test_a_killed_replacement_is_undone(killed):
    assert which(set_aside(killed)) == "old"
    assert restore_directory(killed)
    assert which(killed) == "old"
    assert set_aside(killed) is None
    assert not restore_directory(killed)


def test_the_next_writer_undoes_a_killed_replacement_before_its_own(killed):
    with pytest.raises(KeyError), atomic_directory(killed):
        raise KeyError
    assert which(killed) == "old"
    write(killed, "newer")
    assert which(killed) == "newer"


def test_what_another_name_set_aside_is_not_taken(killed):
    assert set_aside(killed.with_name("bes")) is None
    assert set_aside(killed.parent / "absent" / "best") is None
    assert not restore_directory(killed.with_name("worst"))


def test_a_home_folder_stands_for_a_tilde(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert expanded("~/x") == Path("/home/someone/x")
    assert expanded(Path("a/~b")) == Path("a/~b")


@pytest.mark.parametrize(
    ("said_by", "begins"), [("", "~no-such-user/x: "), ("init.checkpoint", "init.checkpoint: ~no")]
)
def test_nobodys_home_folder_is_a_message(said_by, begins):
    with pytest.raises(IgnmError, match="no home folder ~no-such-user here; write the path without ~") as caught:
        expanded("~no-such-user/x", said_by)
    assert str(caught.value).startswith(begins)


def test_the_digest_of_a_file_is_its_sha_256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert digest_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(FileNotFoundError):
        digest_of(tmp_path / "absent")
