"""How much of the total improvement each strategy earned: exact Shapley values over all combinations."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from analysis.statistics.designs import lattice
from analysis.statistics.estimates import CONFIDENCE, Estimate, NotEstimable, mean_estimate


@dataclass(frozen=True)
class Share:
    """One strategy's part of the total improvement.

    per_seed: its value on each complete seed; fraction: of the total, None where the total's interval holds 0, since
    then it would be a fraction of nothing.
    """

    factor: str
    estimate: Estimate | NotEstimable
    fraction: float | None
    per_seed: tuple[float, ...]


@dataclass(frozen=True)
class Shares:
    """The Shapley values of all strategies; on each seed they sum to the total, all on against all off.

    seeds, totals: the complete seeds, and the total improvement on each; lost: seeds that lack an arm.
    """

    total: Estimate | NotEstimable
    shares: tuple[Share, ...]
    seeds: tuple[object, ...]
    totals: tuple[float, ...]
    lost: int
    estimable: ClassVar[bool] = True


def shapley_shares(
    runs: pd.DataFrame,
    factors: Sequence[str],
    value: str = "quality",
    seed: str = "seed",
    confidence: float = CONFIDENCE,
    lower_is_better: bool = True,
) -> Shares | NotEstimable:
    """Return each factor's Shapley value (1953) of the improvement over all off: per seed, then its t interval.

    runs: one row a run, as for `designs.lattice`. A share is what switching the factor on gains, averaged over all
    orders of switching the factors on. It needs all 2^k arms: seeds that lack one are dropped whole and counted, and a
    fraction of the design has no shares.
    """
    found = lattice(runs, factors, value, seed, lower_is_better)
    lost = len(found.seeds) - len(found.complete)
    if not len(found.complete):
        absent = found.missing()
        why = f"these gave no result on any seed: {absent}" if absent else "every seed lacks one of them"
        return NotEstimable(f"shares need all {found.gains.shape[1]} combinations on one seed; {why}", 0, lost)
    gains = found.gains[found.complete]
    gains = gains - gains[:, :1]
    totals = gains[:, -1]
    values = gains @ _weights(len(found.factors)).T
    total = mean_estimate(totals, confidence, lost)
    certain = isinstance(total, Estimate) and not total.holds_zero
    shares = tuple(
        Share(
            factor,
            mean_estimate(values[:, i], confidence, lost),
            float(values[:, i].mean() / totals.mean()) if certain else None,
            tuple(map(float, values[:, i])),
        )
        for i, factor in enumerate(found.factors)
    )
    return Shares(total, shares, tuple(found.seeds[i] for i in found.complete), tuple(map(float, totals)), lost)


def _weights(factors: int) -> np.ndarray:
    """Return (k, 2^k): what each arm's gain counts in each factor's value."""
    arms = np.arange(2**factors)
    weights = np.zeros((factors, len(arms)))
    for i in range(factors):
        for arm in arms:
            on = int(arm).bit_count()
            if arm >> i & 1:
                weights[i, arm] = _orders(on - 1, factors)
            else:
                weights[i, arm] = -_orders(on, factors)
    return weights


def _orders(before: int, factors: int) -> float:
    """Return the share of the orders in which just these `before` factors precede a given one."""
    return math.factorial(before) * math.factorial(factors - before - 1) / math.factorial(factors)
