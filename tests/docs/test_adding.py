"""The recipes for adding, carried out: each patch applies, and the tests that it brings pass."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "adding.md").read_text(encoding="utf-8")
ROOMS = ("ignm", "spaces", "search", "analysis", "tests", "benchmarks", "docs", "pyproject.toml")
RECIPES = dict(re.findall(r"^## ([^\n]*)\n(?:(?!^## ).)*?^```diff\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def project(tmp_path):
    """A copy of the project to change."""
    unwanted = shutil.ignore_patterns("__pycache__", "*.png", "*.html")
    for room in ROOMS:
        copy = shutil.copytree if (ROOT / room).is_dir() else shutil.copy
        copy(ROOT / room, tmp_path / room, **({"ignore": unwanted} if copy is shutil.copytree else {}))
    return tmp_path


def apply(patch, project, *options):
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", *options, "-"],
        cwd=project, input=patch, capture_output=True, text=True, check=False,
        # So that it does not take a repository above for its own.
        env={**os.environ, "GIT_CEILING_DIRECTORIES": str(project.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_there_is_a_recipe_for_each_that_changes_code():
    assert set(RECIPES) == {"A loss", "A dataset's layout", "A metric"}


@pytest.mark.parametrize("title", sorted(RECIPES))
def test_the_patch_applies(title, project):
    apply(RECIPES[title], project, "--check")


@pytest.mark.slow
@pytest.mark.parametrize("title", sorted(RECIPES))
def test_what_was_added_works(title, project):
    patch = RECIPES[title]
    apply(patch, project)
    tests = re.findall(r"^\+\+\+ b/(tests/\S+)$", patch, re.MULTILINE)
    assert tests
    environment = {**os.environ, "PYTHONPATH": str(project)}
    for command in (
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, "tests/ignm/metrics/test_registry.py"],
        [str(Path(sys.executable).with_name("ruff")), "check", "ignm", "tests"],
        [str(Path(sys.executable).with_name("ruff")), "format", "--check", "ignm", "tests"],
    ):
        done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
