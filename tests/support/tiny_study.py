"""A tiny study, driven by `ignm` in a process of its own, to which things happen."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from support.nothing_lost import lines

IGNM = str(Path(sys.executable).with_name("ignm"))
LONGEST = 240
AXES = """
axes:
  - {path: optim.generator.lr, strategy: optim, log_float: [1e-4, 1e-3]}
  - {path: discriminator.normalisation, strategy: structure, choice: [batch, null]}
"""
TINY = {
    "name": "tiny",
    "data": {"name": "drawn", "resolution": 16},
    "set": {"optim.batch": 32, "discriminator.width": 8, "generator.width": 8, "generator.latent": 16},
    "space": "axes.yaml",
    "budget": {"trials": 4, "kimg": 12, "first_rung": 3, "finalists": 2},
    "resources": {"checkpoint_kimg": 1.0},
    "suggesting": {"presets": False},
    "evaluation": {"images": 64},
}


class Study:
    """`ignm search` of the tiny study; its folder is `path`."""

    def __init__(self, home, environment, storage, **changes):
        self.home, self.environment = home, environment
        self.path = storage / "tiny"
        home.mkdir(exist_ok=True)
        (home / "axes.yaml").write_text(AXES)
        (home / "tiny.yaml").write_text(yaml.safe_dump({**TINY, **changes}))
        self.begun = []

    def start(self, *words):
        process = subprocess.Popen(
            [IGNM, "search", "tiny.yaml", "--storage", str(self.path.parent), *words],
            cwd=self.home, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.begun.append(process)
        return process

    def ended(self, process, code=0):
        """What a process has printed, when it is over."""
        output, _ = process.communicate(timeout=LONGEST)
        assert process.returncode == code, output
        assert "Traceback" not in output
        return output

    def finish(self, *words):
        return self.ended(self.start(*words))

    def kill(self, process):
        process.kill()
        process.wait()

    def wait_until(self, condition, process=None):
        """The first true answer; the process, if there is one, must not end before."""
        deadline = time.monotonic() + LONGEST
        while not (found := condition()):
            assert time.monotonic() < deadline, "the study did not come so far"
            if process is not None and process.poll() is not None:
                pytest.fail(f"ended too early: {process.stdout.read()}")
            time.sleep(0.02)
        return found

    def trials(self):
        return sorted(path.parent for path in self.path.glob("trials/search-*/label.json"))

    def attempts(self):
        """How often any trial was taken up."""
        return sum(attempts(trial) for trial in self.trials())

    def running(self, kimg=1.0):
        """Folders of the trials in training that have come so far, or further."""
        return [trial for trial in self.trials() if not (trial / "status.json").exists() and reached(trial) >= kimg]


def reached(trial):
    """kimg that a trial in training has come to."""
    path = trial / "progress.json"
    return json.loads(path.read_text())["kimg"] if path.exists() else 0.0


def owner(trial):
    """The process that trains a trial."""
    return json.loads((trial / "owner.json").read_text())["pid"]


def is_gone(pid):
    """Whether a process is no more, or dead and not yet buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def status(trial):
    """How a trial has ended; None while it has not."""
    path = trial / "status.json"
    return json.loads(path.read_text())["status"] if path.exists() else None


def attempts(trial):
    return len(lines(trial / "attempts.jsonl"))


def kill(pid):
    os.kill(pid, signal.SIGKILL)
