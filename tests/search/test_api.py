"""The command line's work from Python: the page in the docs runs, and a call that cannot is refused in words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from ignm.errors import IgnmError
from search.api import run_study

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
