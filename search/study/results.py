"""The study's tidy table: one row per measurement, rebuilt from the trial folders whenever it is wanted."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from ignm.files import atomic_file
from ignm.training.patience import patiently
from search.study.folder import StudyFolder, Trial


def collect(folder: StudyFolder) -> pd.DataFrame:
    """Read every trial's folder; a trial without a measurement has one row with NaN quality."""
    # By column: as one dictionary a row, 200,000 measurements would take more than a gigabyte.
    values: dict[str, list[Any]] = {}
    count = 0
    for trial in folder.all_trials():
        about = _about(trial)
        for measurement in trial.measurements() or [{"kimg": trial.kimg()}]:
            for name, value in (about | _flat(measurement) | about["parameters"]).items():
                column = values.setdefault(name, [])
                column += [math.nan] * (count - len(column))
                column.append(value)
            count += 1
    columns = ["trial", "stage", "number", "config_id", "arm", "dataset", "seed", "status", "reason", "kimg", "quality"]
    full = {
        name: column + [math.nan] * (count - len(column)) for name, column in values.items() if name != "parameters"
    }
    table = pd.DataFrame(full)
    table = table.reindex(columns=[*columns, *(c for c in table.columns if c not in columns)])
    # Only the ablation's trials have arms: of a whole column of none, Parquet would not know what it holds.
    return table.astype({"arm": "Int64", "dataset": "string"})


def write_results(folder: StudyFolder) -> pd.DataFrame:
    """Rebuild `results.parquet` and return it."""
    table = collect(folder)
    # A column of choices may hold words, numbers and nothing; Parquet wants one type.
    for column in table.select_dtypes("object").columns:
        kinds = {type(value) for value in table[column].dropna()}
        if len(kinds) > 1:
            table[column] = table[column].map(lambda value: value if value is None else str(value))
    patiently(lambda: _write(table, folder.results), str(folder.results))
    return table


def _write(table: pd.DataFrame, path: Path) -> None:
    with atomic_file(path, make_folder=False) as temporary:
        table.to_parquet(temporary, index=False)


def _flat(measurement: dict[str, Any]) -> dict[str, Any]:
    """A measurement with each extra metric as a column of its own, and its defects as words."""
    plain = {name: value for name, value in measurement.items() if name != "metrics"}
    if "defects" in plain:
        plain["defects"] = ", ".join(plain["defects"])
    return plain | measurement.get("metrics", {})


def _about(trial: Trial) -> dict[str, Any]:
    label, spec = trial.label(), trial.spec()
    return {
        "trial": trial.name,
        "stage": trial.stage,
        "number": label["number"],
        "config_id": label["config_id"],
        "arm": label.get("arm"),
        "dataset": label.get("dataset"),
        "seed": spec.seed,
        "budget_kimg": spec.kimg,
        "status": str(trial.status()),
        "reason": trial.reason(),
        "parameters": label["parameters"],
    }
