"""The reference in the docs is what the code says."""

from pathlib import Path

import pytest

from ignm.config import config_paths
from search.reference import page

DOCS = Path(__file__).parents[2] / "docs" / "reference.md"


@pytest.fixture(scope="module")
def lines():
    return "\n".join(page()).split("\n")


def test_the_page_in_the_docs_is_up_to_date(lines):
    assert DOCS.read_text(encoding="utf-8").splitlines() == lines, "run `make reference`"


def test_every_path_of_a_configuration_is_there_once(lines):
    section = lines[lines.index("## A configuration") : lines.index("## Presets")]
    for path in config_paths():
        assert sum(line.startswith(f"| `{path}` |") for line in section) == 1


@pytest.mark.parametrize(
    "row",
    [
        "| `budget.reduction` | whole number from 2 to 16 | 2 | Each rung is this many times the last one",
        "| `confirm.minutes` | number above 0 to 1,000,000, - | - |",
        "| `optim.generator.beta1` | optim | number from 0 below 1 | 0.5 |",
        "| `generator.bias` | structure | unnormalised, needed, all | unnormalised | Which convolutions have biases",
        "| `discriminator.normalisation` | batch | batch | - | layer |",
    ],
)
def test_a_row_says_what_is_allowed_and_what_is_the_default(lines, row):
    assert any(line.startswith(row) for line in lines)


def test_every_field_says_what_it_is(lines):
    fields = lines[: lines.index("## Presets")]
    bare = [line for line in fields if line.startswith("| `") and line.endswith("|  |")]
    assert not bare
