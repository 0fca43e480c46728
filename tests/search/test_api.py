"""The command line's work from Python: the page in the docs runs, and a call that cannot is refused in words."""

import importlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
import yaml
from PIL import Image

from ignm.errors import IgnmError
from search.api import report_study, run_study, stop_study, study_best, study_standing
from search.best import read_best
from search.cli.app import app
from search.study.folder import StudyFolder

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom(tmp_path):
    random = np.random.default_rng(0)
    (tmp_path / "faces").mkdir()
    for number in range(40):
        pixels = random.integers(0, 256, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "faces" / f"{number}.png")
    study = {
        "data": {"name": "mine", "resolution": 16},
        "set": {"optim.batch": 8, "generator.width": 8, "discriminator.width": 8},
        "budget": {"trials": 1, "kimg": 0.2},
        "confirm": {"top": 1, "seeds": 1},
        "evaluation": {"images": 64},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    code = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    # Ray starts processes, as a notebook's kernel does, from no file of its own.
    done = subprocess.run(
        [sys.executable, "-"], input=code, cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "IGNM_HOME": str(tmp_path / "home"), "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "studies" / "mine" / "report" / "index.html").exists()
    assert "Pretraining makes training faster" in done.stdout


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"stages": ("serch",)}, r"no stage 'serch' \(did you mean 'search'\?\)"),
        ({"changes": {"budget.trails": 3}}, "did you mean 'trials'"),
    ],
)
def test_what_cannot_run_is_refused_before_anything(tmp_path, call, said):
    with pytest.raises(IgnmError, match=said):
        run_study("quick", tmp_path / "studies", **call)
    assert not (tmp_path / "studies").exists()


def test_a_study_that_was_loaded_takes_no_changes(question, tmp_path):
    with pytest.raises(IgnmError, match="was loaded already"):
        run_study(question, tmp_path, changes={"budget.trials": 3})


def test_every_command_has_its_function_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.*?) \| (.*?) \|$", page, re.MULTILINE)[1:]
    told = {name for command, _ in rows for name in re.findall(r"`(?:ignm )?([a-z ]+)`", command)}
    assert told == set(commands(typer.main.get_command(app)))
    for _, functions in rows:
        for dotted in re.findall(r"`((?:ignm|search|spaces)\.[\w.]+)`", functions):
            module, _, name = dotted.rpartition(".")
            assert callable(getattr(importlib.import_module(module), name)), dotted


def commands(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


def test_no_study_and_no_winner_are_told(tmp_path):
    for call in (study_standing, study_best, report_study, stop_study):
        with pytest.raises(IgnmError, match="no study here"):
            call("mine", storage=tmp_path)
    with pytest.raises(IgnmError, match="no winner yet"):
        read_best(StudyFolder(tmp_path))
