"""What was searched: each axis as its space says it, and its values as the results hold them."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import ValidationError

from spaces.axis import Axis as Told
from spaces.axis import ChoiceDomain

LOG_RANGE = 20.0
"""A positive numeric axis that spans at least this factor is read on a logarithmic scale."""


@dataclass(frozen=True)
class Axis:
    """One searched dimension, as the figures draw it.

    told: as the space says it; None where study.yaml does not, or not as this version writes it.
    """

    path: str
    strategy: str | None
    kind: Literal["log", "linear", "choice"]
    told: Told | None = None


def searched_axes(
    rows: pd.DataFrame, declared: Any, known: Collection[str], notes: list[str]
) -> tuple[pd.DataFrame, tuple[Axis, ...]]:
    """Give each axis column one plain type, and say how it is to be drawn.

    declared: `axes` of study.yaml; known: columns that are none; notes: gains a sentence on axes that cannot be read.
    """
    listed = declared if isinstance(declared, list) else []
    entries = {str(entry["path"]): entry for entry in listed if isinstance(entry, Mapping) and "path" in entry}
    searched = [column for column in rows.columns if column not in known]
    paths = [path for path in entries if path in searched]
    paths += [column for column in searched if "." in column and column not in entries]
    told = {path: _told(entries[path]) for path in paths if path in entries}
    strange = [path for path, axis in told.items() if axis is None]
    if strange:
        notes.append(
            f"study.yaml says {', '.join(strange)} otherwise than this version does; domain and condition are left out."
        )
    rows = rows.assign(**{path: _plain_values(rows[path]) for path in paths})
    return rows, tuple(_axis(path, entries.get(path, {}), told.get(path), rows[path]) for path in paths)


def where_they_exist(axes: Sequence[Axis], rows: pd.DataFrame, base: Mapping[str, Any]) -> "dict[str, pd.Series[bool]]":
    """Return in which rows each axis decides anything: as its space does, by the values of the axes before it.

    base: path -> value of the config that the space varies, which holds where an axis does not exist.
    """
    at = {axis.path: _as_told(axis, rows[axis.path]) for axis in axes}
    found = {}
    for axis in axes:
        there = pd.Series(True, index=rows.index)
        if axis.told is not None and axis.told.depends_on:
            paths = axis.told.depends_on
            given = list(zip(*(at.get(path, [base.get(path)] * len(rows)) for path in paths), strict=True))
            # What few combinations there are is decided once.
            decided = {repr(each): axis.told.exists(dict(zip(paths, each, strict=True))) for each in given}
            there = pd.Series([decided[repr(each)] for each in given], index=rows.index, dtype=bool)
        found[axis.path] = there
        values = zip(at[axis.path], there, strict=True)
        at[axis.path] = [value if exists else base.get(axis.path) for value, exists in values]
    return found


def mapped(values: "pd.Series[Any]", function: Callable[[Any], Any]) -> "pd.Series[Any]":
    """Apply a function to each different value once: a column of many rows has few."""
    try:
        codes, different = pd.factorize(values, use_na_sentinel=False)
    except TypeError:
        # Lists cannot be told apart so.
        return values.map(function).astype(object)
    found = np.empty(len(different), dtype=object)
    found[:] = [function(value) for value in different]
    return pd.Series(found[codes], index=values.index, dtype=object)


def _told(entry: Mapping[str, Any]) -> Told | None:
    try:
        return Told.model_validate(dict(entry))
    except ValidationError:
        return None


def _axis(path: str, entry: Mapping[str, Any], told: Told | None, values: "pd.Series[Any]") -> Axis:
    strategy = entry.get("strategy") if told is None else told.strategy
    return Axis(path, str(strategy) if strategy else None, _kind(values, told), told)


def _kind(values: "pd.Series[Any]", told: Told | None) -> Literal["log", "linear", "choice"]:
    domain = None if told is None else told.domain
    if values.dtype == object or isinstance(domain, ChoiceDomain):
        return "choice"
    known = values.dropna()
    positive = len(known) > 0 and bool((known > 0).all())
    wide = positive and known.max() >= LOG_RANGE * known.min()
    return "log" if wide or (positive and domain is not None and domain.log) else "linear"


def _as_told(axis: Axis, values: "pd.Series[Any]") -> list[Any]:
    """Return values with the types that the space gives them, None for none."""
    domain = None if axis.told is None else axis.told.domain
    known = {_word(value): value for value in domain.values} if isinstance(domain, ChoiceDomain) else {}
    return list(mapped(values, lambda value: known.get(_word(value), None if pd.isna(value) else value)))


def _word(value: Any) -> str:
    """Write a value so that it is the same whatever type a file gave it."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or pd.isna(value):
        return "null"
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _plain_values(values: "pd.Series[Any]") -> "pd.Series[Any]":
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype(object).map(lambda value: None if pd.isna(value) else str(value).lower()).astype(object)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype(float)
    plain = mapped(values.astype(object), _plain)
    known = plain.dropna()
    numeric = pd.to_numeric(known, errors="coerce")
    if len(known) and numeric.notna().all():
        return numeric.reindex(values.index).astype(float)
    return plain


def _plain(value: Any) -> str | None:
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(str(item) for item in value)
    if isinstance(value, bool | np.bool_):
        return str(value).lower()
    if isinstance(value, Mapping):
        return json.dumps(value, default=str)
    return None if pd.isna(value) else str(value)
