from search.storage.manifest import Manifest, Seen, seen_now


def test_what_was_noted_is_read_by_the_beginning_of_its_name(tmp_path):
    manifest = Manifest(tmp_path / "deep" / "m.db")
    assert manifest.read() == {}
    notes = {"a/b": Seen(1, 2, "x"), "a/c": Seen(3, 4), "b/ü_%": Seen(2**62, 0, "")}
    manifest.note(notes)
    again = Manifest(tmp_path / "deep" / "m.db")
    assert again.read() == notes
    assert set(again.read("a/")) == {"a/b", "a/c"}
    assert set(again.read("b/ü_")) == {"b/ü_%"}
    again.note({"a/b": Seen(9, 9)})
    again.forget(["a/c"])
    assert manifest.read("a") == {"a/b": Seen(9, 9)}


def test_a_damaged_one_is_begun_anew(tmp_path):
    path = tmp_path / "m.db"
    path.write_bytes(b"no database" * 1000)
    assert Manifest(path).read() == {}
    Manifest(path).note({"a": Seen(1, 1)})
    assert set(Manifest(path).read()) == {"a"}


def test_a_file_is_known_again_until_it_changes(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"1")
    seen = Seen(*seen_now(path))
    assert seen.is_now(path)
    path.write_bytes(b"22")
    assert not seen.is_now(path)
    path.unlink()
    assert not seen.is_now(path)
