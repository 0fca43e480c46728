"""Preflight on a local Ray of two nodes, the one of which claims a GPU that is not there."""

import dataclasses
import importlib

import pytest
import ray
import torch
from ray.cluster_utils import Cluster

from ignm.data.store import open_dataset
from ignm.errors import IgnmError
from search.clusters import probe as probing
from search.clusters.preflight import preflight, probe_nodes
from search.clusters.probe import Wanted, probe, probe_markers, remove_markers
from search.clusters.version import CodeVersion, code_version
from search.running.ray_cluster import connected


@pytest.fixture(scope="module")
def two_nodes():
    """A node, and one that says it has a GPU."""
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_AUTH_MODE", "disabled")
    small = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=80_000_000)
    with connected(cluster.address):
        yield
    cluster.shutdown()
    patch.undo()


@pytest.fixture
def dataset(in_home):
    return open_dataset("drawn", 16)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_every_node_is_asked_and_told_of(two_nodes, tmp_path, dataset, monkeypatch):
    by_gpus = {report.gpus: report for report in probe_nodes(tmp_path / "studies", dataset)}
    assert by_gpus[0].problems == ()
    (lacking,) = by_gpus[1].problems
    assert lacking.startswith("Ray says 1 GPU(s), torch sees 0")
    with pytest.raises(IgnmError, match=r"1 of 2 nodes cannot run trials:\n.*Ray says 1 GPU"):
        preflight(tmp_path / "studies", dataset)
    assert list((tmp_path / "studies").iterdir()) == []

    other = dataclasses.replace(dataset, fingerprint="0" * 64)
    assert all("another drawn@16" in report.problems[0] for report in probe_nodes(tmp_path, other))
    (tmp_path / "file").write_text("")
    unwritable = probe_nodes(tmp_path / "file" / "studies")
    assert all("cannot write to the storage" in report.problems[0] for report in unwritable)
    monkeypatch.setenv("IGNM_HOME", str(tmp_path / "empty"))
    assert all("lacks the dataset" in report.problems[0] for report in probe_nodes(tmp_path, dataset))
    late = probe_nodes(tmp_path, seconds=0.0)
    assert all(report.problems == ("did not answer within 0 s",) for report in late)


@pytest.fixture
def wanted(tmp_path, in_home, monkeypatch):
    monkeypatch.setattr(probing, "SECONDS_TO_APPEAR", 0.3)
    monkeypatch.setattr(probing, "PATIENCE", 0.3)
    return Wanted(str(tmp_path), "mark", code_version(), str(in_home / "data"), None)


def test_a_marker_that_is_missing_or_of_another_preflight_is_not_seen(wanted):
    assert probe(wanted, "a", 0).problems == ()
    probe(dataclasses.replace(wanted, mark="other"), "b", 0)
    assert probe_markers(wanted, ["a", "b"]) == ("b",)
    remove_markers(wanted)
    assert probe_markers(wanted, ["a"]) == ("a",)


def test_another_version_is_a_problem(wanted):
    mine = wanted.version
    older = CodeVersion("0" * 16, "3.9", (("ray", "2.0.0"), *mine.libraries[1:]))
    (problem,) = probe(dataclasses.replace(wanted, version=older), "a", 0).problems
    assert problem == (
        f"another version of the code: the project's sources {mine.digest} instead of {'0' * 16}, "
        f"Python {mine.python} instead of 3.9, ray {ray.__version__} instead of 2.0.0"
    )


@pytest.fixture
def bucket(monkeypatch):
    """An S3 of its own; yields its URI."""
    moto_server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    boto3 = importlib.import_module("boto3")
    server = moto_server.ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="studies")
    yield "s3://studies/here"
    server.stop()


def test_markers_in_an_object_store(wanted, bucket):
    there = dataclasses.replace(wanted, storage=bucket)
    assert probe(there, "a", 0).wrote
    assert probe_markers(there, ["a", "b"]) == ("b",)
    remove_markers(there)
    assert probe_markers(there, ["a"]) == ("a",)


def test_an_object_store_that_refuses(wanted, bucket):
    answer = probe(dataclasses.replace(wanted, storage="s3://another/here"), "a", 0)
    assert not answer.wrote
    assert "cannot write to the storage: s3://another/here" in answer.problems[0]


def test_the_command_names_what_it_cannot_use(ignm):
    code, text = ignm("cluster", "preflight", "--data", "drawn")
    assert code == 2
    assert "expected NAME@RESOLUTION" in text
