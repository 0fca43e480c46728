"""Writers that are refused, fail or are killed: what was there before stays, and nothing half-made is left."""

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from support.pictures import flat, folder_of

from ignm.data import writing
from ignm.data.importing import import_dataset
from ignm.data.store import list_datasets, open_dataset
from ignm.errors import IgnmError


def nothing_is_left(root: Path) -> bool:
    return [path.name for path in root.iterdir() if path.name != ".locks"] == []


def refusal(*args, **options) -> str:
    with pytest.raises(IgnmError) as caught:
        import_dataset(*args, **options)
    return str(caught.value)


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


KILLED_BETWEEN_RENAMES = """
import os, signal, sys
from pathlib import Path
from ignm.data.importing import import_dataset
rename = Path.rename
def renaming(self, target):
    if self.name.endswith(".partial"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = renaming
import_dataset(sys.argv[1], "a", 16, root=sys.argv[2], overwrite=True)
"""


@pytest.fixture
def killed_between_renames(root, good):
    """The fingerprint of a dataset whose overwriting was killed when it was set aside and not yet replaced."""
    old = import_dataset(good, "a", 16, root=root, channels=1)
    command = [sys.executable, "-c", KILLED_BETWEEN_RENAMES, str(good), str(root)]
    killed = subprocess.run(command, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (root / "a" / "16").exists()
    return old.fingerprint


def test_an_overwrite_killed_between_its_two_renames_keeps_the_old_dataset(root, tmp_path, killed_between_renames):
    bad = folder_of(tmp_path / "bad", {"x.png": b""})
    assert "None of the 1 images" in refusal(bad, "a", 16, root=root, overwrite=True)
    assert open_dataset("a", 16, root).fingerprint == killed_between_renames
    assert [path.name for path in (root / "a").iterdir()] == ["16"]


def test_who_opens_a_dataset_that_was_set_aside_gets_it(root, killed_between_renames):
    assert open_dataset("a", 16, root).fingerprint == killed_between_renames
    assert list_datasets(root) == {"a": (16,)}


def test_an_overwrite_whose_last_rename_fails_keeps_the_old_dataset(root, good, tmp_path, monkeypatch):
    old = import_dataset(good, "a", 16, root=root)
    other = folder_of(tmp_path / "other", {"x.png": flat((1, 2, 3))})
    rename = Path.rename

    def failing(self, target):
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    assert "Input/output error" in refusal(other, "a", 16, root=root, overwrite=True)
    assert open_dataset("a", 16, root).fingerprint == old.fingerprint
    assert [path.name for path in (root / "a").iterdir()] == ["16"]
