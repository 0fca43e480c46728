"""Axes as Optuna knows them: their distributions, and asking a trial for their values."""

from collections.abc import Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ignm.config import Config, flat
from spaces.axis import Axis, ChoiceDomain, Value
from spaces.space import Space


def distribution_of(axis: Axis) -> BaseDistribution:
    """Return the axis as Optuna's distribution."""
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        return CategoricalDistribution(domain.values)
    if domain.kind == "int":
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


def distributions_of(space: Space) -> dict[str, BaseDistribution]:
    """Return every axis of a space, those under a condition included; path -> distribution."""
    return {axis.path: distribution_of(axis) for axis in space.axes}


def suggest_value(trial: optuna.Trial, axis: Axis) -> Value:
    """Ask a trial for a value of the axis."""
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        choice: Value = trial.suggest_categorical(axis.path, domain.values)
        return choice
    if domain.kind == "int":
        return trial.suggest_int(axis.path, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(axis.path, domain.low, domain.high, log=domain.log)


def within(space: Space, values: Mapping[str, Value]) -> dict[str, Value]:
    """Return values of a space's axes with what rounding had put outside of a bound put on it."""
    axes = {axis.path: axis for axis in space.axes}
    return {path: _clipped(axes[path], value) for path, value in values.items()}


def defaults_of(space: Space, base: Config) -> dict[str, Value]:
    """Return a value for every axis, whether it exists or not: the base's own, else the middle of the domain."""
    at = flat(base)
    return {axis.path: at[axis.path] if at[axis.path] in axis.domain else _middle(axis) for axis in space.axes}


def _clipped(axis: Axis, value: Value) -> Value:
    domain = axis.domain
    if isinstance(domain, ChoiceDomain) or not isinstance(value, int | float):
        return value
    return min(max(value, domain.low), domain.high) if domain.kind == "float" else int(value)


def _middle(axis: Axis) -> Value:
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        return domain.values[0]
    middle = (domain.low * domain.high) ** 0.5 if domain.log else (domain.low + domain.high) / 2
    return round(middle) if domain.kind == "int" else middle
