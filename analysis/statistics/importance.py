"""Which searched parameters went with good results: PED-ANOVA and fANOVA over trials of one training length."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import BaseImportanceEvaluator, FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

from analysis.statistics.estimates import NotEstimable
from ignm.errors import IgnmError

CAVEAT = (
    "This says which parameters went with good results where the search happened to look, over trials of one training "
    "length. The search looks more where it is good already, and other parameters change along. So it is not an "
    "ablation: it does not say what switching something on gains."
)

FEWEST = 20
"""Fewer trials of one length say nothing about several parameters."""

ENOUGH_GOOD = 5
"""PED-ANOVA's authors ask for as many trials above its quantile."""


def _ped_anova(trials: int) -> BaseImportanceEvaluator:
    return PedAnovaImportanceEvaluator(target_quantile=max(0.1, ENOUGH_GOOD / trials))


def _fanova(trials: int) -> BaseImportanceEvaluator:
    return FanovaImportanceEvaluator(seed=0)


METHODS: Mapping[str, Callable[[int], BaseImportanceEvaluator]] = {"ped-anova": _ped_anova, "fanova": _fanova}


@dataclass(frozen=True)
class Parameter:
    """One parameter's importance, a fraction of all that the method assessed; n: trials that had it."""

    path: str
    importance: float
    n: int


@dataclass(frozen=True)
class Importance:
    """Parameters, the most important first, over `n` trials measured at `kimg`; print `caveat` beside it.

    others: measured at other lengths only, and left out; unassessed: paths that the method says nothing about.
    """

    parameters: tuple[Parameter, ...]
    method: str
    kimg: float
    n: int
    others: int
    unassessed: tuple[str, ...]
    caveat: str = CAVEAT
    estimable: ClassVar[bool] = True


def importance(
    measurements: pd.DataFrame,
    axes: Mapping[str, str],
    method: str = "ped-anova",
    kimg: float | None = None,
    lower_is_better: bool = True,
) -> Importance | NotEstimable:
    """Assess the searched parameters over the trials that were measured at one length.

    measurements: one row a measurement: trial, kimg, quality and one column an axis, empty where the axis does not
    exist in that trial; a choice that is itself null must be a word there ("none"). axes: path -> "log", "linear" or
    "choice". method: "ped-anova" (Watanabe et al. 2023; with conditions) or "fanova" (Hutter et al. 2014; axes that
    all trials have). kimg: the length; unless told, the longest with 20 trials. Raises IgnmError for an unknown
    method, kind of axis, or column.
    """
    _check(measurements, axes, method)
    finite = measurements[np.isfinite(measurements["quality"].astype(float)) & measurements["kimg"].notna()]
    everyone = finite["trial"].nunique()
    counts = finite.groupby("kimg")["trial"].nunique()
    length = _length(counts) if kimg is None else kimg
    n = int(counts.get(length, 0)) if length is not None else int(counts.max()) if len(counts) else 0
    if length is None or n < FEWEST:
        where = "any one length" if kimg is None else f"{kimg:g} kimg"
        return NotEstimable(f"importance needs {FEWEST} trials measured at one length; at {where} there are {n}", n)
    rows = finite[finite["kimg"] == length].drop_duplicates("trial", keep="last")
    shares = _assess(rows, axes, METHODS[method](n), lower_is_better)
    if not shares:
        return NotEstimable(f"{method} can assess none of {', '.join(axes)}: none varies in these trials", n)
    parameters = tuple(Parameter(path, float(share), int(rows[path].notna().sum())) for path, share in shares.items())
    left = tuple(path for path in axes if path not in shares)
    return Importance(parameters, method, float(length), n, everyone - n, left)


def _check(measurements: pd.DataFrame, axes: Mapping[str, str], method: str) -> None:
    if method not in METHODS:
        raise IgnmError(f"importance method {method!r} is none of {', '.join(METHODS)}")
    missing = [column for column in ("trial", "kimg", "quality", *axes) if column not in measurements.columns]
    if missing:
        raise IgnmError(f"the measurements have no column {', '.join(missing)}")
    unknown = [f"{path}: {kind}" for path, kind in axes.items() if kind not in _DISTRIBUTIONS]
    if unknown:
        raise IgnmError(f"{', '.join(unknown)}; an axis is one of {', '.join(_DISTRIBUTIONS)}")


def _length(counts: "pd.Series[int]") -> float | None:
    enough = counts[counts >= FEWEST]
    return float(enough.index.max()) if len(enough) else None


def _assess(
    rows: pd.DataFrame, axes: Mapping[str, str], evaluator: BaseImportanceEvaluator, lower: bool
) -> dict[str, float]:
    varied = {path: kind for path, kind in axes.items() if rows[path].nunique(dropna=True) > 1}
    if not varied:
        return {}
    distributions = {path: _DISTRIBUTIONS[kind](rows[path].dropna()) for path, kind in varied.items()}
    trials = [
        optuna.trial.create_trial(
            value=float(row["quality"]),
            params={path: _param(row[path], varied[path]) for path in varied if pd.notna(row[path])},
            distributions={path: distributions[path] for path in varied if pd.notna(row[path])},
        )
        for row in rows.to_dict("records")
    ]
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(direction="minimize" if lower else "maximize")
            study.add_trials(trials)
            return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
    finally:
        optuna.logging.set_verbosity(level)


def _param(value: Any, kind: str) -> Any:
    return str(value) if kind == "choice" else float(value)


def _choice(values: Sequence[Any]) -> BaseDistribution:
    return CategoricalDistribution(sorted({str(value) for value in values}))


def _linear(values: Sequence[Any]) -> BaseDistribution:
    return FloatDistribution(float(min(values)), float(max(values)))


def _log(values: Sequence[Any]) -> BaseDistribution:
    return FloatDistribution(float(min(values)), float(max(values)), log=True)


_DISTRIBUTIONS: Mapping[str, Callable[[Any], BaseDistribution]] = {"choice": _choice, "linear": _linear, "log": _log}
