"""The tutorial, followed: its commands are run as they stand, its file is the one that it shows."""

import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from ignm.data.faces import draw_faces

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
# Set up already; what is searched is made small, as the page itself says how.
LEFT_OUT = ("make ", "source ", "ignm --install-completion")
SMALL = (
    "--set",
    "budget.trials=2",
    "--set",
    "budget.kimg=2",
    "--set",
    "confirm.seeds=2",
    "--set",
    "evaluation.images=64",
)


def steps():
    """Commands, and pieces of the study's file, in the order of the page; what commands print is passed over."""
    pattern = re.compile(r"^ {4}(\S[^\n]*)$|^```yaml\n(.*?)^```|^```.*?^```", re.MULTILINE | re.DOTALL)
    for found in pattern.finditer(PAGE.read_text(encoding="utf-8")):
        command, piece = found.groups()
        if piece or (command and not command.startswith(LEFT_OUT)):
            yield command, piece


def shortened(words):
    """The command with budgets that take seconds."""
    if words[1] == "run":
        return [*words, *SMALL]
    return [
        re.sub(r"^(16|32)$", "0.2", word) if before == "--kimg" else word for before, word in pairwise(["", *words])
    ]


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_tutorial_runs_from_top_to_bottom(tmp_path):
    (tmp_path / "faces").mkdir()
    for number, image in enumerate(draw_faces(300, 40, seed=1).images):
        Image.fromarray(image).save(tmp_path / "faces" / f"{number}.jpg")
    environment = {
        **os.environ, "HOME": str(tmp_path / "home"), "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    environment.pop("IGNM_HOME", None)
    said = ""
    for command, piece in steps():
        if piece is not None:
            with (tmp_path / "mine.yaml").open("a") as file:
                file.write(piece)
            continue
        words = shortened(shlex.split(command, comments=True))
        done = subprocess.run(
            words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        said += done.stdout
    for wanted in ("dry run", "winner:", "report:", "comparisons decided", "safer.png", "ways.png", "precision"):
        assert wanted in said, wanted
    best = tmp_path / "studies" / "mine" / "best"
    assert "Licence of the images, as it was given at their import: MIT" in (best / "README.md").read_text()
    assert (tmp_path / "home" / ".ignm" / "data" / "mine" / "32" / "dataset.json").exists()
