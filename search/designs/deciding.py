"""Whether a comparison is decided, or wants another seed."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.statistics.estimates import NotEstimable
from analysis.statistics.paired import paired_difference
from analysis.statistics.sequential import SeedPlan, next_step
from search.designs.design import Arm, Contrast
from search.designs.known import Known

FEWEST = 2
"""Seeds from which there is an interval."""


@dataclass(frozen=True)
class Decision:
    """How a comparison stands."""

    undecided: bool
    """Whether another seed is to be run."""
    decided: bool
    """Whether its interval says yes or no; neither holds where the last seed has left it open."""
    seeds: int
    """On which all its arms came to their end."""
    lost: int
    level: float
    """What its interval is taken at, so that looking again and again errs no more often than 5 times in 100."""
    reason: str


def decide(
    contrast: Contrast, known: Known, seeds: Sequence[int], smallest_effect: float, looks: tuple[int, int], family: int
) -> Decision:
    """Judge a comparison by the runs on `seeds`; `looks` are the numbers of seeds at the first look and at the last.

    The smallest effect of interest is a share of the quality without. `family` comparisons share the 5 in 100.
    """
    without, having = (_means(arms, known, seeds) for arms in (contrast.without, contrast.having))
    plan = SeedPlan(max(FEWEST, looks[0]), max(FEWEST, looks[1]), comparisons=family)
    found = paired_difference(without, having)
    ground = without[without.notna() & having.notna()].abs().mean()
    step = next_step(found, smallest_effect * float(ground) if found.n else 0.0, plan)
    # Arms that are lost on every seed are not saved by another, nor those told apart that do the very same.
    if isinstance(found, NotEstimable) and (found.n == 0 or found.n >= FEWEST):
        return Decision(False, False, found.n, found.lost, plan.level, found.reason)
    undecided = not step.finished and looks[1] >= FEWEST
    decided = step.finished and step.verdict.verdict != "inconclusive"
    return Decision(undecided, decided, found.n, found.lost, plan.level, step.reason)


def _means(arms: Iterable[Arm], known: Known, seeds: Sequence[int]) -> "pd.Series[float]":
    """Mean quality of some arms by seed; NaN where one of them was lost."""
    ended = [known.qualities.get(arm.config.config_id, {}) for arm in arms]
    values = {seed: [each.get(seed) for each in ended] for seed in seeds}
    return pd.Series({seed: _mean(found) for seed, found in values.items()}, dtype=float)


def _mean(values: list[float | None]) -> float:
    there = [value for value in values if value is not None]
    return statistics.fmean(there) if len(there) == len(values) else math.nan
