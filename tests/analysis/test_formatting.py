import numpy as np
import pytest

from analysis.formatting import amount, axis_value, duration, mean_sd, number, short_names, value_in_words
from analysis.quantities import quantity


@pytest.mark.parametrize(
    ("value", "text"),
    [(12.345, "12.3"), (-0.5, "−0.500"), (1234.5, "1,234"), (2.5e-5, "2.5e-05"), (0, "0.00"), (None, "–"),
     (np.nan, "–"), (np.inf, "–"), (3e7, "3e+07"), (0.01234, "0.0123")],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "cell", "words"),
    [(None, "–", "none"), (np.nan, "–", "–"), (True, "true", "true"), ("relu", "relu", "relu"), (64, "64", "64"),
     (0.000123456, "0.0001235", "0.0001235"), (64.0, "64", "64"), (65536.0, "65536", "65536"),
     (["relu", None], "relu, –", "relu, –"), ({"a": False}, "a: false", "a: false")],
)  # fmt: skip
def test_values_of_a_config(value, cell, words):
    assert (axis_value(value), value_in_words(value)) == (cell, words)


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.3e-8, "0"), (0, "0"), (0.00412, "0.00412"), (1.5e-6, "0.000002"), (2.5, "2.5"), (0.99999, "1"), (1000, "1,000"),
     (80_000, "80,000"), (4.2e9, "4,200,000,000"), (np.nan, "–")],
)  # fmt: skip
def test_quantities_are_no_powers_of_ten(value, text):
    assert quantity(value) == text


def test_other_texts():
    assert mean_sd(12.34, 0.42) == "12.3 ± 0.4"
    assert mean_sd(12.34, 0.004) == "12.340 ± 0.004"
    assert mean_sd(12.34, np.nan) == "12.3"
    assert [amount(value) for value in (40, 0, 2.5, 1468)] == ["40", "0", "2.5", "1,468"]
    assert [duration(value) for value in (30, 600, 10800, 864000, None)] == ["30 s", "10 min", "3 h", "10 days", "–"]
    assert short_names(["optim.generator.lr", "optim.discriminator.lr", "a.b", "x.a.b"]) == {
        "optim.generator.lr": "generator.lr", "optim.discriminator.lr": "discriminator.lr", "a.b": "a.b",
        "x.a.b": "x.a.b",
    }  # fmt: skip
