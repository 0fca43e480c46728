"""How soon an arm becomes as good as another ends: kimg to a quality, where some runs never reach it."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from analysis.ablation.contrasts import Contrast
from analysis.ablation.loading import Ablation
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.survival import Times
from ignm.diagnostics.convergence import kimg_to_quality as first_as_good

AS_GOOD = 1.25
"""Times the other arm's mean quality at its end: the end itself is reached at the end, and tells little."""

NEVER = ("diverged", "out_of_memory")
"""Ends after which a run can never become good; another loss, as of its machine, says nothing of the arm."""


def threshold(ablation: Ablation, arm: int, factor: float = AS_GOOD) -> float | None:
    """Return `factor` times the mean quality that an arm's runs end at; None where none has ended well."""
    ends = ablation.values(arm).dropna()
    return float(ends.mean()) * factor if len(ends) else None


def times(ablation: Ablation, arm: int, quality: float) -> Times:
    """Return when each ended run of an arm first came to this quality, in kimg of the schedule.

    That is on the straight line between two measurements (`ignm.diagnostics.convergence`), at the latest at the first.
    A run that diverged or did not fit into memory is counted as watched to the end without it.
    """
    standing = ablation.standing(arm)
    never = {seed for status in NEVER for seed in standing.lost.get(status, ())}
    rows = ablation.rows_of(arm)[["seed", "point", "quality"]].dropna()
    grouped = rows.groupby("seed", sort=False)
    curves = {seed: (mine["point"].tolist(), mine["quality"].tolist()) for seed, mine in grouped}
    seeds, when, reached = [], [], []
    for seed in sorted({*standing.measured, *never}):
        found = first_as_good(*curves[seed], quality) if seed in curves else None
        there = found is not None and not found.censored
        seeds.append(seed)
        reached.append(there)
        when.append(ablation.kimg if found is None or (seed in never and not there) else found.kimg)
    return Times(tuple(seeds), tuple(when), tuple(reached))


def kimg_to_quality(ablation: Ablation, arm: int, quality: float) -> "pd.Series[float]":
    """Return the kimg at which each ended run came to this quality, by seed; the whole budget where it never did.

    So a mean of them is the restricted mean within the budget. Lost runs of which that cannot be said are NaN.
    """
    found = times(ablation, arm, quality).restricted(ablation.kimg)
    lost = ablation.standing(arm).seeds_lost
    return pd.concat([found, pd.Series(np.nan, index=[seed for seed in lost if seed not in found.index])]).sort_index()


def kimg_sides(ablation: Ablation, contrast: Contrast) -> "tuple[pd.Series[float], pd.Series[float]] | NotEstimable":
    """Return both sides' kimg by seed, each arm against its twin: as good as 1.25 times the end of the one without.

    Several pairs are averaged on each seed. Without twins there is no such end.
    """
    if not contrast.twins:
        return NotEstimable("no arm has a twin that differs in this alone, whose end it could be measured against")
    without, having = [], []
    for one, other in zip(contrast.without, contrast.having, strict=True):
        quality = threshold(ablation, one)
        if quality is None:
            return NotEstimable(f"no run of {ablation.called(one)} has ended well: there is no quality to reach")
        without.append(kimg_to_quality(ablation, one, quality))
        having.append(kimg_to_quality(ablation, other, quality))
    return average(without), average(having)


def average(each: "Sequence[pd.Series[float]]") -> "pd.Series[float]":
    """Return the mean of several arms by seed: NaN where one was lost, absent where one has yet to end."""
    shared = each[0].index
    for one in each[1:]:
        shared = shared.intersection(one.index)
    return pd.Series(np.mean([one[shared].to_numpy() for one in each], axis=0), index=shared, dtype=float)
