"""The commands that README and docs show, run: each ends well, in a home of its own, in seconds."""

import os
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from PIL import Image

from ignm.data.faces import draw_faces

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "results").glob("*.md"))]
# What cannot be here, and where it is tried instead.
ELSEWHERE = {
    "s3://": "tests/search/storage",
    "--address": "tests/search/clusters",
    "preflight": "tests/search/clusters",
    "celeba:": "tests/ignm/data",
    "faces-grey": "real faces that do not come along",
    "FACES.zip": "real faces that do not come along",
    "four-strategies": "two hours; its file is valid, see test_pages.py",
    "loss.adversarial=smoothed": "test_adding.py",
    "docs/examples": "real faces that do not come along",
    "--watch": "a driver that runs: tests/search/test_watching.py",
    "--install-completion": "it writes into a shell's files",
}
STUDY = {
    "data": {"name": "mine", "resolution": 64},
    "set": {"optim.batch": 8, "generator.width": 8, "discriminator.width": 8, "generator.latent": 8},
    "space": "mine-space.yaml",
    "budget": {"trials": 2, "kimg": 0.1},
    "confirm": {"top": 1, "seeds": 2},
    "ablate": {"designs": ["leave_one_out"], "seeds": 2, "most_seeds": 2},
    "evaluation": {"images": 64},
}
SPACE = {
    "axes": [
        {"path": "loss.adversarial", "choice": ["non_saturating", "hinge"]},
        {"path": "generator.width", "choice": [8, 12]},
        {"path": "data.mirror", "choice": [True, False]},
        {"path": "optim.generator.lr", "log_float": [1e-4, 1e-3]},
    ]
}
SMALLER = {"budget.trials=80": "budget.trials=3", "budget.trials=16": "budget.trials=3", "search-0007": "search-0000"}
NAMES = {
    "path/to/faces": "faces",
    "~/faces": "faces",
    "SOURCE": "faces",
    "NAME": "shown",
    "STUDY": "mine",
    "CHECKPOINT": "studies/mine/best",
}


def shown():
    """Every command of an indented block, once, by its page."""
    found = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        for line in re.findall(r"^ {4}(ignm [^\n]*)$", text, re.MULTILINE):
            if page.name != "tutorial.md" and not any(word in line for word in ELSEWHERE):
                found.setdefault(" ".join(shlex.split(line, comments=True)), page.name)
    return found


def small(words):
    """The command on what is here, with budgets of seconds."""
    words = [SMALLER.get(NAMES.get(word, word), NAMES.get(word, word)) for word in words]
    words = ["0.05" if before == "--kimg" else word for before, word in pairwise(["", *words])]
    if words[1] == "train":
        tiny = ("generator.width=8", "discriminator.width=8", "optim.batch=8")
        words += ["--images", "32", *(word for value in tiny for word in ("--set", value))]
    if words[1:3] == ["data", "import"]:
        words += ["--overwrite"]
    if "--only" in words:
        words += ["--set", "name=narrowed", "--fix", "generator.width=8"]
    return words


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with images, a study, a space, what was trained before, and the environment of a newcomer."""
    place = tmp_path_factory.mktemp("place")
    (place / "faces").mkdir()
    for number, image in enumerate(draw_faces(120, 40, seed=2).images):
        Image.fromarray(image).save(place / "faces" / f"{number}.png")
    (place / "mine.yaml").write_text(yaml.safe_dump(STUDY))
    (place / "mine-space.yaml").write_text(yaml.safe_dump(SPACE))
    for name in ("cluster.yaml", "cluster-local.yaml"):
        (place / name).write_bytes((ROOT / name).read_bytes())
    environment = {
        **os.environ, "HOME": str(place / "home"), "NO_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }  # fmt: skip
    environment.pop("IGNM_HOME", None)

    def run(*words):
        return subprocess.run(
            words, cwd=place, env=environment, capture_output=True, text=True, check=False, timeout=600
        )

    for command in (
        "ignm data import faces --name mine --resolution 64",
        "ignm data import faces --name shown --resolution 64",
        "ignm run mine.yaml",
        "ignm train --preset dcgan --data mine --kimg 0.05 --out runs/embedded --images 32 --set generator.width=8 "
        "--set discriminator.width=8 --set optim.batch=8",
    ):
        done = run(*command.split())
        assert done.returncode == 0, done.stdout + done.stderr
    return run


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("line", sorted(shown()))
def test_a_command_of_the_pages_ends_well(line, place):
    words = small(line.split())
    done = place(*words)
    # A cluster's file that comes along has places to be filled in.
    allowed = {0, 1} if words[1:3] == ["cluster", "check"] else {0}
    assert done.returncode in allowed, f"{shown()[line]}: {words}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
