"""One path of a config changed, with whatever else must change so that the result can work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ignm.config import Config, flat, override
from ignm.errors import IgnmError
from search.designs.design import Change
from spaces.axis import Axis
from spaces.strategies import BRIDGES, Bridge

MOST_COMPANIONS = 3
"""Paths that come along with a change, at most."""


@dataclass(frozen=True)
class Changed:
    """A config with one path changed."""

    config: Config
    bridges: tuple[Change, ...] = ()
    """What had to change besides."""


def change(
    config: Config,
    path: str,
    value: Any,
    companions: Mapping[str, Any],
    bridges: Sequence[Bridge] = BRIDGES,
) -> Changed:
    """Return the config with `value` at `path`; raise IgnmError, with the config's own reason, where that cannot be.

    Where the config refuses it alone, the published `bridges` are tried first, then as few as can be of the
    `companions` (path -> value), those that the refusal names before others.
    """
    try:
        return Changed(override(config, {path: value}))
    except IgnmError as error:
        refusal = reason_of(error)
    found = _bridged(config, path, value, bridges) or _accompanied(config, path, value, companions, refusal)
    if found is None:
        raise IgnmError(refusal)
    return found


def is_inert(config: Config, path: str, value: Any, axes: Mapping[str, Axis]) -> bool:
    """Whether a change would be accepted and decide nothing, as a penalty's weight without a penalty."""
    axis = axes.get(path)
    if axis is None or axis.exists(flat(config)):
        return False
    try:
        return not axis.exists(flat(override(config, {path: value})))
    except IgnmError:
        return False


def reason_of(error: IgnmError) -> str:
    """The sentence in a config's refusal that says why."""
    return str(error).splitlines()[-1].strip()


def _bridged(config: Config, path: str, value: Any, bridges: Iterable[Bridge]) -> Changed | None:
    changes, used = {path: value}, []
    for bridge in bridges:
        if bridge.path != path and bridge.needed({**flat(config), **changes}):
            changes[bridge.path] = bridge.value
            used.append(Change(bridge.path, bridge.value, bridge.reason))
    return _accepted(config, changes, used) if used else None


def _accompanied(config: Config, path: str, value: Any, companions: Mapping[str, Any], refusal: str) -> Changed | None:
    others = sorted((other for other in companions if other != path), key=lambda other: other not in refusal)
    for count in range(1, MOST_COMPANIONS + 1):
        for taken in combinations(others, count):
            along = {other: companions[other] for other in taken}
            found = _accepted(config, {path: value, **along}, [Change(o, v, refusal) for o, v in along.items()])
            if found is not None:
                return found
    return None


def _accepted(config: Config, changes: Mapping[str, Any], bridges: Sequence[Change]) -> Changed | None:
    try:
        return Changed(override(config, changes), tuple(bridges))
    except IgnmError:
        return None
