"""Ten thousand configs, studies and spaces as nobody should write them: an error in words, or something that works."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.mutations import mutated_file

from ignm.config import load_config, load_preset, preset_names, read_yaml
from ignm.errors import IgnmError
from search.study.question import load_question
from spaces.reading import load_space

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
BASE = load_preset("dcgan")


def read_study(path):
    question = load_question(str(path))
    question.base()
    question.load_space()


def read_space(path):
    load_space(str(path), BASE).possible(BASE)


READERS = {"config": load_config, "study": read_study, "space": read_space}


def sources(kind):
    if kind == "config":
        return [load_preset(name).model_dump(mode="json") for name in preset_names()]
    if kind == "study":
        return [read_yaml(EXAMPLES / f"{name}.yaml") for name in ("ablation", "faces-grey", "four-strategies")]
    return [read_yaml(path) for path in sorted((ROOT / "spaces" / "library").glob("*.yaml"))]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "count"), [("config", 3_400), ("study", 3_300), ("space", 3_300)])
def test_a_mutated_file_is_refused_in_words_or_read(tmp_path, kind, count):
    random = np.random.default_rng(0)
    shutil.copy(EXAMPLES / "four-strategies-space.yaml", tmp_path)
    known, path = sources(kind), tmp_path / f"{kind}.yaml"
    refused = []
    for _ in range(count):
        path.write_bytes(mutated_file(known[random.integers(len(known))], random))
        try:
            READERS[kind](path)
        except IgnmError as error:
            refused.append(str(error))
    assert all(text.strip() and "Traceback" not in text and len(text) < 20_000 for text in refused)
    # Neither all refused nor all read: the changes reach what is checked.
    assert count // 3 < len(refused) < count
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted({path.name, "four-strategies-space.yaml"})
