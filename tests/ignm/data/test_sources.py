"""Listing and reading folders and zips, and every way in which they can be wrong."""

import errno
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ignm.data.sources import EXTENSIONS, UnreadableImageError, natural_key, open_source, source
from ignm.errors import IgnmError

NOBODY = 65534
CONTENT = b"only listing and reading are tested here, so any bytes will do"


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(CONTENT + name.encode())
    return folder


def pack(path: Path, *names: str, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in names:
            archive.writestr(name, CONTENT + name.encode())
    return path


def names_of(path: Path) -> list[str]:
    with open_source(path) as opened:
        return list(opened.names)


def test_folder_is_listed_in_natural_order_without_hidden_and_foreign_files(tmp_path):
    fill(tmp_path, "b/img10.png", "b/img2.PNG", "a.jpeg", "z.txt", ".hidden.png", ".git/x.png", "__MACOSX/._a.png")
    assert names_of(tmp_path) == ["a.jpeg", "b/img2.PNG", "b/img10.png"]


def test_zip_lists_and_reads_the_same_as_the_folder_it_was_made_of(tmp_path):
    names = ["b/img10.png", "b/img2.webp", "a.tif", "__MACOSX/._a.tif", "b/.x.png", "readme.md"]
    folder, packed = fill(tmp_path / "folder", *names), pack(tmp_path / "z.zip", *names)
    with open_source(folder) as one, open_source(packed) as other:
        assert one.names == other.names == ("a.tif", "b/img2.webp", "b/img10.png")
        for index, name in enumerate(one.names):
            assert one.read(index) == other.read(index) == CONTENT + name.encode()
        assert (one.title, other.title) == ("folder", "z.zip")


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_every_accepted_extension_is_listed(tmp_path, extension):
    assert names_of(fill(tmp_path, f"a.{extension}")) == [f"a.{extension}"]


def test_natural_key_orders_numbers_by_value_and_survives_very_long_ones():
    long = "9" * 5000
    assert sorted([long, "10", "9", "010", "a1b2", "a1b10"], key=natural_key) == [
        "9",
        "010",
        "10",
        long,
        "a1b2",
        "a1b10",
    ]


@pytest.mark.parametrize("prefix", ["", "faces/"])
def test_labels_are_found_at_the_root_and_in_the_single_top_folder(tmp_path, prefix):
    packed = pack(tmp_path / "z.zip", f"{prefix}images/a.png", f"{prefix}images/b.png")
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr(f"{prefix}labels.csv", "file,kind\na.png,x\nb.png,y\n")
    with open_source(packed) as opened:
        labels = opened.labels()
        assert labels is not None
        assert labels.encode(range(2)).classes.tolist() == [[0], [1]]


def test_labels_deeper_down_are_not_the_sources_labels(tmp_path):
    with open_source(fill(tmp_path, "a/x.png", "b/y.png", "a/labels.csv")) as opened:
        assert opened.labels() is None


def test_links_to_files_and_folders_are_followed_but_never_in_circles(tmp_path):
    folder = fill(tmp_path / "folder", "a.png", "sub/b.png")
    (folder / "sub" / "up").symlink_to(folder)
    elsewhere = fill(tmp_path / "elsewhere", "c.png")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "d.png").symlink_to(elsewhere / "c.png")
    assert names_of(folder) == ["a.png", "d.png", "linked/c.png", "sub/b.png"]


def test_a_name_that_is_not_utf8_can_be_read_and_written_down(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).write_bytes(CONTENT)
    with open_source(tmp_path) as opened:
        assert opened.names == ("caf\\xe9.png",)
        assert opened.names[0].encode("utf-8")
        assert opened.read(0) == CONTENT


def test_two_files_that_would_be_written_alike_are_refused(tmp_path):
    for name in (b"caf\xe9.png", b"caf\\xe9.png"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(CONTENT)
    assert "two files that are both written 'caf\\\\xe9.png'" in refusal(tmp_path)


def test_a_dead_link_a_pipe_and_a_giant_are_unreadable_images_not_failures(tmp_path, monkeypatch):
    (tmp_path / "a.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "b.png")
    fill(tmp_path, "c.png")
    monkeypatch.setattr(source, "MAX_BYTES", 10)
    with open_source(tmp_path) as opened:
        for index, reason in enumerate(["no such file", "not a regular file", "larger than"]):
            with pytest.raises(UnreadableImageError, match=reason):
                opened.read(index)


# --- sources that are refused


def refusal(path: Path | str) -> str:
    with pytest.raises(IgnmError) as caught, open_source(path):
        pass
    return str(caught.value)


def labels_refusal(path: Path | str) -> str:
    with open_source(path) as opened, pytest.raises(IgnmError) as caught:
        opened.labels()
    return str(caught.value)


def test_missing_source(tmp_path):
    assert f"There is no {tmp_path / 'nothing'}" in refusal(tmp_path / "nothing")
    assert "There is no" in refusal("~nobody-of-this-name/faces")


def test_a_file_that_is_neither_folder_nor_zip(tmp_path):
    assert "neither a folder nor a zip" in refusal(fill(tmp_path, "faces.tar") / "faces.tar")
    (tmp_path / "empty.zip").touch()
    assert "neither a folder nor a zip" in refusal(tmp_path / "empty.zip")
    os.mkfifo(tmp_path / "pipe")
    assert "neither a folder nor a zip" in refusal(tmp_path / "pipe")


@pytest.mark.parametrize("kept", [0.3, 0.7, 0.99])
def test_truncated_zip(tmp_path, kept):
    packed = pack(tmp_path / "z.zip", *(f"{i}.png" for i in range(20)))
    packed.write_bytes(packed.read_bytes()[: int(packed.stat().st_size * kept)])
    assert "truncated or damaged zip" in refusal(packed)


def test_source_without_images_says_how_many_files_and_what_is_accepted(tmp_path):
    names = ["a.txt", "b.heic", ".hidden.png"]
    for path in (fill(tmp_path / "folder", *names), pack(tmp_path / "z.zip", *names)):
        message = refusal(path)
        assert "holds no image: 2 files" in message
        assert ".png, .jpg" in message
    (tmp_path / "empty").mkdir()
    assert "0 files" in refusal(tmp_path / "empty")


@contextmanager
def without_privileges() -> Iterator[None]:
    """Act as nobody where the tests run as root, who may read every folder."""
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(NOBODY)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        pytest.skip(f"root, in a container that has no user {NOBODY}")
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("hidden", ["", "sub"])
def test_folder_without_permission(hidden):
    # Not in TMPDIR, which may be a folder that nobody else can enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = fill(Path(name), "a.png", "sub/b.png")
        folder.chmod(0o755)
        (folder / hidden).chmod(0)
        try:
            with without_privileges():
                message = refusal(folder)
        finally:
            folder.chmod(0o700)
            (folder / "sub").chmod(0o700)
    assert f"{folder / hidden} cannot be read: Permission denied" in message


def test_unreadable_zip(tmp_path, monkeypatch):
    packed = pack(tmp_path / "z.zip", "a.png")

    def refusing(*_):
        raise PermissionError(13, "Permission denied", str(packed))

    monkeypatch.setattr(Path, "open", refusing)
    assert f"{packed} cannot be read: Permission denied" in refusal(packed)


@pytest.mark.parametrize(
    "entry", ["../evil.png", "a/../../evil.png", "/etc/evil.png", "C:evil.png", "c:\\evil.png", "..\\evil.png"]
)
def test_zip_that_points_outside_itself_is_refused_whole(tmp_path, entry):
    message = refusal(pack(tmp_path / "z.zip", "good.png", entry))
    assert "is refused" in message
    assert repr(entry) in message


def test_zip_with_a_symbolic_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("good.png", CONTENT)
        archive.writestr(link, "/etc/passwd")
    assert "'link.png' is a symbolic link" in refusal(tmp_path / "z.zip")


def test_dots_inside_a_name_are_only_dots(tmp_path):
    assert names_of(pack(tmp_path / "z.zip", "a..b/c...png")) == ["a..b/c...png"]


def test_encrypted_zip(tmp_path):
    packed = pack(tmp_path / "z.zip", "a.png")
    data = bytearray(packed.read_bytes())
    data[6] |= 1  # the flag in the entry's own header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    packed.write_bytes(data)
    assert "'a.png' is encrypted" in refusal(packed)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_with_one_name_twice(tmp_path):
    assert "'a.png' twice" in refusal(pack(tmp_path / "z.zip", "a.png", "a.png"))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_with_a_wrong_checksum_is_one_unreadable_image(tmp_path, method):
    packed = pack(tmp_path / "z.zip", "a.png", "b.png", method=method)
    data = bytearray(packed.read_bytes())
    data[30 + len("a.png") + 10] ^= 0xFF
    packed.write_bytes(data)
    with open_source(packed) as opened:
        with pytest.raises(UnreadableImageError, match="damaged in the zip"):
            opened.read(0)
        assert opened.read(1) == CONTENT + b"b.png"


def test_damaged_labels_in_a_zip_are_an_error(tmp_path):
    packed = pack(tmp_path / "z.zip", "labels.csv", "a.png")
    data = bytearray(packed.read_bytes())
    data[30 + len("labels.csv") + 10] ^= 0xFF
    packed.write_bytes(data)
    assert "labels.csv cannot be read: damaged in the zip" in labels_refusal(packed)


@pytest.mark.timeout(20)
def test_labels_that_are_a_pipe_a_giant_or_a_dead_link_are_an_error(tmp_path, monkeypatch):
    fill(tmp_path, "a.png")
    labels = tmp_path / "labels.csv"
    os.mkfifo(labels)
    assert f"{tmp_path}: labels.csv cannot be read: not a regular file" in labels_refusal(tmp_path)
    labels.unlink()
    labels.symlink_to(tmp_path / "nowhere")
    assert f"{tmp_path}: labels.csv cannot be read: no such file" in labels_refusal(tmp_path)
    labels.unlink()
    labels.write_bytes(bytes(11))
    monkeypatch.setattr(source, "MAX_BYTES", 10)
    assert f"{tmp_path}: labels.csv cannot be read: larger than" in labels_refusal(tmp_path)
