"""Several processes and one pool, and one that is killed while it makes it."""

import signal
import subprocess
import sys

from ignm.config.data import SyntheticConfig
from ignm.synthetic.pool import open_pool

CODE = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from ignm.config.data import SyntheticConfig
from ignm.synthetic.pool import open_pool
images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 1), dtype=np.uint8)
dataset = SimpleNamespace(images=images, fingerprint="noise", resolution=16, channels=1)
made = []
def progress(done, total):
    made.append(done)
    if sys.argv[2] == "die" and done > 64:
        os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[2] == "wait":
    print("ready", flush=True)
    sys.stdin.readline()
pool = open_pool(SyntheticConfig(source="variants", count=200), dataset, Path(sys.argv[1]), progress)
print(pool.fingerprint, len(made), int(pool.images.sum()))
"""


def start(root, how):
    return subprocess.Popen(
        [sys.executable, "-c", CODE, str(root), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_get_one_pool(tmp_path):
    both = [start(tmp_path, "wait") for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    (first, blocks, pixels), (second, others, again) = (out.split() for out, _ in answers)
    assert (first, pixels) == (second, again)
    assert sorted((blocks, others)) == ["0", "4"]
    assert [path.name for path in (tmp_path / ".pools").iterdir()] == [first]


def test_a_killed_making_leaves_nothing_that_looks_whole(tmp_path):
    killed = start(tmp_path, "die")
    _, error = killed.communicate(timeout=120)
    assert killed.returncode == -signal.SIGKILL, error
    (left,) = (tmp_path / ".pools").iterdir()
    assert left.name.endswith(".partial")
    again = start(tmp_path, "go")
    out, error = again.communicate(timeout=120)
    assert again.returncode == 0, error
    fingerprint, blocks, _ = out.split()
    assert blocks == "4"
    assert [path.name for path in (tmp_path / ".pools").iterdir()] == [fingerprint]


def test_pools_of_different_settings_do_not_disturb_each_other(tmp_path, grey):
    """While one is made, another one is: neither takes the other's unfinished folder for a leftover."""
    inner = []

    def meanwhile(done, total):
        if not inner:
            inner.append(open_pool(SyntheticConfig(source="variants", count=70, seed=1), grey, tmp_path))

    outer = open_pool(SyntheticConfig(source="variants", count=70), grey, tmp_path, meanwhile)
    assert len(outer) == len(inner[0]) == 70
    assert outer.fingerprint != inner[0].fingerprint
