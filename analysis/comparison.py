"""Two configurations side by side: the difference of their means, and how much of it chance explains."""

import math
from dataclasses import dataclass

import pandas as pd
from scipy import stats

from analysis.formatting import count, number

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A 95% interval of a difference of means; `method` names how it was found."""

    low: float
    high: float
    method: str

    @property
    def holds_zero(self) -> bool:
        """Tell whether chance alone explains the difference."""
        return self.low <= 0 <= self.high


def difference_interval(one: "pd.Series[float]", other: "pd.Series[float]") -> Interval | None:
    """Return the t interval of mean(one) - mean(other); None below two values a side or without any spread.

    one, other: qualities indexed by seed. Runs of one seed share data order and latents, so where both sides have the
    same seeds the interval is that of the paired differences; else it is Welch's (Welch 1947).
    """
    if min(len(one), len(other)) < 2:
        return None
    pairs = _pairs(one, other)
    if pairs is not None and _varies(pairs, one):
        found = stats.ttest_1samp(pairs, 0.0).confidence_interval(CONFIDENCE)
        return _finite(float(found.low), float(found.high), f"paired t, the same {len(pairs)} seeds on both sides")
    if not _varies(one, one) and not _varies(other, other):
        return None
    found = stats.ttest_ind(one, other, equal_var=False).confidence_interval(CONFIDENCE)
    return _finite(float(found.low), float(found.high), f"Welch, {_sizes(one, other)}")


def change_words(mean: float, reference: float) -> str:
    """Say how far `mean` is from `reference` (above 0): "31% below", "less than 1% above", "equal to"."""
    if mean == reference:
        return "equal to"
    percent = round(100 * abs(mean - reference) / reference)
    return f"{f'{percent}%' if percent else 'less than 1%'} {'below' if mean < reference else 'above'}"


def doubt_words(interval: Interval | None) -> str:
    """Qualify a difference stated in a headline; empty where seeds alone do not explain it."""
    if interval is None:
        return ", from too few seeds to tell"
    return ", within seed noise" if interval.holds_zero else ""


def interval_words(name: str, one: "pd.Series[float]", other: "pd.Series[float]") -> str:
    """Say in a sentence how `one` stands against `other`, the configuration called `name`."""
    interval = difference_interval(one, other)
    if interval is None:
        return f"Against {name}: {_sizes(one, other)}, too few to say how much of the difference is chance."
    verdict = "not distinguishable from seed noise" if interval.holds_zero else "seeds alone do not explain it"
    return (
        f"Against {name}: the 95% interval of the difference is {number(interval.low)} to {number(interval.high)} "
        f"({interval.method}): {verdict}."
    )


def _pairs(one: "pd.Series[float]", other: "pd.Series[float]") -> "pd.Series[float] | None":
    named = not (one.index.hasnans or other.index.hasnans) and one.index.is_unique and other.index.is_unique
    if not named or set(one.index) != set(other.index):
        return None
    return one - other.reindex(one.index)


def _varies(values: "pd.Series[float]", scale: "pd.Series[float]") -> bool:
    # What rounding leaves of equal differences is no spread.
    return bool(values.std() > 1e-9 * scale.abs().max())


def _finite(low: float, high: float, method: str) -> Interval | None:
    return Interval(low, high, method) if math.isfinite(low) and math.isfinite(high) else None


def _sizes(one: "pd.Series[float]", other: "pd.Series[float]") -> str:
    return f"{count(len(one), 'seed')} against {len(other)}"
