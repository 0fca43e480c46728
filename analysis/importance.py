"""What the search's importance says, over the trials that may be compared; it is never an ablation."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.results import Axis, Study, dig, summarise_trials
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
    for axis in study.axes:
        if axis.kind == "choice":
            null = chosen[axis.path].isna() & _exists(axis, rows, fixed)
            chosen[axis.path] = chosen[axis.path].astype(object).mask(null, NONE)
    return importance(chosen, {axis.path: axis.kind for axis in study.axes}, method)


def _exists(axis: Axis, rows: pd.DataFrame, fixed: Mapping[str, Any]) -> "pd.Series[bool]":
    """Tell in which rows an axis decides anything, by its `when`."""
    there = rows["trial"].notna()
    conditions = dig(axis.domain, "when")
    for path, allowed in conditions.items() if isinstance(conditions, Mapping) else ():
        values = rows[path] if path in rows.columns else pd.Series(fixed.get(path), index=rows.index, dtype=object)
        there &= values.map(_word).isin(_words(allowed)).to_numpy()
    return there


def _words(allowed: Any) -> list[str]:
    return [_word(value) for value in (allowed if isinstance(allowed, Sequence) else [allowed])]


def _word(value: Any) -> str:
    """Write a value as results hold it, whatever type a file gave it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or pd.isna(value):
        return NONE
    return f"{value:g}" if isinstance(value, int | float) else str(value)
