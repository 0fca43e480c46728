"""The ablate stage's measurements, reduced to one row a run; what a run is worth is said, never guessed."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from analysis.ablation.measures import GAP
from analysis.ablation.plan import Plan
from analysis.results import LOST, same_length
from ignm.metrics.columns import ALWAYS, column_called, extra_columns
from ignm.words import count

STAGE = "ablate"
MEASURED, LOST_RUN, WAITING, ELSEWHERE = "measured", "lost", "waiting", "elsewhere"
"""How a run counts: by its numbers; as lost; not yet; or not at all, where it was not measured as the plan says."""

ENDED_EARLY = (*LOST, "pruned")
"""Ends without a result. Nothing is pruned in this stage but by hand, and then it has none either."""

GAPS = tuple(f"{name}{GAP}" for name, column in ALWAYS.items() if column.target is not None)
COLUMNS = ("trial", "arm", "dataset", "seed", "status", "outcome", "point", *ALWAYS, *GAPS, "defects", "shown")
"""Of a study without extra metrics; theirs come last, each with its distance where it has a target."""


def ablation_rows(rows: pd.DataFrame, plan: Plan) -> tuple[pd.DataFrame, list[str]]:
    """Return the measurements of the plan's arms, with their `arm`, `dataset` and `point`, and what was left out.

    A run belongs to the arm that has its config_id: the arm's configuration names the dataset too. point: kimg of the
    schedule, the same for every batch size.
    """
    mine = rows[rows["stage"] == STAGE].copy()
    notes: list[str] = []
    by_config = {arm.config_id: arm for arm in plan.arms}
    known = mine["config_id"].isin(by_config.keys())
    notes += _left_out(mine[~known], "of the ablate stage belong to no arm of the plan")
    mine = mine[known]
    notes += _left_out(mine[mine["seed"].isna()], "have no seed")
    mine = mine[mine["seed"].notna()].copy()
    mine["arm"] = mine["config_id"].map({config: arm.number for config, arm in by_config.items()}).astype(int)
    mine["dataset"] = mine["config_id"].map({config: arm.dataset for config, arm in by_config.items()}).astype(object)
    mine["seed"] = mine["seed"].astype(int)
    points = pd.to_numeric(mine["point"], errors="coerce") if "point" in mine else pd.Series(np.nan, index=mine.index)
    mine["point"] = points.astype(float).fillna(mine["kimg"])
    again = mine.drop_duplicates("trial").duplicated(["arm", "seed"])
    twice = again.index[again]
    notes += _left_out(mine.loc[twice], "repeat an arm and seed that another has")
    mine = mine[~mine["trial"].isin(mine.loc[twice, "trial"])]
    return mine.sort_values("point", kind="stable", na_position="first"), notes


def summarise_runs(rows: pd.DataFrame, plan: Plan) -> pd.DataFrame:
    """Reduce `ablation_rows` to one row a run: its last measurement, and how it counts.

    quality and all other measures are NaN where a run was lost or waits; defects: how many kinds any of its
    measurements showed, NaN where none was made; shown: their names, each once.
    """
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in COLUMNS})
    runs = rows.groupby("trial", sort=False).tail(1).set_index("trial")
    runs["shown"] = rows.groupby("trial")["defects"].agg(_names).reindex(runs.index)
    measured_at_all = rows["quality"].notna().groupby(rows["trial"]).any().reindex(runs.index)
    runs["defects"] = runs["shown"].map(lambda names: len(names.split(", ")) if names else 0).where(measured_at_all)
    runs["outcome"] = _outcomes(runs, plan)
    counted = runs["outcome"] == MEASURED
    extra = extra_columns(runs.columns)
    for name in (*ALWAYS, *extra):
        runs[name] = runs[name].where(counted)
    gaps = {f"{name}{GAP}": gap for name in (*ALWAYS, *extra) if (gap := _gap(runs, name)) is not None}
    columns = dict.fromkeys((*COLUMNS, *extra, *gaps))
    return runs.assign(**gaps).reset_index().sort_values(["arm", "seed"])[list(columns)].reset_index(drop=True)


def _gap(runs: pd.DataFrame, name: str) -> "pd.Series[float] | None":
    """Return how far a column is from what real images have; None where that is nothing."""
    column = column_called(name)
    target = None if column is None else column.target
    if target is None or (isinstance(target, str) and target not in runs):
        return None
    return ((runs[target] if isinstance(target, str) else target) - runs[name]).abs()


def yardsticks(rows: pd.DataFrame, plan: Plan) -> Mapping[str, tuple[str, str]]:
    """Return (metric, reference_id) by dataset: what the plan says, else what most of its measurements used."""
    found: dict[str, tuple[str, str]] = {}
    measured = rows[rows["quality"].notna()]
    for dataset in dict.fromkeys(arm.dataset for arm in plan.arms):
        told = plan.datasets.get(dataset, {})
        if told.get("metric") and told.get("reference_id"):
            found[dataset] = (str(told["metric"]), str(told["reference_id"]))
            continue
        pairs = measured[measured["dataset"] == dataset].groupby(["metric", "reference_id"]).size()
        if len(pairs):
            metric, reference = pairs.sort_values(ascending=False, kind="stable").index[0]
            found[dataset] = (str(metric), str(reference))
    return found


def _outcomes(runs: pd.DataFrame, plan: Plan) -> "pd.Series[str]":
    sticks = yardsticks(runs, plan)
    same = [
        (metric, reference) == sticks.get(dataset, (metric, reference)) and same_length(point, plan.kimg)
        for metric, reference, dataset, point in zip(
            runs["metric"], runs["reference_id"], runs["dataset"], runs["point"].fillna(0.0), strict=True
        )
    ]
    completed = runs["status"] == "completed"
    conditions = [
        runs["status"].isin(ENDED_EARLY) | (completed & runs["quality"].isna()),
        completed & ~np.array(same, dtype=bool),
        completed,
    ]
    return pd.Series(np.select(conditions, [LOST_RUN, ELSEWHERE, MEASURED], default=WAITING), index=runs.index)


def _names(shown: Iterable[str]) -> str:
    return ", ".join(sorted({name for names in shown for name in names.split(", ") if name}))


def _left_out(rows: pd.DataFrame, why: str) -> list[str]:
    trials = rows["trial"].nunique()
    return [f"{count(trials, 'run')} that {why} are left out."] if trials else []
