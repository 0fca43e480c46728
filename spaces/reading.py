"""Spaces from files: those of the library by name, one's own by path, and what they include of each other."""

import os.path
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import model_validator

from ignm.config import Config, nearest, read_yaml, validated
from ignm.config.files import parse_yaml
from ignm.config.section import Section
from ignm.errors import IgnmError
from spaces.axis import Axis
from spaces.space import Axes, Space

_SUFFIXES = (".yaml", ".yml")


class SpaceFile(Section):
    """A space as a file says it."""

    name: str | None = None
    description: str = ""
    include: tuple[str, ...] = ()
    """Spaces whose axes come first: names of the library's, or paths from this file's folder."""
    axes: Axes = ()
    """Its own; one with the path of an included axis takes that one's place."""

    @model_validator(mode="after")
    def _something(self) -> "SpaceFile":
        if not self.include and not self.axes:
            raise ValueError("axes: give at least one axis, or `include` a space")
        return self


def space_names() -> list[str]:
    """Return the names of the spaces that come with the project."""
    return sorted(entry.name.removesuffix(".yaml") for entry in _library().iterdir() if entry.name.endswith(".yaml"))


def load_space(name: str, base: Config) -> Space:
    """Load a space by its name or from a YAML file; raise IgnmError where it does not fit `base`."""
    space = read_space(name)
    space.check(base)
    return space


def read_space(name: str) -> Space:
    """Read a space, with what it includes, and leave open whether it fits a Config; raise IgnmError for bad files."""
    return _read(name, ())


def _read(name: str, including: tuple[str, ...]) -> Space:
    if name in including:
        raise IgnmError(f"space {including[0]}: includes itself: {' -> '.join((*including, name))}")
    file = validated(SpaceFile, _raw(name, including), f"space {name}")
    axes: dict[str, Axis] = {}
    for part in file.include:
        for axis in _read(_beside(name, part), (*including, name)).axes:
            if axes.get(axis.path, axis) != axis and axis.path not in [own.path for own in file.axes]:
                raise IgnmError(
                    f"space {name}: the spaces that it includes say different things of {axis.path}; say in its own "
                    "`axes:` which holds"
                )
            axes[axis.path] = axis
    axes |= {axis.path: axis for axis in file.axes}
    return Space(name=file.name or Path(name).stem, description=file.description, axes=tuple(axes.values()))


def _raw(name: str, including: tuple[str, ...]) -> Any:
    if name.endswith(_SUFFIXES):
        return read_yaml(Path(name))
    names = space_names()
    if name not in names:
        where = f"space {including[-1]}, include: " if including else ""
        raise IgnmError(
            f"{where}space '{name}' does not exist{nearest(name, names)}; there are: {', '.join(names)}, or give a "
            ".yaml file"
        )
    return parse_yaml((_library() / f"{name}.yaml").read_text(encoding="utf-8"), f"space {name}")


def _beside(name: str, part: str) -> str:
    """A file's path as seen from the file that includes it."""
    return os.path.normpath(Path(name).parent / part) if part.endswith(_SUFFIXES) else part


def _library() -> Any:
    return resources.files("spaces") / "library"
