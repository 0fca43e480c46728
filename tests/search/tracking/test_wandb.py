"""Weights & Biases, offline; needs the package."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from support.studies import begun, measure, trial_of

from search.study.folder import Status

pytest.importorskip("wandb")


@pytest.fixture
def folder(tmp_path, question):
    return begun(tmp_path, question)


@pytest.fixture
def trial(folder, question):
    trial = trial_of(folder, question, 0)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(trial.path / "samples.png")
    return trial


def test_a_run_for_a_trial_and_no_point_twice(folder, trial, monkeypatch):
    from search.tracking.wandb import Wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    measure(trial, (0.5, 9.0))
    first = Wandb(folder, "faces")
    first.show(trial)
    first.close()
    measure(trial, (0.5, 9.0), (1.0, 7.0))
    second = Wandb(folder, "faces")
    second.show(trial)
    trial.end(Status.COMPLETED)
    second.show(trial)
    assert not second._runs
    second.close()
    assert json.loads((trial.path / "wandb.json").read_text())["step"] == 1000
    written = sorted((folder.path / "wandb" / "wandb").glob("offline-run-*"))
    assert len(written) == 2
    # One id: `wandb sync` joins them.
    assert len({path.name.rpartition("-")[2] for path in written}) == 1


def test_nobody_logged_in_is_told_at_once(tmp_path):
    # In a process of its own: Weights & Biases keeps what it was told first.
    code = (
        f"import sys; sys.path[:] = {[path for path in sys.path if not path.endswith('tests')]!r}\n"
        "from pathlib import Path\n"
        "from ignm.errors import IgnmError\n"
        "from search.study.folder import StudyFolder\n"
        "from search.tracking.wandb import Wandb\n"
        "try:\n"
        "    Wandb(StudyFolder(Path('small')), 'faces')\n"
        "except IgnmError as error:\n"
        "    print(error)\n"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    environment = {**kept, "HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.stdout.startswith("tracking.wandb: "), done.stderr
    assert "WANDB_MODE=offline" in done.stdout
