"""A space: an ordered set of axes, checked against the Config that it varies."""

import random
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field

from ignm.config import Config, config_paths, nearest, override, read_yaml, validated, value_at
from ignm.config.files import parse_yaml
from ignm.config.schema import Section
from ignm.errors import IgnmError
from spaces.axis import Axis, ChoiceDomain, Value

Suggest = Callable[[Axis], Value]

DATASET_PATHS = frozenset({"data.name", "data.resolution"})
DRAWS = 200
"""How many draws of the other axes may be refused together with a value before the value itself is."""


class Space(Section):
    """A named set of axes; an axis comes after the axes that its condition names."""

    name: str
    description: str = ""
    axes: tuple[Axis, ...] = Field(min_length=1)

    def sample(self, base: Config, suggest: Suggest) -> dict[str, Value]:
        """Ask `suggest` for a value of each axis whose condition holds; returns path -> value."""
        values: dict[str, Value] = {}
        for axis in self.axes:
            if all(values.get(path, value_at(base, path)) in allowed for path, allowed in axis.when.items()):
                values[axis.path] = suggest(axis)
        return values

    def values_of(self, base: Config, config: Config) -> dict[str, Value]:
        """Return the values that lead from `base` to `config`; raise IgnmError where the space does not reach it."""
        outside: list[str] = []

        def read(axis: Axis) -> Value:
            value: Value = value_at(config, axis.path)
            if value not in axis.domain:
                outside.append(f"{axis.path}={value} (space: {axis.domain.describe()})")
            return value

        values = self.sample(base, read)
        if outside or override(base, values) != config:
            raise IgnmError(
                f"space {self.name}: does not contain the config: {'; '.join(outside) or 'other paths differ'}"
            )
        return values

    def check(self, base: Config) -> None:
        """Raise IgnmError for an axis that the Config does not have, or a value that it refuses."""
        paths = config_paths()
        seen: list[str] = []
        for axis in self.axes:
            where = f"space {self.name}, axis {axis.path}"
            if axis.path not in paths:
                raise IgnmError(
                    f"{where}: the config has no such path{nearest(axis.path, paths)}; paths: {', '.join(paths)}"
                )
            if axis.path in DATASET_PATHS:
                raise IgnmError(f"{where}: results on different images cannot be compared; a study has one dataset")
            if axis.path in seen:
                raise IgnmError(f"{where}: given twice")
            for path in axis.when:
                if path not in paths:
                    raise IgnmError(
                        f"{where}: its condition names {path}, which the config does not have{nearest(path, paths)}"
                    )
                if path not in seen and path in [other.path for other in self.axes]:
                    raise IgnmError(f"{where}: must come after the axis {path} that its condition names")
            seen.append(axis.path)
            for value in _extremes(axis):
                self._check_value(base, axis, value)

    def _check_value(self, base: Config, axis: Axis, value: Value) -> None:
        """Raise IgnmError where no draw of the other axes lets the config accept this value."""
        draws = random.Random(0)
        refusal = ""
        for attempt in range(DRAWS):
            others = {} if attempt == 0 else {o.path: _draw(o, draws) for o in self.axes if o is not axis}
            try:
                override(base, others | self._conditions(axis) | {axis.path: value})
                return
            except IgnmError as error:
                refusal = refusal or str(error)
        raise IgnmError(f"space {self.name}, axis {axis.path}: the config refuses its value {value}: {refusal}")

    def _conditions(self, axis: Axis) -> dict[str, Value]:
        """The first allowed value of every path that the axis depends on, directly or through another axis."""
        axes = {other.path: other for other in self.axes}
        needed: dict[str, Value] = {}
        for path, allowed in axis.when.items():
            needed |= self._conditions(axes[path]) if path in axes else {}
            needed[path] = allowed[0]
        return needed


def _draw(axis: Axis, source: random.Random) -> Value:
    values = _extremes(axis)
    return values[source.randrange(len(values))]


def _extremes(axis: Axis) -> list[Value]:
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        return list(domain.values)
    return [int(bound) if domain.kind == "int" else bound for bound in (domain.low, domain.high)]


def space_names() -> list[str]:
    """Return the names of the spaces that come with the project."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _library().iterdir() if entry.name.endswith(".yaml"))


def load_space(name: str, base: Config) -> Space:
    """Load a space by its name or from a YAML file; raise IgnmError where it does not fit `base`."""
    if name.endswith((".yaml", ".yml")):
        raw: Mapping[str, Any] = read_yaml(Path(name))
    elif name in space_names():
        raw = parse_yaml((_library() / f"{name}.yaml").read_text(encoding="utf-8"), f"space {name}")
    else:
        names = space_names()
        raise IgnmError(
            f"space '{name}' does not exist{nearest(name, names)}; there are: {', '.join(names)}, or give a .yaml file"
        )
    space = validated(Space, {"name": Path(name).stem, **raw}, f"space {name}")
    space.check(base)
    return space


def _library() -> Any:
    return resources.files("spaces") / "library"
