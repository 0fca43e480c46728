"""A space: an ordered set of axes, checked against the Config that it varies."""

import random
from collections import ChainMap
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from ignm.config import Config, config_paths, flat, nearest, override
from ignm.config.section import Section
from ignm.errors import IgnmError
from spaces.axis import Axis, ChoiceDomain, Value
from spaces.strategies import STRATEGIES, STUDY_PATHS

Suggest = Callable[[Axis], Value]

DRAWS = 200
"""How many draws of the other axes may be refused together with a value before the value itself is."""


def _each_path_once(axes: tuple[Axis, ...]) -> tuple[Axis, ...]:
    paths = [axis.path for axis in axes]
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise ValueError(f"axis {twice}: given twice")
    return axes


Axes = Annotated[tuple[Axis, ...], AfterValidator(_each_path_once)]


class Space(Section):
    """A named set of axes; an axis comes after the axes that its condition names."""

    name: str
    description: str = ""
    axes: Axes = Field(min_length=1)

    @property
    def paths(self) -> list[str]:
        """The paths that vary, in order."""
        return [axis.path for axis in self.axes]

    def sample(self, base: Config, suggest: Suggest) -> dict[str, Value]:
        """Ask `suggest` for a value of each axis whose condition holds; returns path -> value."""
        values: dict[str, Value] = {}
        at = ChainMap(values, flat(base))
        for axis in self.axes:
            if axis.exists(at):
                values[axis.path] = suggest(axis)
        return values

    def values_of(self, base: Config, config: Config) -> dict[str, Value]:
        """Return the values that lead from `base` to `config`; raise IgnmError where the space does not reach it."""
        outside: list[str] = []
        at = flat(config)

        def read(axis: Axis) -> Value:
            value: Value = at[axis.path]
            if value not in axis.domain:
                outside.append(f"{axis.path}={value} (space: {axis.domain.describe()})")
            return value

        values = self.sample(base, read)
        if outside or override(base, values) != config:
            raise IgnmError(
                f"space {self.name}: does not contain the config: {'; '.join(outside) or 'other paths differ'}"
            )
        return values

    def only(self, names: Sequence[str]) -> "Space":
        """Return the space with the axes of these strategies and paths alone; raise IgnmError for a name of none."""
        for name in names:
            if not any(name in (axis.strategy, axis.path) for axis in self.axes):
                raise IgnmError(f"only {name}: {self._no_axis(name)}")
        return self._with(tuple(axis for axis in self.axes if axis.path in names or axis.strategy in names))

    def fixed(self, paths: Iterable[str]) -> "Space":
        """Return the space without the axes of these paths; raise IgnmError where none is left."""
        gone = frozenset(paths)
        left = tuple(axis for axis in self.axes if axis.path not in gone)
        if not left:
            raise IgnmError(f"space {self.name}: every axis is fixed, nothing is left to search; fix fewer paths")
        return self._with(left)

    def possible(self, base: Config) -> "Space":
        """Return the space as it can be sampled on top of `base`.

        Left out are axes that exist for none of its points, and choices that the config refuses at all of them. Raises
        IgnmError where no axis is left.
        """
        at = flat(base)
        left: dict[str, Axis] = {}
        for axis in self.axes:
            allowed = all(
                at[path] in values or (path in left and any(value in left[path].domain for value in values))
                for path, values in axis.when.items()
            )
            if allowed and all(at[path] is not None or _some_value(left.get(path)) for path in axis.needs):
                left[axis.path] = axis
        if not left:
            lines = [f"{axis.path} exists only with {axis.describe_condition()}" for axis in self.axes]
            raise IgnmError("\n  ".join([f"space {self.name}: no axis of it exists for this base", *lines]))
        living = self._with(tuple(left.values()))
        return living._with(tuple(living._accepted(base, axis) for axis in living.axes))

    def check(self, base: Config) -> None:
        """Raise IgnmError for an axis that the Config does not have, or a value that it refuses."""
        paths = config_paths()
        seen: list[str] = []
        for axis in self.axes:
            where = f"space {self.name}, axis {axis.path}"
            if axis.path in STUDY_PATHS:
                raise IgnmError(f"{where}: results on different images cannot be compared; a study has one dataset")
            for path in axis.depends_on:
                if path not in paths:
                    raise IgnmError(
                        f"{where}: its condition names {path}, which the config does not have{nearest(path, paths)}"
                    )
                if path not in seen and path in self.paths:
                    raise IgnmError(f"{where}: must come after the axis {path} that its condition names")
            seen.append(axis.path)
        for axis in self.axes:
            conditions = self._conditions(base, axis)
            # What a path without a value would have to be is not for the space to say.
            for value in _extremes(axis) if conditions is not None else ():
                self._check_value(base, axis, value, conditions or {})

    def _check_value(self, base: Config, axis: Axis, value: Value, conditions: dict[str, Value]) -> None:
        """Raise IgnmError where no values of the other axes, possible or not, let the config accept this one."""
        wanted = conditions | {axis.path: value}
        draws = random.Random(0)
        refusal = ""
        for attempt in range(DRAWS):
            others: dict[str, Value] = {}
            if attempt % 2:
                others = self.sample(base, _preferring(wanted, draws))
            elif attempt > 0:
                others = {other.path: _draw(other, draws) for other in self.axes}
            try:
                override(base, others | wanted)
                return
            except IgnmError as error:
                refusal = refusal or str(error)
        raise IgnmError(f"space {self.name}, axis {axis.path}: the config refuses its value {value}: {refusal}")

    def _accepted(self, base: Config, axis: Axis) -> Axis:
        """The axis without the choices that the config refuses in every sample; as it is where none would be left."""
        domain = axis.domain
        if not isinstance(domain, ChoiceDomain):
            return axis
        values = tuple(value for value in domain.values if self._samples_with(base, axis, value))
        if values in ((), domain.values):
            return axis
        return axis.model_copy(update={"domain": ChoiceDomain(values=values)})

    def _samples_with(self, base: Config, axis: Axis, value: Value) -> bool:
        """Whether the config accepts some sample in which the axis has this value."""
        wanted = {**(self._conditions(base, axis) or {}), axis.path: value}
        draws, at = random.Random(0), flat(base)
        near = {o.path: at[o.path] for o in self.axes if at[o.path] in o.domain} | wanted
        return any(
            _accepts(base, self.sample(base, _preferring(wanted if attempt else near, draws)))
            for attempt in range(DRAWS)
        )

    def _conditions(self, base: Config, axis: Axis) -> dict[str, Value] | None:
        """Values of the paths that the axis depends on, directly or not, with which it exists; None where unknown."""
        axes, at = {other.path: other for other in self.axes}, flat(base)
        needed: dict[str, Value] = {}
        for path in axis.depends_on:
            deeper = self._conditions(base, axes[path]) if path in axes else {}
            if deeper is None:
                return None
            needed |= deeper
        for path, allowed in axis.when.items():
            if path not in axes and at[path] not in allowed:
                return None
            reached = [value for value in allowed if path in axes and value in axes[path].domain]
            needed[path] = reached[0] if reached else at[path] if at[path] in allowed else allowed[0]
        for path in axis.needs:
            known = [needed.get(path), *(_extremes(axes[path]) if path in axes else ()), at[path]]
            needed[path] = next((value for value in known if value is not None), None)
            if needed[path] is None:
                return None
        return needed

    def _with(self, axes: tuple[Axis, ...]) -> "Space":
        return self.model_copy(update={"axes": axes})

    def _no_axis(self, name: str) -> str:
        here = [strategy for strategy in STRATEGIES if any(axis.strategy == strategy for axis in self.axes)]
        if name in STRATEGIES:
            return f"space {self.name} has no axis of this strategy; it has axes of {', '.join(here)}"
        return (
            f"neither a strategy nor an axis of space {self.name}{nearest(name, [*here, *self.paths])}; strategies: "
            f"{', '.join(here)}; axes: {', '.join(self.paths)}"
        )


def _accepts(base: Config, values: dict[str, Value]) -> bool:
    try:
        override(base, values)
    except IgnmError:
        return False
    return True


def _preferring(values: dict[str, Value], draws: random.Random) -> Suggest:
    """These values where there are any, else drawn ones."""
    return lambda axis: values[axis.path] if axis.path in values else _draw(axis, draws)


def _draw(axis: Axis, source: random.Random) -> Value:
    values = _extremes(axis)
    return values[source.randrange(len(values))]


def _some_value(axis: Axis | None) -> bool:
    return axis is not None and any(value is not None for value in _extremes(axis))


def _extremes(axis: Axis) -> list[Value]:
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        return list(domain.values)
    return [int(bound) if domain.kind == "int" else bound for bound in (domain.low, domain.high)]
