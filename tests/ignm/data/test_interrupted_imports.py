"""Writers that are refused, fail or are killed: what was there before stays, and what is done is not done again."""

import errno
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from support.pictures import flat, folder_of

from ignm import files
from ignm.data import importing, journal, partial, pixels, splitting, workers, writing
from ignm.data.importing import import_dataset
from ignm.data.store import interrupted_imports, list_datasets, open_dataset
from ignm.errors import IgnmError


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


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


FULL_DISKS = {
    "append": (pixels.PixelFile, 0),
    "to_colour": (pixels.PixelFile, 1),
    "close": (pixels.PixelFile, 2),
    "_save": (writing, 2),
    "write_json": (writing, 2),
}


@pytest.mark.parametrize("failing", FULL_DISKS)
def test_a_full_disk_is_one_message_and_what_is_done_is_kept(root, tmp_path, monkeypatch, failing):
    place, kept = FULL_DISKS[failing]
    source = folder_of(tmp_path / "s", {"a.png": flat(1, "L"), "b.png": flat((1, 2, 3))})
    expected = import_dataset(source, "undisturbed", 16, root=root)
    monkeypatch.setattr(workers, "_BATCH", 1)
    monkeypatch.setattr(place, failing, full)
    message = refusal(source, "a", 16, root=root)
    assert "No space left on device. Free some space, or set IGNM_HOME" in message
    assert "a" not in list_datasets(root)
    assert (f"The first {kept} images are kept: the same" in message) == (kept > 0)
    assert ("Nothing of this dataset was kept." in message) == (kept == 0) == (not (root / "a").exists())
    monkeypatch.undo()
    again = import_dataset(source, "a", 16, root=root)
    assert (again.fingerprint, again.resumed) == (expected.fingerprint, kept)
    assert [path.name for path in (root / "a").iterdir()] == ["16"]


def test_a_write_that_the_system_refuses_is_one_message_and_what_is_done_is_kept(root, good, monkeypatch):
    monkeypatch.setattr(workers, "_BATCH", 2)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        message = refusal(good, "a", 32, root=root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert f"Cannot write under {root}: File too large" in message
    kept = int(re.search(r"The first (\d+) images are kept", message)[1])
    assert 2 <= kept <= 20_000 // (32 * 32 * 3)
    again = import_dataset(good, "a", 32, root=root)
    assert (again.resumed, again.fingerprint) == (kept, import_dataset(good, "b", 32, root=root).fingerprint)


def test_a_stopped_import_keeps_what_is_done_and_hides_it(root, good, monkeypatch):
    monkeypatch.setattr(workers, "_BATCH", 8)

    def interrupt(done, total):
        if done == 24:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(good, "a", 16, root=root, progress=interrupt)
    assert list_datasets(root) == {}
    assert interrupted_imports(root) == (("a", 16),)
    told, seen = [], []
    again = import_dataset(good, "a", 16, root=root, tell=told.append, progress=lambda *counts: seen.append(counts))
    assert told == ["an import of 'a' at 16 was interrupted after 24 images: going on from image 25"]
    assert seen == [(32, 40), (40, 40)]
    assert (again.resumed, again.images_per_second) == (24, 16 / again.seconds)
    assert again.fingerprint == import_dataset(good, "b", 16, root=root).fingerprint
    assert interrupted_imports(root) == ()


def interrupted(source, root, **options) -> None:
    """Leave an import of which some lists of 4 images are done."""

    def interrupt(done, total):
        if done >= 24:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dataset(source, "a", 16, root=root, progress=interrupt, **options)


def anew(source, root, **options) -> str:
    told = []
    report = import_dataset(source, "a", options.pop("resolution", 16), root=root, tell=told.append, **options)
    assert report.resumed == 0
    return "".join(told)


def reject(pixels):
    return "no" if pixels[0, 0, 0] % 5 == 0 else None


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({}, {"channels": 1}, "another number of channels"),
        ({}, {"test_share": 0.5}, "another split"),
        ({}, {"filters": [reject], "filter_settings": {"a": 1}}, "another selection"),
        (
            {"filters": [reject], "filter_settings": {"a": 1}},
            {"filters": [reject], "filter_settings": {"a": 2}},
            "another selection",
        ),
        ({"filters": [reject]}, {"filters": [reject]}, "another selection"),  # which nothing says is the same
        ({"channels": 3}, {"test_share": 0.5}, "another number of channels and split"),
    ],
)
def test_an_import_that_asks_for_something_else_begins_anew_and_says_so(root, good, monkeypatch, before, now, expected):
    monkeypatch.setattr(workers, "_BATCH", 4)
    interrupted(good, root, **before)
    assert f"24 images, but of {expected}: beginning anew" in anew(good, root, **now)
    expected = import_dataset(good, "b", 16, root=root, **now).fingerprint
    assert open_dataset("a", 16, root).fingerprint == expected


def test_a_source_that_has_changed_or_another_version_of_decoding_begins_anew(root, good, monkeypatch):
    monkeypatch.setattr(workers, "_BATCH", 4)
    interrupted(good, root)
    (good / "0.png").write_bytes(flat((9, 9, 8)))
    assert "but of another source: beginning anew" in anew(good, root)
    np.testing.assert_array_equal(open_dataset("a", 16, root).images[0, 0, 0], [9, 9, 8])
    interrupted(good, root, overwrite=True)
    monkeypatch.setattr(importing, "decoding_identity", lambda: "of tomorrow")
    assert "but of another version of decoding: beginning anew" in anew(good, root, overwrite=True)


@pytest.mark.parametrize("damage", ["a row", "cut", "missing", "the journal"])
def test_what_is_damaged_is_done_again(root, good, monkeypatch, damage):
    monkeypatch.setattr(workers, "_BATCH", 4)
    monkeypatch.setattr(partial, "_LINE_IMAGES", 4)
    interrupted(good, root)
    folder = writing.partial_folder(root / "a" / "16")
    file = folder / ("journal" if damage == "the journal" else "pixels-3.npy")
    data = bytearray(file.read_bytes())
    if damage == "missing":
        file.unlink()
    else:
        place = data.index(b"\n", len(data) // 2) + 30 if damage == "the journal" else 128 + 10 * 16 * 16 * 3
        data[place] ^= 1
        file.write_bytes(data[: -16 * 16 * 3 - 1] if damage == "cut" else data)
    told = []
    report = import_dataset(good, "a", 16, root=root, tell=told.append)
    assert report.fingerprint == import_dataset(good, "b", 16, root=root).fingerprint
    assert report.resumed == {"a row": 8, "cut": 8, "missing": 0}.get(damage, report.resumed)
    if damage == "missing":
        assert told == [
            "an import of 'a' at 16 was interrupted after 24 images, but what it left is damaged: beginning anew"
        ]
    if damage == "the journal":
        assert 4 <= report.resumed < 24


COUNTED = tuple(module.__file__ for module in (files, importing, journal, partial, pixels, splitting, writing))


def in_a_child(kill_at: int | None, *arguments, **options) -> int:
    """Import in a process of its own that is killed at a line of the code that writes; returns the lines it ran."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        lines = 0

        def trace(frame, event, _):
            nonlocal lines
            if frame.f_code.co_filename not in COUNTED:
                return None
            lines += event == "line"
            if lines == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return trace

        status = 1
        try:
            sys.settrace(trace)
            import_dataset(*arguments, workers=1, **options)
            sys.settrace(None)
            os.write(sending, str(lines).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(sending)
    status = os.waitpid(child, 0)[1]
    with os.fdopen(receiving) as pipe:
        text = pipe.read()
    assert (status == 0 and text) or os.WTERMSIG(status) == signal.SIGKILL, status
    return int(text or 0)


def seen_before():
    """A filter that remembers."""
    seen = set()

    def judge(pixels):
        key = pixels.tobytes()
        if key in seen:
            return "seen before"
        seen.add(key)
        return None

    return judge


SCENARIOS = {
    "grey": {},
    "colour": {},
    "colour late": {},
    "filters": {"filter_settings": {"a": 1}},
    "split": {"test_share": 0.3},
    "all": {"test_share": 0.3, "filter_settings": {"a": 1}},
}


def pictures(scenario: str) -> dict[str, bytes]:
    late = {"grey": 200, "colour": 0, "colour late": 70}.get(scenario, 50)
    found = {}
    for index in range(100):
        value = index - index % 3  # a third are seen before
        found[f"{index}.png"] = flat((value, value, 255 - value)) if index >= late else flat(value, "L")
        if index % 11 == 5:
            found[f"{index}.png"] = b"broken"
    kinds = "".join(f"{index}.png,{index % 4}\n" for index in range(100))
    return found | {"labels.csv": b"file,kind\n" + kinds.encode()}


@pytest.mark.parametrize("torn", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_twenty_interruptions_anywhere_change_nothing(root, tmp_path, monkeypatch, scenario, torn):
    monkeypatch.setattr(workers, "_BATCH", 3)
    monkeypatch.setattr(partial, "_LINE_IMAGES", 6)
    source = folder_of(tmp_path / "s", pictures(scenario))
    judges = [reject, seen_before] if "filter_settings" in SCENARIOS[scenario] else []

    def options():
        filters = [judge() if judge is seen_before else judge for judge in judges]
        return SCENARIOS[scenario] | {"root": root, "filters": filters}

    lines = in_a_child(None, source, "undisturbed", 16, **options())
    expected = open_dataset("undisturbed", 16, root)
    random = np.random.default_rng([torn, *scenario.encode()])
    killed, resumed = 0, []
    for name in ("a", "b", "c", "d", "e", "f", "g", "h"):
        while name not in list_datasets(root) and killed < 20:
            killed += 1
            in_a_child(int(random.integers(lines // 20, lines // 2)), source, name, 16, **options())
            if torn:
                tear_last_line(writing.partial_folder(root / name / "16") / "journal")
        if name not in list_datasets(root):
            resumed.append(import_dataset(source, name, 16, **options()).resumed)
        found = open_dataset(name, 16, root)
        assert found.fingerprint == expected.fingerprint
        assert (found.skipped, found.left_out) == (expected.skipped, expected.left_out)
        assert [path.name for path in (root / name).iterdir()] == ["16"]
        if killed == 20:
            break
    assert killed == 20
    assert all(done > 0 for done in resumed)


def tear_last_line(journal: Path) -> None:
    if journal.exists():
        data = journal.read_bytes()
        journal.write_bytes(data[: -min(20, len(data) - 1)] if data else data)


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
