"""Two configurations side by side, in words: by how much they differ, and how much of it chance explains."""

import pandas as pd

from analysis.formatting import number
from analysis.statistics.estimates import Estimate, NotEstimable
from analysis.statistics.paired import difference


def change_words(mean: float, reference: float) -> str:
    """Say how far `mean` is from `reference` (above 0): "31% below", "less than 1% above", "equal to"."""
    if mean == reference:
        return "equal to"
    percent = round(100 * abs(mean - reference) / reference)
    return f"{f'{percent}%' if percent else 'less than 1%'} {'below' if mean < reference else 'above'}"


def doubt_words(found: Estimate | NotEstimable) -> str:
    """Qualify a difference stated in a headline; empty where seeds alone do not explain it."""
    if isinstance(found, NotEstimable):
        return ", from too few seeds to tell"
    return ", within seed noise" if found.holds_zero else ""


def interval_words(name: str, one: "pd.Series[float]", other: "pd.Series[float]") -> str:
    """Say in a sentence how `one` stands against `other`, the configuration called `name`; both indexed by seed."""
    found = difference(one, other)
    if isinstance(found, NotEstimable):
        return f"Against {name}: how much of the difference is chance cannot be said, {found.reason}."
    verdict = "not distinguishable from seed noise" if found.holds_zero else "seeds alone do not explain it"
    return (
        f"Against {name}: the 95% interval of the difference is {number(found.low)} to {number(found.high)} "
        f"({found.method}): {verdict}."
    )
