import sys
from pathlib import Path

import pytest

from ignm.errors import IgnmError
from search.storage.location import Role, locate


@pytest.mark.parametrize("given", ["studies", "/a/b", "./x y", "file:///a/b", Path("rel/s3")])
def test_a_folder_is_worked_in_directly(given):
    location = locate(given).join("mine")
    expected = Path(str(given).removeprefix("file://")) / "mine"
    assert location.uri is None
    assert [location.folder(role) for role in Role] == [expected] * 3
    assert location.name == "mine"


def test_a_home_folder_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert locate("~/studies").path == Path("/home/someone/studies")


def test_each_uri_and_each_role_has_a_folder_of_its_own(monkeypatch):
    monkeypatch.setenv("IGNM_HOME", "/home/x")
    uris = ["s3://b/p", "s3://b/p/q", "s3://b-p/q", "gs://b/p", "s3://b/P"]
    folders = {locate(uri).join("mine").folder(role) for uri in uris for role in Role}
    assert len(folders) == 15
    assert all(folder.name == "mine" and folder.is_relative_to("/home/x/studies") for folder in folders)


def test_a_study_is_the_same_by_its_storage_and_by_its_uri():
    assert locate("S3://bucket/prefix/").join("mine") == locate("s3://bucket/prefix/mine")
    assert str(locate("s3://bucket").join("mine")) == "s3://bucket/mine"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("http://host/x", "http:// cannot|cannot lie in http://; give a folder, or s3://BUCKET/PREFIX"),
        ("hdfs://host/x", "give a folder, or s3://"),
        ("memory://x", "cannot lie in memory://"),
        ("s3://", "bucket's name is missing"),
        ("s3:///x", "'' cannot be a part"),
        ("s3://b//x", "'' cannot be a part"),
        ("s3://b/../x", "'..' cannot be a part"),
        ("s3://b/x?versionId=1", "cannot be a part"),
        ("s3://b/.hidden", "cannot be a part"),
        ("s3:/b/x", "expected s3://BUCKET/PREFIX"),
        (Path("s3://b/x"), "expected s3://BUCKET/PREFIX"),
        ("file://a/b", "expected file:///"),
        ("~no-such-user/x", "no home folder ~no-such-user here"),
    ],
)
def test_what_is_no_place_is_refused(given, told):
    with pytest.raises(IgnmError, match=told) as caught:
        locate(given)
    assert str(given) in str(caught.value)


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    # What fsspec has imported before, it does not import again.
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    with pytest.raises(IgnmError, match=r'needs s3fs, which is not installed: pip install "ignm\[aws\]"'):
        locate("s3://bucket/x").remote()
