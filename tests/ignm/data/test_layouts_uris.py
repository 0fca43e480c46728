"""Prefixes and addresses: which place and layout a source's name means, and sources in an object store."""

import io
import random
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import fs

from ignm.data.sources import UnreadableImageError, open_source, opening
from ignm.data.sources.stores import _StoredFile, without_secrets
from ignm.errors import IgnmError

CELEBA = {"img_align_celeba/000001.jpg": b"one", "img_align_celeba/000002.jpg": b"two"}
PARTITION = {"list_eval_partition.txt": b"000001.jpg 0\n000002.jpg 2\n"}


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def refusal(spec: str | Path) -> str:
    with pytest.raises(IgnmError) as caught, open_source(spec):
        pass
    return str(caught.value)


# --- prefixes


def test_an_unknown_prefix_names_the_nearest_and_all_layouts(tmp_path):
    message = refusal(f"celba:{tmp_path}")
    assert "There is no layout 'celba' (did you mean 'celeba'?)" in message
    assert "Layouts: celeba, ffhq, lsun" in message
    assert "no layout 'celba' (did you mean 'celeba'?)" in refusal("celba:s3://bucket/celeba")


def test_a_folder_whose_name_holds_a_colon_is_a_folder(tmp_path, monkeypatch):
    put(tmp_path, {"celba:x/a.png": b"a", "ffhq:y/a.png": b"a"})
    monkeypatch.chdir(tmp_path)
    for spec in ("celba:x", "ffhq:y", str(tmp_path / "celba:x"), Path("ffhq:y")):
        with open_source(spec) as source:
            assert source.names == ("a.png",)


def test_a_prefix_without_a_place_or_with_a_missing_one(tmp_path):
    assert "'celeba:' names no place" in refusal("celeba:")
    for prefix in ("celeba", "ffhq", "lsun"):
        assert f"There is no {tmp_path / 'nothing'}" in refusal(f"{prefix}:{tmp_path / 'nothing'}")


def test_the_home_folder_may_stand_behind_a_prefix(tmp_path, monkeypatch):
    put(tmp_path, CELEBA)
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_source("celeba:~") as source:
        assert len(source.names) == 2


# --- a store


@pytest.fixture
def bucket(tmp_path, monkeypatch) -> Path:
    """Make s3://bucket a store with these files, which are not taken for local ones."""
    root = tmp_path / "bucket"
    root.mkdir()
    store = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(opening, "connect", lambda uri: (store, uri.partition("://")[2].rpartition("@")[2]))
    return root


def test_a_local_address_is_the_local_path(tmp_path):
    put(tmp_path / "my faces", {"a.png": b"a"})
    with open_source((tmp_path / "my faces").as_uri()) as source:
        assert (source.names, source.title, source.read(0)) == (("a.png",), "my faces", b"a")


def test_a_folder_in_a_store_is_read_as_on_a_disk(bucket):
    files = {"b/10.png": b"x", "b/9.png": b"y", ".hidden.png": b"z", "labels.csv": b"file,kind\n9.png,q\n10.png,r\n"}
    put(bucket / "faces", files)
    for uri in ("s3://bucket/faces", "s3://bucket/faces/"):
        with open_source(uri) as source:
            assert source.names == ("b/9.png", "b/10.png")
            assert [source.read(0), source.read(1)] == [b"y", b"x"]
            assert source.title == "faces"
            table = source.labels()
            assert table is not None
            assert table.encode([0, 1]).classes.tolist() == [[0], [1]]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_in_a_store_is_never_read_whole(bucket, monkeypatch, method):
    files = {f"{index}.png": random.Random(index).randbytes(50_000) for index in range(100)}
    put(bucket, {"faces.zip": packed(files, method)})
    read = []
    into = _StoredFile.readinto
    monkeypatch.setattr(_StoredFile, "readinto", lambda self, buffer: (read.append(into(self, buffer)), read[-1])[1])
    with open_source("s3://bucket/faces.zip") as source:
        assert (source.names[0], source.names[-1], source.title) == ("0.png", "99.png", "faces.zip")
        for index in (3, 90):
            assert source.read(index) == files[f"{index}.png"]
    assert 100_000 < sum(read) < 1_000_000


def test_layouts_and_parquet_in_a_store(bucket):
    put(bucket / "celeba", CELEBA | PARTITION)
    put(bucket / "packed", {"img_align_celeba.zip": packed(CELEBA), **PARTITION})
    for name in ("celeba", "packed"):
        with open_source(f"celeba:s3://bucket/{name}") as source:
            assert [source.read(0), source.read(1)] == [b"one", b"two"]
            assert source.test == {1}
    table = pa.table({"image": pa.array([{"bytes": b"x", "path": None}])})
    pq.write_table(table, bucket / "a.parquet")
    put(bucket / "many", {"data/train.parquet": (bucket / "a.parquet").read_bytes()})
    for uri in ("s3://bucket/a.parquet", "s3://bucket/many"):
        with open_source(uri) as source:
            assert source.read(0) == b"x"
    put(bucket / "lsun", {"data.mdb": b""})
    assert "holds an LMDB, which is read where it lies" in refusal("lsun:s3://bucket/lsun")


def test_identity_follows_what_is_stored(bucket):
    def identity() -> str:
        with open_source("s3://bucket/faces") as source:
            return source.identity

    put(bucket / "faces", {"a.png": b"a"})
    first = identity()
    assert identity() == first
    put(bucket / "faces", {"b.png": b"b"})
    assert identity() != first


def test_what_is_missing_or_foreign_in_a_store(bucket):
    put(bucket, {"faces.tar": b"tar", "broken.zip": packed({"a.png": bytes(1000)})[:-30], "none/a.txt": b""})
    assert refusal("s3://bucket/nothing").startswith("There is no s3://bucket/nothing.")
    assert "s3://bucket/faces.tar is neither a folder nor a zip" in refusal("s3://bucket/faces.tar")
    assert "s3://bucket/broken.zip is a truncated or damaged zip" in refusal("s3://bucket/broken.zip")
    assert "The folder s3://bucket/none holds no image: 1 files" in refusal("s3://bucket/none")


def test_an_object_that_is_gone_is_one_unreadable_image_and_a_failing_store_is_an_error(bucket, monkeypatch):
    put(bucket / "faces", {"a.png": b"a", "b.png": b"b"})
    with open_source("s3://bucket/faces") as source:
        (bucket / "faces" / "a.png").unlink()
        with pytest.raises(UnreadableImageError, match="no such file"):
            source.read(0)
        (bucket / "faces" / "b.png").unlink()
        (bucket / "faces" / "b.png").mkdir()
        with pytest.raises(IgnmError, match=r"s3://bucket/faces cannot be read: .*Check the address, the permissions"):
            source.read(1)


def test_a_giant_in_a_store_is_one_unreadable_image(bucket, monkeypatch):
    put(bucket / "faces", {"a.png": bytes(11)})
    monkeypatch.setattr("ignm.data.sources.source.MAX_BYTES", 10)
    with open_source("s3://bucket/faces") as source, pytest.raises(UnreadableImageError, match="larger than"):
        source.read(0)


@pytest.mark.parametrize(
    "error", [PermissionError(13, "ACCESS_DENIED"), OSError("NO_SUCH_BUCKET"), pa.ArrowInvalid("bad")]
)
def test_errors_of_a_store_are_messages_without_keys(monkeypatch, error):
    class Failing:
        type_name = "s3"

        def get_file_info(self, _):
            raise error

    monkeypatch.setattr(opening, "connect", lambda _: (Failing(), "bucket/faces.zip"))
    message = refusal("s3://key:secret@bucket/faces.zip?endpoint_override=x")
    assert message.startswith("s3://bucket/faces.zip cannot be read: ")
    assert "secret" not in message


@pytest.mark.parametrize(
    "uri", ["https://host/faces.zip", "nope://bucket/x", "s3://key:secret@bucket/a b", "file://host/x"]
)
def test_addresses_that_no_store_knows(uri):
    message = refusal(uri)
    assert message.startswith(f"{without_secrets(uri)} cannot be read: ")
    assert "secret" not in message


def test_errors_while_a_zip_in_a_store_is_read_end_the_import(bucket, monkeypatch):
    put(bucket, {"faces.zip": packed({f"{index}.png": bytes(300_000) for index in range(4)})})
    with open_source("s3://bucket/faces.zip") as source:

        class Broken:
            def seek(self, _):
                pass

            def readinto(self, _):
                raise OSError("connection reset")

            def tell(self):
                return 0

            def close(self):
                pass

        init = _StoredFile.seek

        def seek(self, offset, whence=0):
            self._file = Broken()
            return init(self, offset, whence)

        monkeypatch.setattr(_StoredFile, "seek", seek)
        with pytest.raises(IgnmError, match="connection reset"):
            source.read(1)
