"""How large a space is: the points of its discrete axes, and the axes that are continuous."""

import math
from collections import ChainMap
from dataclasses import dataclass

from ignm.config import Config, flat
from spaces.axis import Axis, ChoiceDomain, Value
from spaces.space import Space


@dataclass(frozen=True)
class Size:
    """What a search has before it."""

    combinations: int
    """Points that differ in a discrete axis, conditions heeded; a number is whole or continuous by its axis."""
    continuous: int
    """Axes whose values are real numbers, those under a condition included."""


def size_of(space: Space, base: Config) -> Size:
    """Count a space's points on top of `base`, exactly and without listing them."""
    axes = space.possible(base).axes
    known = flat(base)
    combinations = math.prod(_count(group, known, {}) for group in _groups(axes))
    continuous = sum(not isinstance(axis.domain, ChoiceDomain) and axis.domain.kind == "float" for axis in axes)
    return Size(combinations, continuous)


def _groups(axes: tuple[Axis, ...]) -> list[list[Axis]]:
    """Axes that conditions tie together, in the space's order; the groups vary independently."""
    groups: list[list[Axis]] = []
    for axis in axes:
        tied = [group for group in groups if any(other.path in axis.depends_on for other in group)]
        groups = [group for group in groups if group not in tied]
        groups.append([*(other for group in tied for other in group), axis])
    return [[axis for axis in axes if axis in group] for group in groups]


def _count(axes: list[Axis], known: dict[str, Value], values: dict[str, Value]) -> int:
    if not axes:
        return 1
    axis, *later = axes
    if not axis.exists(ChainMap(values, known)):
        return _count(later, known, values)
    return sum(
        points * _count(later, known, {**values, axis.path: value}) for value, points in _cases(axis, later).items()
    )


def _cases(axis: Axis, later: list[Axis]) -> dict[Value, int]:
    """Values that the later axes' conditions tell apart, each with the number of points that it stands for."""
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        if any(axis.path in other.depends_on for other in later):
            return dict.fromkeys(domain.values, 1)
        return {domain.values[0]: len(domain.values)}
    if domain.kind == "float":
        return {domain.low: 1}
    named = {value for other in later for value in other.when.get(axis.path, ()) if value in domain}
    rest = int(domain.high - domain.low) + 1 - len(named)
    other = next((n for n in range(int(domain.low), int(domain.high) + 1) if n not in named), None)
    return dict.fromkeys(named, 1) | ({} if other is None else {other: rest})
