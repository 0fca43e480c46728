"""How the report writes numbers, durations and values for a reader."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from analysis.quantities import ABSENT, decimals_of
from spaces.axis import value_text


def number(value: Any, digits: int = 3) -> str:
    """Write a number with `digits` significant digits and thousands separators; a dash when it is missing or NaN."""
    if value is None or pd.isna(value):
        return ABSENT
    value = float(value)
    if not math.isfinite(value):
        return ABSENT
    sign, value = ("−" if value < 0 else ""), abs(value)
    if value != 0 and not 1e-3 <= value < 1e7:
        return f"{sign}{value:.{digits}g}"
    return f"{sign}{value:,.{decimals_of(value, digits)}f}"


def amount(value: Any, digits: int = 3) -> str:
    """Write a number without trailing zeros: 40, 2.5, 1,468."""
    text = number(value, digits)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def mean_sd(mean: Any, sd: Any, digits: int = 3) -> str:
    """Write "12.3 ± 0.4" with equal decimals, or the mean alone when there is no sd."""
    if sd is None or pd.isna(sd) or mean is None or pd.isna(mean):
        return number(mean, digits)
    decimals = decimals_of(float(mean), digits)
    if 0 < sd < 10**-decimals:
        decimals = min(6, -math.floor(math.log10(sd)))
    return f"{mean:,.{decimals}f} ± {sd:,.{decimals}f}"


def interval(value: Any, low: Any, high: Any) -> str:
    """Write "12.3 [11.9, 12.7]", two significant digits of half the interval; the value alone without limits."""
    if low is None or high is None or value is None or not all(map(math.isfinite, (value, low, high))):
        return number(value)
    half = (high - low) / 2
    if not 1e-6 < half < 1e7:
        return f"{number(value)} [{number(low)}, {number(high)}]"
    decimals = decimals_of(half, 2)
    return f"{_fixed(value, decimals)} [{_fixed(low, decimals)}, {_fixed(high, decimals)}]"


def duration(seconds: Any) -> str:
    """Write a duration in the unit that suits it: s, min, h or days."""
    if seconds is None or pd.isna(seconds):
        return ABSENT
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h"), (math.inf, 86400, "days")):
        if seconds < limit:
            return f"{amount(seconds / size)} {unit}"
    return ABSENT


def axis_value(value: Any) -> str:
    """Write a configuration value in a table's cell: `value_text`, but a dash where it is None or does not apply."""
    if isinstance(value, list | tuple):
        return ", ".join(axis_value(item) for item in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {axis_value(item)}" for key, item in value.items())
    if value is None or pd.isna(value):
        return ABSENT
    return value_text(value, 6 if isinstance(value, float) and abs(value) >= 1e4 else 4)


def value_in_words(value: Any) -> str:
    """As `axis_value`, within a sentence: "none" where there is none."""
    return "none" if value is None else axis_value(value)


def status_words(status: str) -> str:
    """Write a status for a reader: out_of_memory becomes "out of memory"."""
    return status.replace("_", " ")


def short_names(paths: list[str]) -> dict[str, str]:
    """Shorten dotted paths to the shortest endings, of two parts or more, that still tell them apart."""
    return {path: _shortest(path, [other for other in paths if other != path]) for path in paths}


def _shortest(path: str, others: list[str]) -> str:
    parts = path.split(".")
    for size in range(2, len(parts)):
        ending = ".".join(parts[-size:])
        if not any(other == ending or other.endswith("." + ending) for other in others):
            return ending
    return path


def _fixed(value: float, decimals: int) -> str:
    text = f"{abs(value):,.{decimals}f}"
    # Nothing is minus nought.
    return f"−{text}" if value < 0 and any(digit in text for digit in "123456789") else text
