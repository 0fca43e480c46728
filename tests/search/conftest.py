"""A small dataset of drawn faces in a home of its own, and a study over it that takes seconds."""

import os
import sys

import pytest
from PIL import Image

from ignm.data.faces import draw_faces
from ignm.data.importing import import_dataset
from search.cli import app
from search.study.question import Question

SPACE = """
axes:
  - {path: generator.width, strategy: structure, choice: [8, 16]}
  - {path: optim.generator.lr, strategy: optim, log_float: [1e-4, 1e-3]}
  - {path: discriminator.normalisation, strategy: structure, choice: [batch, null]}
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """IGNM's home with the dataset `drawn` at 16x16."""
    home = tmp_path_factory.mktemp("home")
    source = tmp_path_factory.mktemp("source")
    for index, image in enumerate(draw_faces(200, 16, seed=5).images):
        Image.fromarray(image).save(source / f"{index:04d}.png")
    import_dataset(str(source), "drawn", 16, root=home / "data")
    return home


@pytest.fixture
def in_home(home, monkeypatch):
    monkeypatch.setenv("IGNM_HOME", str(home))
    return home


@pytest.fixture
def space_file(tmp_path):
    path = tmp_path / "axes.yaml"
    path.write_text(SPACE)
    return path


@pytest.fixture
def small_study(space_file):
    """A study over `drawn` that takes seconds, as its file would say it."""
    return {
        "name": "small",
        "data": {"name": "drawn", "resolution": 16},
        "set": {"optim.batch": 32, "discriminator.width": 8, "generator.width": 8, "generator.latent": 16},
        "space": str(space_file),
        "budget": {"trials": 5, "kimg": 2, "first_rung": 0.5},
        "confirm": {"top": 1, "seeds": 2},
        "evaluation": {"images": 64},
    }


@pytest.fixture
def question(small_study):
    return Question.model_validate(small_study)


@pytest.fixture
def environment(home):
    """For `ignm` in a process of its own."""
    return {**os.environ, "IGNM_HOME": str(home), "NO_COLOR": "1"}


@pytest.fixture
def ignm(monkeypatch, capsys, tmp_path):
    """Run a command in this process with a home of its own; returns (exit code, everything printed in one line)."""
    monkeypatch.setenv("IGNM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["ignm", *map(str, arguments)])
        try:
            app.main()
        except SystemExit as ended:
            code = ended.code or 0
        else:
            code = 0
        captured = capsys.readouterr()
        text = captured.out + captured.err
        assert "Traceback" not in text
        return code, " ".join(text.split())

    return run
