"""A whole study in an object store: its driver killed, gone on with from another machine's folder, and read."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

LONGEST = 240
IGNM = str(Path(sys.executable).with_name("ignm"))


def seen(bucket, ending):
    return {each.key: each.get()["Body"].read() for each in bucket.objects.all() if each.key.endswith(ending)}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_study_goes_on_elsewhere(bucket, home, small_study, tmp_path):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_study))
    # As a machine of its own: the dataset, and no study.
    homes = [shutil.copytree(home, tmp_path / name) for name in ("here", "elsewhere")]
    storage = f"s3://{bucket.name}/studies"

    def ignm(at, *arguments):
        environment = {**os.environ, "IGNM_HOME": str(at), "NO_COLOR": "1", "COLUMNS": "200"}
        return subprocess.Popen(
            [IGNM, *arguments, "--storage", storage],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    first = ignm(homes[0], "run", "small.yaml")
    deadline = time.monotonic() + LONGEST
    while len(seen(bucket, "status.json")) < 2:
        assert first.poll() is None, first.communicate()[0]
        assert time.monotonic() < deadline, "the study did not come so far"
        time.sleep(0.1)
    first.kill()
    first.communicate()
    finished = {path: text for path, text in seen(bucket, "measurements.jsonl").items() if "search" in path}
    ended = {path.rpartition("/")[0] for path in seen(bucket, "status.json")}
    second = ignm(homes[1], "run", "small.yaml")
    text = second.communicate(timeout=400)[0]
    assert second.returncode == 0, text
    now = seen(bucket, "measurements.jsonl")
    for trial in ended:
        assert now[f"{trial}/measurements.jsonl"] == finished[f"{trial}/measurements.jsonl"]
    words = [json.loads(each)["status"] for path, each in seen(bucket, "status.json").items() if "search" in path]
    assert len(words) == small_study["budget"]["trials"]
    assert "failed" not in words
    told = ignm(homes[0], "status", "small", "--json")
    standing = json.loads(told.communicate()[0])
    assert sum(standing["stages"]["search"]["ended"].values()) == small_study["budget"]["trials"]
    assert standing["winner"] is not None
