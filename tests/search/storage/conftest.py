"""An S3 server on the loopback, stores that fail when told, and a real trial that takes a second."""

import hashlib
import json
import logging
import shutil
from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import boto3
import fsspec
import pytest
import torch
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem
from support.configs import SMALL

from ignm.config import Evaluation, TrialSpec, load_preset
from ignm.data.store import open_dataset
from ignm.files import write_json
from ignm.training.trial import run_trial
from search.storage.location import locate
from search.storage.remote import Remote

POINTS = (0.08, 0.16, 0.24, 0.32)
_buckets = count()


@pytest.fixture(scope="session")
def s3():
    """The URL of an S3 server of this machine."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # File systems are remembered by their arguments alone, and know the server of an earlier test.
    S3FileSystem.clear_instance_cache()
    yield f"http://{host}:{port}"
    S3FileSystem.clear_instance_cache()
    server.stop()


ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture
def account(s3, monkeypatch, tmp_path):
    """Credentials for the server, and nothing of the machine's own."""
    files = {name: str(tmp_path / "none") for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")}
    for name, value in {**ACCOUNT, **files, "AWS_ENDPOINT_URL": s3, "IGNM_HOME": str(tmp_path / "home")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def afresh():
    """Make file systems anew, which otherwise remember their credentials."""
    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="session")
def buckets(s3):
    """The server's buckets, as boto3 sees them."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in ACCOUNT.items():
            patched.setenv(name, value)
        return boto3.resource("s3", endpoint_url=s3)


@pytest.fixture
def bucket(account, buckets):
    """A new bucket: what is really there, whatever the code under test believes."""
    made = buckets.Bucket(f"bucket-{next(_buckets)}")
    made.create()
    return made


@pytest.fixture
def location(bucket):
    return locate(f"s3://{bucket.name}/some/prefix").join("small")


@pytest.fixture(params=["s3", "folder"])
def remote(request, tmp_path):
    """An empty store, impatient; S3, and the plainest that fsspec knows."""
    if request.param == "s3":
        return request.getfixturevalue("location").remote(patience=0)
    return folder_store(tmp_path / "store")


def folder_store(path):
    return Remote(fsspec.filesystem("file", auto_mkdir=True), str(path), f"file://{path}", patience=0)


class KilledError(Exception):
    """Raised in place of a kill."""


@pytest.fixture
def killed():
    return KilledError


class Faulty(S3FileSystem):
    """S3 that fails at the writes and requests that it is told to."""

    def obey_nobody(self):
        """Forget all orders and counts."""
        self.writes, self.before_write = 0, lambda path: None
        self.fail_write, self.fail_at = None, None
        self.requests, self.away_for, self.ignored = 0, 0, None

    async def _call_s3(self, method, *args, **kwargs):
        self.requests += 1
        if self.away_for > 0:
            self.away_for -= 1
            raise ConnectionResetError(104, "Connection reset by peer")
        if method in ("put_object", "delete_objects"):
            self.writes += 1
            name = kwargs.get("Key", "").rpartition("/")[2]
            if self.writes == self.fail_write or name == self.fail_at:
                raise KilledError
            self.before_write(kwargs.get("Key"))
            kwargs.pop(self.ignored, None)
        return await super()._call_s3(method, *args, **kwargs)


@pytest.fixture
def faulty(location):
    """The location's store, through a file system that fails when told; `.fs` takes the orders."""
    fs = Faulty(use_listings_cache=False)
    fs.obey_nobody()
    return replace(location.remote(patience=0), fs=fs)


class FakeTime:
    """A clock that only sleeping moves; `hooks` are called after each sleep."""

    def __init__(self):
        self.now, self.slept, self.hooks = 1000.0, [], []

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.slept.append(seconds)
        for hook in self.hooks:
            hook()


@pytest.fixture
def fake_time():
    return FakeTime()


class WeightSum:
    """Scores a generator by its weights, so that any difference between two runs shows."""

    def score(self, generator):
        quality = sum(p.double().abs().sum().item() for p in generator.parameters())
        return SimpleNamespace(
            quality=quality, quality_error=0.5, diversity=1.0, metric="sum", reference_id="none", columns={}
        )


@pytest.fixture(scope="session")
def spec():
    config = load_preset("dcgan", {**SMALL, "data.name": "drawn"})
    return TrialSpec(config=config, seed=0, kimg=POINTS[-1], measure_at=POINTS, evaluation=Evaluation())


@pytest.fixture(scope="session")
def train(home, spec):
    """Train the trial in a folder; yields its measurements."""
    dataset = open_dataset("drawn", 16, home / "data")

    def train(directory):
        return run_trial(spec, dataset, directory, WeightSum(), torch.device("cpu"))

    return train


@pytest.fixture(scope="session")
def stages(train, spec, tmp_path_factory):
    """The trial's folder as it was when begun, and after each measurement; and the measurements of it all."""
    root = tmp_path_factory.mktemp("stages")
    live = root / "live"
    write_json(live / "trial.json", spec.model_dump(mode="json"))
    write_json(live / "label.json", {"number": 0, "parameters": {}, "config_id": spec.config.config_id})
    shutil.copytree(live, root / "0")
    measurements = []
    for number, measurement in enumerate(train(live), start=1):
        measurements.append(measurement)
        shutil.copytree(live, root / str(number))
    return SimpleNamespace(measurements=measurements, folder=lambda number: root / str(number))


@pytest.fixture
def at_stage(stages, tmp_path):
    """Make a folder what the trial's was after some measurements, as training would leave it."""

    def at_stage(number, folder=None):
        folder = folder or tmp_path / "a" / "trial"
        source = stages.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("checkpoint-*"):
            if not (source / old.name).exists():
                shutil.rmtree(old)
        shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".lock"))
        return folder

    return at_stage


@pytest.fixture
def whole_in(bucket):
    """Number of measurements of every checkpoint in the bucket whose digests agree, each found out byte by byte."""

    def whole_in(trial=""):
        held = {
            each.key: each.get()["Body"].read() for each in bucket.objects.filter(Prefix=f"some/prefix/small/{trial}")
        }
        found = []
        for name, data in held.items():
            folder, _, file = name.rpartition("/")
            if file == "checkpoint.json":
                wanted = json.loads(data)["sha256"]
                digests = {each: hashlib.sha256(held.get(f"{folder}/{each}", b"")).hexdigest() for each in wanted}
                found += [len(json.loads(data)["measurements"])] if digests == wanted else []
        return sorted(found)

    return whole_in
