import pytest

from ignm.config.files import parse_yaml
from spaces.axis import value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "null"), (True, "true"), (False, "false"), ("relu", "relu"), (64, "64"), (64.0, "64"), (0.1 + 0.2, "0.3"),
     (0.00012345, "0.00012345"), (3e-5, "3e-05"), (["relu", None], "relu, null"),
     ({"a": True, "b": 2}, "a: true, b: 2")],
)  # fmt: skip
def test_a_value_is_spelt_as_in_yaml(value, text):
    assert value_text(value) == text


@pytest.mark.parametrize("value", [None, True, False, "relu", 64, 0.5, 0.1, 0.00012345, 2.5e-7, 1e-3 / 3 * 3])
def test_what_is_written_reads_back(value):
    assert parse_yaml(value_text(value), "a test") == value


def test_a_searched_number_may_be_shortened():
    assert value_text(0.000234719, digits=4) == "0.0002347"
