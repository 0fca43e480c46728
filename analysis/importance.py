"""What the search's importance says, over the trials that may be compared; it is never an ablation."""

import pandas as pd

from analysis.axes import where_they_exist
from analysis.results import Study, dig, summarise_trials
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.importance import Importance, importance
from ignm.config.files import leaves

NONE = "none"
"""A choice that is null where its axis exists, told from one that does not exist in a trial."""


def search_importance(
    study: Study, method: str = "ped-anova", trials: pd.DataFrame | None = None
) -> Importance | NotEstimable:
    """Assess the searched parameters over the search's trials of one training length.

    Only trials measured with the study's metric against its reference count, and lengths are those of the schedule:
    what was shown in fact differs a little with the batch. trials: of `summarise_trials`, where they are at hand.
    """
    trials = summarise_trials(study) if trials is None else trials
    mine = trials.loc[trials["yardstick"] & (trials["stage"] == "search"), "trial"]
    rows = study.rows[study.rows["trial"].isin(mine)].copy()
    if not study.axes:
        return NotEstimable("the study's record names no searched parameter", int(mine.nunique()))
    if "point" in rows:
        rows["kimg"] = pd.to_numeric(rows["point"], errors="coerce").astype(float).fillna(rows["kimg"])
    fixed = dict(leaves(dig(study.asked, "base") or {}))
    chosen = rows[["trial", "kimg", "quality", *(axis.path for axis in study.axes)]].copy()
    # What a trial was made with is the same in all its measurements.
    there = where_they_exist(study.axes, rows.drop_duplicates("trial").set_index("trial"), fixed)
    for axis in study.axes:
        if axis.kind == "choice":
            null = chosen[axis.path].isna() & rows["trial"].map(there[axis.path])
            chosen[axis.path] = chosen[axis.path].astype(object).mask(null, NONE)
    return importance(chosen, {axis.path: axis.kind for axis in study.axes}, method)
