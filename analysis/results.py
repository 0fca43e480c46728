"""Reads a study folder into one validated value; everything in it but its existence is optional."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import yaml

from analysis.axes import Axis, mapped, searched_axes
from ignm.errors import IgnmError
from ignm.metrics.columns import extra_columns
from ignm.training.filenames import EVIDENCE

TEXT_COLUMNS = ("trial", "stage", "config_id", "status", "metric", "reference_id", "defects", "reason")
WHOLE_COLUMNS = ("number", "seed")
FLOAT_COLUMNS = (
    "kimg", "seconds", "quality", "quality_error", "best_quality", "diversity", "stability", "images_per_second",
    "discriminator_gradient", "logit_gap", "oscillation", "separation", "slope", "signal", "held_out_gap",
)  # fmt: skip
KNOWN_COLUMNS = frozenset(TEXT_COLUMNS + WHOLE_COLUMNS + FLOAT_COLUMNS)
EXPECTED_COLUMNS = ("stage", "config_id", "seed", "status", "kimg", "quality", "metric", "reference_id")

LOST = ("diverged", "out_of_memory", "failed")
STATUSES = ("completed", "running", "pruned", *LOST)

FIDELITY_TOLERANCE = 0.05
"""Trials whose training lengths differ by at most this fraction are compared with each other."""


@dataclass(frozen=True)
class Study:
    """A study as found on disk; `notes` say in plain words what was missing or unusable."""

    folder: Path
    name: str
    asked: Mapping[str, Any]
    rows: pd.DataFrame
    axes: tuple[Axis, ...]
    evidence: Mapping[str, Any]
    winner_config: str | None
    notes: tuple[str, ...]


def load_study(folder: Path) -> Study:
    """Read study.yaml, results.parquet and best/ of a study.

    Raises IgnmError when the folder holds no study, or when one of these files exists but cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise IgnmError(f"{folder} is not a folder. Give the folder of a study, the one that holds study.yaml.")
    asked_file, results_file = folder / "study.yaml", folder / "results.parquet"
    if not asked_file.is_file() and not results_file.is_file():
        raise IgnmError(
            f"{folder} is not a study: it holds neither study.yaml nor results.parquet. "
            "Give the folder that `ignm run` made."
        )
    notes: list[str] = []
    asked = _read_mapping(asked_file, notes)
    table = _read_table(results_file, notes)
    rows = _validate(table, results_file, notes)
    rows, axes = searched_axes(rows, asked.get("axes"), KNOWN_COLUMNS, notes)
    return Study(
        folder=folder,
        name=str(asked.get("name") or dig(asked, "question", "name") or folder.resolve().name),
        asked=asked,
        rows=rows,
        axes=axes,
        evidence=_read_mapping(folder / "best" / EVIDENCE, notes),
        winner_config=_read_text(folder / "best" / "config.yaml"),
        notes=tuple(notes),
    )


def dig(value: Any, *path: str) -> Any:
    """Follow keys through nested mappings; None where any of them is missing."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def finite(value: Any) -> float | None:
    """Return `value` as a float, or None when it is no finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    return float(value) if np.isfinite(value) else None


def summarise_trials(study: Study) -> pd.DataFrame:
    """Reduce the measurements to one row per trial, in order of first appearance.

    quality, diversity, stability, the metrics that were asked for, defects, metric and reference_id are those of the
    last measurement with a finite quality, and `measured_kimg` is where it was taken: choosing each trial's best
    measurement would add a second selection. kimg and seconds are the furthest reached. `yardstick` tells whether the
    trial was measured with the study's metric against its reference; `comparable` whether that was also at the full
    length of its stage.
    """
    rows = study.rows
    order = rows["trial"].drop_duplicates()
    ordered = rows.sort_values("kimg", kind="stable", na_position="first")
    trials = ordered.groupby("trial", sort=False).tail(1).set_index("trial")
    measured = ordered[ordered["quality"].notna()].groupby("trial", sort=False).tail(1).set_index("trial")
    for column in ("quality", "diversity", "stability", *extra_columns(rows.columns)):
        trials[column] = measured[column].reindex(trials.index)
    trials["defects"] = measured["defects"].reindex(trials.index).fillna("")
    for column in ("metric", "reference_id"):
        trials[column] = measured[column].reindex(trials.index).fillna(trials[column])
    trials["measured_kimg"] = measured["kimg"].reindex(trials.index)
    grouped = rows.groupby("trial")
    for column in ("kimg", "seconds"):
        trials[column] = grouped[column].max()
    trials["images_per_second"] = ordered.groupby("trial")["images_per_second"].last()
    trials = trials.loc[order].reset_index()
    metric, reference = yardstick(study)
    trials["yardstick"] = (trials["metric"] == metric) & (trials["reference_id"] == reference)
    trials["comparable"] = _full_length(trials)
    return trials


def yardstick(study: Study) -> tuple[str, str]:
    """Return the (metric, reference_id) that the study's numbers are compared in.

    It is what study.yaml names if anything was measured so, else what most measurements used, confirmed ones first.
    """
    asked = (str(dig(study.asked, "metric", "name") or ""), str(dig(study.asked, "metric", "reference_id") or ""))
    measured = study.rows[study.rows["quality"].notna()]
    if measured.empty:
        return asked
    pairs = list(zip(measured["metric"], measured["reference_id"], strict=True))
    if asked in pairs:
        return asked
    confirmed = measured[measured["stage"] == "confirm"]
    source = measured if confirmed.empty else confirmed
    metric, reference = source.groupby(["metric", "reference_id"]).size().sort_values(ascending=False).index[0]
    return str(metric), str(reference)


def same_length(one: float, other: float) -> bool:
    """Tell whether two training lengths (kimg) are close enough for their qualities to be compared."""
    return abs(one - other) <= FIDELITY_TOLERANCE * max(abs(one), abs(other))


def _full_length(trials: pd.DataFrame) -> "pd.Series[bool]":
    usable = trials["quality"].notna() & (trials["status"] == "completed")
    keys = [trials[key] for key in ("stage", "metric", "reference_id")]
    longest = trials["measured_kimg"].where(usable).groupby(keys).transform("max")
    return usable & (trials["measured_kimg"] >= (1 - FIDELITY_TOLERANCE) * longest)


def _read_mapping(path: Path, notes: list[str]) -> Mapping[str, Any]:
    shown = path.name if path.name == "study.yaml" else f"best/{path.name}"
    text = _read_text(path)
    if text is None:
        notes.append(f"{shown} is missing.")
        return {}
    try:
        value = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (json.JSONDecodeError, yaml.YAMLError) as error:
        raise IgnmError(f"{path} cannot be read: {error}. Mend it, or restore the file that the run wrote.") from error
    if value is None:
        notes.append(f"{shown} is empty.")
        return {}
    if not isinstance(value, Mapping):
        raise IgnmError(f"{path} must hold named values (key: value), not a {type(value).__name__}.")
    return value


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise IgnmError(f"{path} cannot be read: {error}.") from error


def _read_table(path: Path, notes: list[str]) -> pd.DataFrame:
    if not path.is_file():
        notes.append("results.parquet is missing: nothing has been measured yet, or it has to be rebuilt from trials/.")
        return pd.DataFrame({"trial": pd.Series(dtype=object)})
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise IgnmError(
            f"{path} cannot be read as a Parquet table: {error}. Delete it and run the study's command again: "
            "it is rebuilt from trials/."
        ) from error


def _validate(table: pd.DataFrame, path: Path, notes: list[str]) -> pd.DataFrame:
    table = table.reset_index(drop=True)
    table.columns = [str(column) for column in table.columns]
    if "trial" not in table.columns:
        raise IgnmError(
            f"{path} has no column 'trial'; it has {', '.join(table.columns) or 'none'}. "
            "Delete it and run the study's command again: it is rebuilt from trials/."
        )
    missing = [column for column in EXPECTED_COLUMNS if column not in table.columns]
    if missing and not table.empty:
        notes.append(f"results.parquet lacks {', '.join(missing)}; what depends on them is left out.")
    rows = table.assign(**{column: _text(table, column) for column in TEXT_COLUMNS})
    for column in (*FLOAT_COLUMNS, *WHOLE_COLUMNS, *extra_columns(table.columns)):
        rows[column] = _numbers(table, column)
    for column in WHOLE_COLUMNS:
        rows[column] = rows[column].round().astype("Int64")
    nameless = rows["trial"] == ""
    if nameless.any():
        notes.append(f"{int(nameless.sum())} rows of results.parquet name no trial and are left out.")
        rows = rows[~nameless]
    rows["stage"] = rows["stage"].where(rows["stage"] != "", "search")
    rows["status"] = rows["status"].where(rows["status"] != "", "unknown")
    rows["config_id"] = rows["config_id"].where(rows["config_id"] != "", rows["trial"])
    # A resumed trial measures again where it was cut off: the later row is the one its checkpoint stands for.
    return rows.drop_duplicates(["trial", "kimg"], keep="last").reset_index(drop=True)


def _text(table: pd.DataFrame, column: str) -> "pd.Series[Any]":
    if column not in table.columns:
        return pd.Series("", index=table.index, dtype=object)
    return mapped(table[column].astype(object), lambda value: "" if pd.isna(value) else str(value))


def _numbers(table: pd.DataFrame, column: str) -> "pd.Series[float]":
    if column not in table.columns:
        return pd.Series(np.nan, index=table.index, dtype=float)
    values = pd.to_numeric(table[column], errors="coerce").astype(float)
    return values.where(np.isfinite(values))
