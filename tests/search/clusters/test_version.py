"""Two machines run one version where their sources and libraries are the same, wherever they lie."""

import shutil
import subprocess
import sys

import pytest
from lab.hosts import REPOSITORY

from search.clusters import version
from search.clusters.version import PACKAGES, CodeVersion, code_version, digest_of


@pytest.fixture
def copy(tmp_path):
    """The project's packages, copied elsewhere."""
    for name in PACKAGES:
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return {name: tmp_path / name for name in PACKAGES}


def test_a_copy_elsewhere_is_the_same_version(copy):
    assert digest_of(copy) == digest_of({name: REPOSITORY / name for name in PACKAGES})


@pytest.mark.parametrize(
    "change",
    [
        lambda copy: (copy["ignm"] / "errors.py").write_text("X = 1\n"),
        lambda copy: (copy["ignm"] / "config" / "presets" / "dcgan.yaml").write_text("{}"),
        lambda copy: (copy["search"] / "new.py").write_text(""),
        lambda copy: (copy["spaces"] / "axis.py").unlink(),
        lambda copy: (copy["ignm"] / "errors.py").rename(copy["ignm"] / "wrong.py"),
    ],
    ids=["source", "preset", "added", "removed", "renamed"],
)
def test_any_change_of_the_sources_is_another_version(copy, change):
    before = digest_of(copy)
    change(copy)
    assert digest_of(copy) != before


def test_what_running_leaves_behind_is_not(copy):
    before = digest_of(copy)
    (copy["ignm"] / "__pycache__").mkdir()
    (copy["ignm"] / "__pycache__" / "errors.cpython-311.pyc").write_bytes(b"x")
    (copy["ignm"] / ".errors.py.swp").write_bytes(b"x")
    assert digest_of(copy) == before


def test_another_process_anywhere_says_the_same(tmp_path):
    code = "from search.clusters.version import code_version; print(code_version().digest)"
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == code_version().digest


def test_a_build_for_gpus_is_the_same_version_and_a_release_is_not(monkeypatch):
    versions = {"ray": "2.60.0", "torch": "2.14.1+cu130", "optuna": "5.0.0"}
    monkeypatch.setattr(version.metadata, "version", versions.__getitem__)
    with_gpu = dict(code_version.__wrapped__().libraries)
    assert with_gpu["torch"] == "2.14.1"
    mine = CodeVersion("a", "3.11", (("torch", "2.14.1"),))
    assert mine.differences(CodeVersion("a", "3.11", (("torch", "2.14.1"),))) == []
    assert mine.differences(CodeVersion("a", "3.11", (("torch", "2.13.0"),))) == ["torch 2.13.0 instead of 2.14.1"]
    assert mine.differences(CodeVersion("a", "3.11", ())) == ["torch missing instead of 2.14.1"]
