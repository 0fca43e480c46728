"""What the shell offers for a half-typed word, asked as a shell asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def offered(tmp_path):
    def ask(*words: str) -> list[str]:
        line = ["ignm", *words]
        done = subprocess.run(
            [sys.executable, "-X", "importtime", Path(sys.executable).with_name("ignm")],
            cwd=tmp_path,
            env={
                **os.environ, "IGNM_HOME": str(tmp_path / "home"), "COMP_WORDS": " ".join(line),
                "COMP_CWORD": str(len(line) - 1), "_IGNM_COMPLETE": "complete_bash",
            },
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        imported = {entry.rpartition("|")[2].strip() for entry in done.stderr.splitlines()}
        assert not imported & {"torch", "ray", "pandas", "optuna"}, "a shell would wait for that at every tab"
        return done.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("st",), ["status", "stop"]),
        (("train", "--preset", "wg"), ["wgan-gp"]),
        (("train", "--set", "optim.generator.l"), ["optim.generator.lr="]),
        (("run", "quick", "--set", "budget.ti"), []),
        (("run", "quick", "--set", "budget.tr"), ["budget.trials="]),
        (("run", "quick", "--only", "data,stru"), ["data,structure"]),
        (("run", "quick", "--only", "loss.pen"), ["loss.penalty"]),
        (("data", "show", "emb"), ["embedded"]),
        (("describe", "str"), ["structure"]),
    ],
)
def test_names_are_offered(offered, words, expected):
    assert offered(*words) == expected


def test_studies_their_trials_and_files_are_offered(offered, tmp_path):
    (tmp_path / "studies" / "mine" / "trials" / "search-0001-abc").mkdir(parents=True)
    (tmp_path / "studies" / "mine" / "study.yaml").touch()
    (tmp_path / "studies" / "broken").mkdir()
    (tmp_path / "other.yaml").touch()
    assert offered("status", "") == ["mine"]
    assert offered("stop", "mine", "sea") == ["search-0001-abc"]
    assert offered("run", "o") == ["other.yaml"]
    assert offered("run", "absent/x") == []
