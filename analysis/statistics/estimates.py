"""An estimate with its t interval, or the reason why there is none; every other module returns one of the two."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from scipy import special

from ignm.errors import IgnmError

CONFIDENCE = 0.95
ALPHA = 0.05
"""Share of errors that all comparisons of one family may hold together."""

ROUNDING = 1e-9
"""A spread below this fraction of the values themselves is what rounding leaves, not seed noise."""


@dataclass(frozen=True)
class NotEstimable:
    """There is no interval, and `reason` says why in a sentence; `value` is the bare number where there is one."""

    reason: str
    n: int = 0
    lost: int = 0
    value: float | None = None
    estimable: ClassVar[bool] = False


@dataclass(frozen=True)
class Estimate:
    """A value with its t interval at `confidence`.

    error: standard error; df: degrees of freedom; p: two-sided, of the value being 0; n: what it rests on (pairs of
    runs, seeds); lost: seeds that were asked for and left nothing to count, e.g. because they diverged.
    """

    value: float
    low: float
    high: float
    confidence: float
    error: float
    df: float
    p: float
    n: int
    lost: int
    method: str
    estimable: ClassVar[bool] = True

    @property
    def holds_zero(self) -> bool:
        """Tell whether chance alone explains the value."""
        return self.low <= 0 <= self.high

    def limits(self, confidence: float) -> tuple[float, float]:
        """Return the interval at another confidence, in (0, 1)."""
        half = -float(special.stdtrit(self.df, (1 - confidence) / 2)) * self.error
        return self.value - half, self.value + half

    def p_above(self, bound: float) -> float:
        """Return the one-sided p of the value being at most `bound`: small where it lies above."""
        return float(special.stdtr(self.df, (bound - self.value) / self.error))

    def p_below(self, bound: float) -> float:
        """Return the one-sided p of the value being at least `bound`: small where it lies below."""
        return float(special.stdtr(self.df, (self.value - bound) / self.error))


def t_parts(value: float, error: float, df: float, confidence: float) -> dict[str, float]:
    """Return the fields of an Estimate that follow from a value, its standard error and its degrees of freedom."""
    half = -float(special.stdtrit(df, (1 - confidence) / 2)) * error
    return {
        "value": float(value),
        "low": float(value - half),
        "high": float(value + half),
        "confidence": confidence,
        "error": float(error),
        "df": float(df),
        "p": float(2 * special.stdtr(df, -abs(value) / error)),
    }


def mean_estimate(values: Any, confidence: float = CONFIDENCE, lost: int = 0) -> Estimate | NotEstimable:
    """Return the mean of one value a seed with its t interval; what is not finite is left out and counted as lost."""
    check_confidence(confidence)
    every = np.asarray(values, dtype=float)
    kept = every[np.isfinite(every)]
    lost += len(every) - len(kept)
    refused = too_few(kept, "value", lost) or without_spread(kept, kept, lost)
    if refused is not None:
        return refused
    error = float(kept.std(ddof=1)) / math.sqrt(len(kept))
    method = f"t over {len(kept)} seeds"
    return Estimate(
        **t_parts(float(kept.mean()), error, len(kept) - 1, confidence), n=len(kept), lost=lost, method=method
    )


def too_few(kept: np.ndarray, what: str, lost: int) -> NotEstimable | None:
    """Say why fewer than two values give no interval; None where there are two or more. `what` is one of them."""
    if len(kept) >= 2:
        return None
    tail = f" ({lost} lost)" if lost else ""
    if len(kept) == 1:
        return NotEstimable(f"only one {what}{tail}: its spread is unknown", 1, lost, float(kept[0]))
    return NotEstimable(f"no {what} is left{tail}" if lost else f"no {what} yet", 0, lost)


def without_spread(differences: np.ndarray, scale: np.ndarray, lost: int) -> NotEstimable | None:
    """Say that equal values give no interval; None where they vary. scale: values of the size that rounding is of."""
    if differences.std(ddof=1) > ROUNDING * np.abs(scale).max():
        return None
    reason = f"all {len(differences)} values are equal: they show no seed noise to measure with"
    return NotEstimable(reason, len(differences), lost, float(differences.mean()))


def check_confidence(confidence: float) -> None:
    """Raise IgnmError unless 0 < confidence < 1."""
    if not 0 < confidence < 1:
        raise IgnmError(f"confidence is {confidence}; give a fraction between 0 and 1, like 0.95")
