"""Which arms are the best on a measure, and which the seeds cannot tell from it."""

from collections.abc import Sequence

import pandas as pd

from analysis.ablation.loading import Ablation
from analysis.ablation.measures import measure_called
from analysis.ablation.speed import NEVER
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.selection import candidates
from analysis.tables.table import Mark

NEAREST = {"diversity": "diversity_gap"}
"""Measures that are best where another is: diversity is to be the real images'."""


def marks(ablation: Ablation, arms: Sequence[int], measure: str) -> dict[int, Mark]:
    """Return the best arm and those tied with it, by the same seeds; nothing where fewer than two have a result.

    An arm that diverged or did not fit into memory on more seeds than another is not marked: its mean is that of the
    runs it kept.
    """
    chosen = measure_called(NEAREST.get(measure, measure))
    lost = {arm: _lost(ablation, arm) for arm in arms}
    table = pd.DataFrame({str(arm): ablation.values(arm, chosen) for arm in arms if lost[arm] == min(lost.values())})
    table = table.dropna(axis="columns", how="all")
    if table.shape[1] < 2:
        return {}
    found = candidates(table, ablation.level(), chosen.lower_is_better)
    if isinstance(found, NotEstimable):
        return {}
    told = {int(each.config): each for each in found.candidates}
    return {arm: "best" if each.best else "tied" for arm, each in told.items() if each.best or each.in_set}


def _lost(ablation: Ablation, arm: int) -> int:
    lost = ablation.standing(arm).lost
    return sum(len(lost.get(status, ())) for status in NEVER)
