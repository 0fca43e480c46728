"""Durations with their units."""

import pytest

from search.displaying.durations import in_units


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (-1, "0 s"), (23.4, "23 s"), (59.6, "1 min"), (64, "1 min 4 s"), (390, "6 min 30 s"),
        (3599.7, "1 h"), (4800, "1 h 20 min"), (7189, "2 h"), (360000, "100 h"), (3.6e6 + 120, "1,000 h 2 min"),
    ],
)  # fmt: skip
def test_a_duration_names_its_units(seconds, text):
    assert in_units(seconds) == text
