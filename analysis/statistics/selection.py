"""The best of many configurations, and which others might be best just as well."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from analysis.statistics.estimates import Estimate, NotEstimable, mean_estimate
from ignm.words import count

DRAWS, DRAW_SEED = 10_000, 20_240_402


@dataclass(frozen=True)
class Candidate:
    """One configuration of a choice, `means` in the unit of the values.

    probability: of being the best, None where it cannot be said; in_set: whether it might be the best as far as the
    seeds tell; p: the smallest with which another was found better, corrected for their number; n: its seeds.
    """

    config: str
    mean: float | None
    n: int
    lost: int
    probability: float | None
    in_set: bool
    p: float | None
    best: bool


@dataclass(frozen=True)
class Candidates:
    """All configurations, best mean first; `note` says what could not be told, empty where everything could."""

    candidates: tuple[Candidate, ...]
    alpha: float
    note: str
    estimable: ClassVar[bool] = True

    @property
    def best_set(self) -> tuple[str, ...]:
        """The configurations not distinguishable from the best; it holds the true best with 1 - alpha."""
        return tuple(each.config for each in self.candidates if each.in_set)


def candidates(table: pd.DataFrame, alpha: float = 0.05, lower_is_better: bool = True) -> Candidates | NotEstimable:
    """Say of each configuration how probably it is the best, and whether the seeds can tell it from the best.

    table: one row a seed, one column a configuration, NaN where lost. The set of those that might be the best is
    Gupta's (1965; Hsu 1984): each is compared as if it were the best, by one-sided paired t tests with Bonferroni's
    correction, and leaves the set if another beats it so. The true best stays in it with probability 1 - alpha,
    whichever looks best, and no common spread is assumed.
    """
    lost = int(table.isna().to_numpy().sum())
    means = table.mean().dropna().sort_values(ascending=lower_is_better, kind="stable")
    if means.empty:
        return NotEstimable("no configuration has a result", 0, lost)
    chances, note = _chances(table[means.index], lower_is_better)
    found = [
        _candidate(str(config), table, means, chances, alpha, lower_is_better, position == 0)
        for position, config in enumerate(means.index)
    ]
    gone = [
        Candidate(str(config), None, 0, len(table), None, False, None, False)
        for config in table.columns
        if config not in means.index
    ]
    return Candidates(tuple(found + gone), alpha, note)


def _candidate(
    config: str, table: pd.DataFrame, means: "pd.Series[float]", chances: dict[str, float], alpha: float, lower: bool,
    best: bool,
) -> Candidate:  # fmt: skip
    p = _beaten(config, table[means.index], lower)
    values = table[config]
    return Candidate(
        config, float(means[config]), int(values.notna().sum()), int(values.isna().sum()), chances.get(config),
        p is None or p > alpha, p, best,
    )  # fmt: skip


def _beaten(config: str, table: pd.DataFrame, lower: bool) -> float | None:
    """Return the corrected one-sided p of the rival that beats it most clearly; None where no seeds can tell."""
    rivals = table.drop(columns=config).to_numpy()
    better_by = (table[[config]].to_numpy() - rivals) * (1 if lower else -1)
    found = [mean_estimate(gains) for gains in better_by.T]
    p = [each.p_above(0) for each in found if isinstance(each, Estimate)]
    return min(1.0, rivals.shape[1] * min(p)) if p else None


def _chances(table: pd.DataFrame, lower: bool) -> tuple[dict[str, float], str]:
    """Draw the means from their posterior: multivariate t, what seeds have in common taken off, each its own spread."""
    kept = table.dropna()
    n, k = kept.shape
    if k == 1:
        return {str(table.columns[0]): 1.0}, ""
    if n < 2:
        return {}, f"no probability of being best: all configurations have {count(n, 'seed')} in common, two are needed"
    values = kept.to_numpy() if lower else -kept.to_numpy()
    own = values - values.mean(axis=1, keepdims=True)
    spread = own.std(axis=0, ddof=1) * np.sqrt(k / (k - 1))
    if not (spread > 0).all():
        return {}, "no probability of being best: a configuration shows no seed noise"
    rng = np.random.default_rng(DRAW_SEED)
    order = np.argsort(kept.columns.astype(str))
    shared = np.sqrt(rng.chisquare(n - 1, (DRAWS, 1)) / (n - 1))
    drawn = own.mean(axis=0)[order] + spread[order] / np.sqrt(n) * rng.standard_normal((DRAWS, k)) / shared
    shares = np.bincount(drawn.argmin(axis=1), minlength=k) / DRAWS
    lost = len(table) - n
    note = f"probabilities of being best leave out {count(lost, 'seed')} without all configurations" if lost else ""
    return {str(kept.columns[i]): float(share) for i, share in zip(order, shares, strict=True)}, note
