import pytest

from ignm.words import capital, clock, count, first_line


@pytest.mark.parametrize(
    ("words", "text"),
    [((1, "seed"), "1 seed"), ((0, "seed"), "0 seeds"), ((2000, "trial"), "2,000 trials"),
     ((1, "axis", "axes"), "1 axis"), ((3, "axis", "axes"), "3 axes")],
)  # fmt: skip
def test_how_many_of_something(words, text):
    assert count(*words) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (725, "12:05"), (3600, "1:00:00")]
)
def test_a_clock(seconds, text):
    assert clock(seconds) == text


def test_a_capital_leaves_the_rest_as_it_is():
    assert [capital(text) for text in ("fd is FID", "", "Ä")] == ["Fd is FID", "", "Ä"]


@pytest.mark.parametrize(
    ("error", "line"),
    [(ValueError("first\nsecond"), "first"), (OSError(), "OSError"), (ValueError("\n  late"), "late"),
     (KeyError("x"), "'x'"), ("a message", "a message")],
)  # fmt: skip
def test_the_first_line_of_an_error(error, line):
    assert first_line(error) == line
