"""LSUN's LMDB environments, whole and damaged."""

import hashlib
import random
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lmdb
import pytest

from ignm.data.sources import UnreadableImageError, open_source
from ignm.data.sources.lsun import PackedKeys
from ignm.errors import IgnmError

PAGE = 4096


def make(folder: Path, count: int, salt: str = "", size: int = 6000) -> dict[str, bytes]:
    """Write an environment with keys and values like LSUN's; return what was written."""
    folder.mkdir(parents=True)
    written = {
        hashlib.sha1(f"{salt}{index}".encode(), usedforsecurity=False).hexdigest(): random.Random(index).randbytes(size)
        for index in range(count)
    }
    with lmdb.open(str(folder), map_size=1 << 27) as environment, environment.begin(write=True) as transaction:
        for key, value in written.items():
            transaction.put(key.encode(), value)
    return written


def refusal(path: Path) -> str:
    with pytest.raises(IgnmError) as caught, open_source(f"lsun:{path}"):
        pass
    return str(caught.value)


def test_train_then_val_in_the_order_of_their_keys_and_val_is_held_out(tmp_path):
    train = make(tmp_path / "bedroom_train_lmdb", 300)
    val = make(tmp_path / "bedroom_val_lmdb", 30, "val")
    with open_source(f"lsun:{tmp_path}") as source:
        assert source.names[:] == tuple(
            [f"bedroom_train_lmdb/{key}" for key in sorted(train)] + [f"bedroom_val_lmdb/{key}" for key in sorted(val)]
        )
        assert source.test == frozenset(range(300, 330))
        assert source.labels() is None
        for index, name in enumerate(source.names):
            assert source.read(index) == (train | val)[name.rpartition("/")[2]]


@pytest.mark.parametrize("name", ["bedroom_val_lmdb", "faces.lmdb"])
def test_one_environment_by_itself_is_named_by_its_keys_and_holds_nothing_out(tmp_path, name):
    written = make(tmp_path / name, 5)
    for path in (tmp_path / name, tmp_path):
        with open_source(f"lsun:{path}") as source:
            assert list(source.names) == sorted(written)
            assert source.names[-1] == sorted(written)[-1]
            assert source.test == frozenset()


def test_many_threads_read_what_one_does(tmp_path):
    written = make(tmp_path / "x", 200)
    with open_source(f"lsun:{tmp_path}") as source, ThreadPoolExecutor(8) as pool:
        order = random.Random(0).choices(range(200), k=2000)
        for index, data in zip(order, pool.map(source.read, order), strict=True):
            assert data == written[source.names[index]]


def test_keys_that_are_no_text_are_written_in_hexadecimal(tmp_path):
    with lmdb.open(str(tmp_path)) as environment, environment.begin(write=True) as transaction:
        for key in (b"\x00\x00\x00\x01", b"plain"):
            transaction.put(key, b"image")
    with open_source(f"lsun:{tmp_path}") as source:
        assert list(source.names) == ["00000001", "plain"]


def test_a_value_too_large_to_be_an_image_is_one_unreadable_image(tmp_path, monkeypatch):
    make(tmp_path / "x", 2)
    monkeypatch.setattr("ignm.data.sources.source.MAX_BYTES", 10)
    with open_source(f"lsun:{tmp_path}") as source, pytest.raises(UnreadableImageError, match="larger than"):
        source.read(0)


def test_reading_needs_no_lock_and_writes_nothing(tmp_path):
    make(tmp_path / "x", 3)
    (tmp_path / "x" / "lock.mdb").unlink()
    before = (tmp_path / "x" / "data.mdb").read_bytes()
    with open_source(f"lsun:{tmp_path}") as source:
        source.read(0)
    assert [file.name for file in (tmp_path / "x").iterdir()] == ["data.mdb"]
    assert (tmp_path / "x" / "data.mdb").read_bytes() == before


def test_keys_take_few_bytes_each():
    keys = PackedKeys()
    for index in range(1000):
        keys.append(b"%040d" % index)
    assert (len(keys), keys[0], keys[999]) == (1000, b"%040d" % 0, b"%040d" % 999)
    assert len(keys.data) + keys.ends.itemsize * len(keys.ends) == 48 * 1000


def test_exported_images_are_a_folder(tmp_path):
    for name in ("0/a.webp", "b.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    with open_source(f"lsun:{tmp_path}") as source:
        assert list(source.names) == ["0/a.webp", "b.webp"]
        assert source.read(1) == b"b.webp"


def test_identity_is_that_of_what_is_stored(tmp_path):
    make(tmp_path / "x", 3)

    def identity() -> str:
        with open_source(f"lsun:{tmp_path}") as source:
            return source.identity

    first = identity()
    assert identity() == first
    with lmdb.open(str(tmp_path / "x"), map_size=1 << 27) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"new", b"image")
    assert identity() != first


# --- what is refused


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_environment(tmp_path, kept):
    make(tmp_path / "x", 50)
    data = (tmp_path / "x" / "data.mdb").read_bytes()
    (tmp_path / "x" / "data.mdb").write_bytes(data[: int(len(data) * kept)])
    assert "x is a truncated or damaged LMDB" in refusal(tmp_path)


def leaves(data: bytes) -> list[int]:
    """Offsets of the pages that hold keys (LMDB 0.9: page number, then flags at byte 10, 2 = leaf)."""
    pages = range(2 * PAGE, len(data), PAGE)
    return [at for at in pages if struct.unpack_from("<QHH", data, at) == (at // PAGE, 0, 2)]


@pytest.mark.parametrize("damage", [bytes(PAGE), random.Random(0).randbytes(PAGE)], ids=["zeros", "noise"])
def test_a_damaged_page_is_refused_and_does_not_end_the_process(tmp_path, damage):
    make(tmp_path / "x", 400)
    data = bytearray((tmp_path / "x" / "data.mdb").read_bytes())
    at = leaves(bytes(data))[-1]
    data[at : at + PAGE] = damage
    (tmp_path / "x" / "data.mdb").write_bytes(data)
    assert "x is a truncated or damaged LMDB" in refusal(tmp_path)


def test_a_file_that_is_no_lmdb(tmp_path):
    (tmp_path / "data.mdb").write_bytes(random.Random(0).randbytes(100_000))
    assert "truncated or damaged LMDB" in refusal(tmp_path)


def test_an_empty_environment(tmp_path):
    make(tmp_path / "x", 0)
    assert "holds no image: its LMDB is empty" in refusal(tmp_path)


def test_several_categories_at_once(tmp_path):
    for name in ("bedroom_train_lmdb", "church_outdoor_train_lmdb"):
        make(tmp_path / name, 1)
    message = refusal(tmp_path)
    assert "several LMDB environments: bedroom_train_lmdb, church_outdoor_train_lmdb" in message


def test_an_environment_that_is_still_packed_and_one_inside_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "bedroom_val_lmdb.zip", "w") as archive:
        archive.writestr("bedroom_val_lmdb/data.mdb", b"")
    assert "bedroom_val_lmdb.zip is packed. Unpack it" in refusal(tmp_path)
    assert "unpack it onto a local disk" in refusal(tmp_path / "bedroom_val_lmdb.zip")
