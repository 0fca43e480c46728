import errno
from dataclasses import replace

import pytest
from botocore.exceptions import EndpointConnectionError

from ignm.errors import IgnmError
from search.storage.location import locate
from search.storage.remote import Remote


def test_what_is_written_is_listed_read_and_removed(remote, tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    remote.put({"a/f": tmp_path / "f", "g": tmp_path / "f"})
    remote.write("a/b/h", b"1")
    inside = remote.inside("a")
    assert {name: entry.size for name, entry in remote.listing().items()} == {"a/b/h": 1, "a/f": 5, "g": 5}
    assert set(remote.listing("a/b")) == {"a/b/h"}
    assert set(inside.listing()) == {"b/h", "f"}
    assert remote.listing("nothing") == {}
    assert inside.read("b/h") == b"1"
    assert inside.read("nothing") is None
    inside.get({"f": tmp_path / "deep" / "er", "b/h": tmp_path / "other"})
    assert (tmp_path / "deep" / "er").read_bytes() == b"12345"
    remote.remove(["a/f", "not/there"])
    remote.remove(["not/there"])
    assert set(remote.listing()) == {"a/b/h", "g"}


def test_a_listing_tells_that_an_object_was_written_again(remote):
    remote.write("f", b"one")
    before = remote.listing()["f"]
    assert remote.listing()["f"] == before
    remote.write("f", b"two")
    assert remote.listing()["f"] != before


def test_the_folders_that_consoles_make_are_no_files(location, bucket):
    for key in ("some/prefix/small/", "some/prefix/small/trials/", "some/prefix/small/trials/t"):
        bucket.put_object(Key=key, Body=b"")
    assert set(location.remote(patience=0).listing()) == {"trials/t"}


def test_an_object_is_created_once(remote):
    assert remote.create("f", b"one")
    assert not remote.create("f", b"two")
    assert remote.read("f") == b"one"


def test_a_good_store_passes_the_probe_and_keeps_nothing_of_it(remote):
    remote.probe()
    assert remote.listing() == {}


def test_a_store_that_writes_over_what_is_there_fails_the_probe(faulty, bucket):
    faulty.fs.ignored = "IfNoneMatch"
    with pytest.raises(IgnmError, match="If-None-Match"):
        faulty.probe()
    assert list(bucket.objects.all()) == []


def test_a_local_file_that_is_gone_is_no_fault_of_the_store(remote, tmp_path):
    with pytest.raises(FileNotFoundError):
        remote.put({"f": tmp_path / "gone"})
    with pytest.raises(FileNotFoundError):
        remote.get({"gone": tmp_path / "f"})


@pytest.mark.parametrize("doing", ["listing", "write", "create", "put"])
def test_a_missing_bucket_is_named(account, tmp_path, doing):
    remote = locate("s3://no-such-bucket/x").remote(patience=1e9)
    (tmp_path / "f").write_bytes(b"1")
    arguments = {"write": ("f", b""), "create": ("f", b""), "put": ({"f": tmp_path / "f"},)}
    with pytest.raises(IgnmError, match=r"s3://no-such-bucket/x: .* there is no such bucket; check its name"):
        getattr(remote, doing)(*arguments.get(doing, ()))


def test_missing_credentials_are_told_at_once(account, afresh, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(IgnmError, match=r"s3://bucket/x: .* no credentials were found; set AWS_PROFILE"):
        locate("s3://bucket/x").remote(patience=1e9).write("f", b"")


class Raising:
    """A file system whose listing raises, as often as told, and then answers."""

    def __init__(self, error, times):
        self.error, self.times, self.calls = error, times, 0

    def find(self, path, detail):
        self.calls += 1
        if self.calls <= self.times:
            raise self.error
        return {}


def raising(error, times, fake_time, patience=300.0):
    return Remote(Raising(error, times), "b/x", "s3://b/x", patience, fake_time.clock, fake_time.sleep)


AWAY = [
    EndpointConnectionError(endpoint_url="http://store"),
    TimeoutError("timed out"),
    OSError(errno.EBUSY, "Please reduce your request rate."),
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
]


@pytest.mark.parametrize("error", AWAY, ids=lambda error: type(error).__name__)
def test_a_store_that_is_away_for_a_while_is_waited_for_and_told_once(error, fake_time, caplog):
    remote = raising(error, 9, fake_time)
    assert remote.listing() == {}
    assert 60 < sum(fake_time.slept) < 100
    assert len(caplog.records) == 2
    assert "trying again for 300 s" in caplog.records[0].getMessage()
    assert "answers again" in caplog.records[1].getMessage()


def test_patience_ends_with_what_to_check(fake_time):
    remote = raising(AWAY[0], 10**6, fake_time, patience=120)
    with pytest.raises(IgnmError, match=r"s3://b/x: listing failed for 120 s: .*http://store.*; check the network"):
        remote.listing()
    assert sum(fake_time.slept) == 120
    assert remote.fs.calls < 20


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (PermissionError("Access Denied"), "access is denied; check that the credentials may"),
        (OSError(errno.ENOSPC, "No space left on device"), "make room"),
    ],
)
def test_what_waiting_cannot_mend_is_told_at_once(error, told, fake_time):
    with pytest.raises(IgnmError, match=told):
        raising(error, 10**6, fake_time).listing()
    assert fake_time.slept == []


def test_a_mistake_in_the_code_is_not_hidden(fake_time):
    with pytest.raises(TypeError):
        raising(TypeError("a bug"), 1, fake_time).listing()


@pytest.mark.parametrize(
    ("code", "told"),
    [("ExpiredToken", "sign in again"), ("PermanentRedirect", "another region"), ("InvalidAccessKeyId", "access key")],
)
def test_a_refusal_is_told_by_the_stores_own_code(code, told, fake_time):
    from botocore.exceptions import ClientError
    from s3fs.errors import translate_boto_error

    error = translate_boto_error(ClientError({"Error": {"Code": code, "Message": "no"}}, "ListObjectsV2"))
    with pytest.raises(IgnmError, match=told):
        raising(error, 10**6, fake_time).listing()


def test_requests_that_fail_on_the_way_are_sent_again(faulty, fake_time, bucket):
    patient = replace(faulty, patience=300, clock=fake_time.clock, sleep=fake_time.sleep)
    faulty.fs.away_for = 5
    patient.write("f", b"1")
    assert patient.read("f") == b"1"
    assert [each.key for each in bucket.objects.all()] == ["some/prefix/small/f"]
    assert len(fake_time.slept) == 5
