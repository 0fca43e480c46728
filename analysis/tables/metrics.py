"""The metrics that a study asked for beside quality and diversity: of each confirmed configuration and each model."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from analysis.figures.frames import named_arms
from analysis.leaderboard import configuration_name
from analysis.results import dig
from analysis.statistics.estimates import mean_estimate
from analysis.tables.about import arm_notes, caption
from analysis.tables.table import Cell, Column, Table, estimate, words
from analysis.view import View
from ignm.metrics.columns import column_called, extra_columns
from spaces.designs import LATTICES

COLUMNS = (
    Column("dataset", "Dataset"),
    Column("model", "Model"),
    Column("runs", "Runs of"),
    Column("column", "Metric"),
    Column("value", "Mean", numeric=True),
    Column("sd", "Standard deviation", numeric=True),
    Column("better", "Better"),
)

_READ = "What each metric sees, and when it misleads: docs/metrics.md."


def metrics(view: View) -> Table:
    """Return mean and spread over the seeds of each extra metric that was measured."""
    arms = [number for _, number, _ in _models(view)]
    rows = (*_confirmed(view), *_ablated(view))
    return Table(
        name="metrics",
        title="What else was measured",
        caption=caption(view.ablation, "Means over seeds with 95% t intervals.", arms if rows else ()),
        columns=COLUMNS,
        rows=rows,
        notes=(*((_READ,) if rows else ()), *(arm_notes(view.ablation, arms) if rows and arms else ())),
        empty="nothing but quality and diversity was measured; evaluation: {metrics: [precision, recall]} makes some",
    )


def _confirmed(view: View) -> Iterator[tuple[Cell, ...]]:
    """Yield a row for each metric of each confirmed configuration, the best ranked first."""
    data, resolution = (dig(view.study.asked, "question", "data", key) for key in ("name", "resolution"))
    dataset = f"{data}@{resolution}" if data and resolution else ""
    board, trials = view.board, view.trials
    there = trials[trials["yardstick"] & trials["comparable"] & (trials["stage"] == "confirm")]
    for config in board.loc[board["section"] == "confirmed", "config_id"]:
        runs = there[there["config_id"] == config]
        for column in extra_columns(runs.columns):
            yield from _row(dataset, configuration_name(view.study, config), "confirm", column, runs[column])


def _ablated(view: View) -> Iterator[tuple[Cell, ...]]:
    for name, number, dataset in _models(view):
        for column in extra_columns(view.ablation.runs.columns):
            yield from _row(dataset, name, "ablate", column, view.ablation.column(number, column))


def _models(view: View) -> list[tuple[str, int, str]]:
    """Return name, arm and dataset of the models that the ablation sets side by side, each arm once."""
    designs = view.ablation.of("baselines") or view.ablation.of(*LATTICES)
    found = {
        number: (name, number, design.dataset) for design in designs for number, name in named_arms(design).items()
    }
    return list(found.values())


def _row(dataset: str, model: str, stage: str, name: str, values: "pd.Series[float]") -> Iterator[tuple[Cell, ...]]:
    every = np.asarray(values, dtype=float)
    kept = every[np.isfinite(every)]
    column = column_called(name)
    if column is None or not len(kept):
        return
    # What real images have does not vary with the seed.
    of_real = column.better is None and column.target is None
    mean = Cell(float(kept.mean()), n=len(kept)) if of_real else estimate(mean_estimate(every))
    sd = Cell(float(kept.std(ddof=1))) if len(kept) > 1 and not of_real else words("")
    near = "" if column.target is None else f"near {column.target}"
    yield (words(dataset), words(model), words(stage), words(name), mean, sd, words(column.better or near))
