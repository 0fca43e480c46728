"""Real kills, at any request of a process that mirrors a trial."""

import random
import signal
import subprocess
import sys

import pytest

from ignm.training.checkpoint import latest_checkpoint
from search.storage.mirror import Mirror
from search.storage.trials import bring

TRAINER = """
import shutil, sys
from pathlib import Path
from s3fs import S3FileSystem
from dataclasses import replace
from ignm.training.checkpoint import keep_newest
from search.storage.location import locate
from search.storage.mirror import Mirror
from search.storage.trials import bring

class Telling(S3FileSystem):
    async def _call_s3(self, method, *args, **kwargs):
        print(method, flush=True)
        return await super()._call_s3(method, *args, **kwargs)

uri, local, stages = sys.argv[1:]
remote = replace(locate(uri).remote(patience=0), fs=Telling(use_listings_cache=False))
kept = bring(Mirror(Path(local), remote))
begun = max((int(path.name[11:]) // 80 for path in Path(local).glob("checkpoint-*")), default=0)
for number in range(begun + 1, 5):
    shutil.copytree(Path(stages) / str(number) / f"checkpoint-{number * 80:010d}", f"{local}/.new.partial")
    Path(local, ".new.partial").rename(Path(local, f"checkpoint-{number * 80:010d}"))
    shutil.copyfile(Path(stages) / str(number) / "measurements.jsonl", f"{local}/measurements.jsonl")
    keep_newest(Path(local), 2)
    kept.keep()
kept.close()
print("done", flush=True)
"""


@pytest.mark.slow
def test_a_trial_killed_at_any_request_and_brought_elsewhere_never_falls_back(location, stages, tmp_path, whole_in):
    source = random.Random(0)
    location.remote().put({name: stages.folder(0) / name for name in ("trial.json", "label.json")})
    reached, last = [], [10**6]
    for turn, requests in enumerate([source.randint(10, 26) for _ in range(7)] + last):
        command = [sys.executable, "-c", TRAINER, location.uri, str(tmp_path / str(turn)), str(stages.folder(0).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for number, _ in enumerate(process.stdout, start=1):
                if number == requests:
                    process.send_signal(signal.SIGKILL)
                    break
        assert process.returncode == (-signal.SIGKILL if number == requests else 0)
        reached.append(max(whole_in(), default=0))
    assert reached == sorted(reached)
    assert reached[-1] == 4
    assert len(set(reached)) > 2
    mirror = Mirror(tmp_path / "last", location.remote())
    bring(mirror)
    assert len(latest_checkpoint(mirror.local).measurements) == 4
