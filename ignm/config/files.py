"""Config from and to YAML, presets, and overrides by path."""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ignm.config.messages import nearest, validated
from ignm.config.schema import Config
from ignm.errors import IgnmError
from ignm.files import expanded, write_text

FILE_PATHS = frozenset({"data.synthetic.teacher", "init.checkpoint", "init.features_weights"})
"""Paths of the Config whose values are files or folders."""


class _Loader(yaml.SafeLoader):
    """Safe YAML that reads 2e-4 as a number (YAML 1.1 wants 2.0e-4) and refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' is given twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+0123456789.")
)


def parse_yaml(text: str, source: str) -> Any:
    """Parse YAML text; raise IgnmError with file, line and column where it is malformed."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise IgnmError(f"{source}{where}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise IgnmError(f"{source}: not valid YAML: {error}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping; raise IgnmError where the file is missing, unreadable or not a mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise IgnmError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise IgnmError(f"{path}: cannot be read: {error}") from None
    value = parse_yaml(text, str(path))
    if not isinstance(value, dict):
        raise IgnmError(f"{path}: expected a mapping of keys to values, found {type(value).__name__}")
    return value


def to_yaml(value: Mapping[str, Any]) -> str:
    """Dump a mapping as YAML in its own order."""
    return yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True)


def load_config(path: Path, overrides: Mapping[str, Any] | None = None) -> Config:
    """Read a Config; keys that the file leaves out have their defaults (those of DCGAN)."""
    return _with_overrides(read_yaml(path), overrides or {}, str(path))


def save_config(config: Config, path: Path) -> None:
    """Write the whole Config, defaults included, so that a later version of the defaults cannot change it."""
    write_text(path, to_yaml(config.model_dump(mode="json")))


def preset_names() -> list[str]:
    """Return the names of the presets."""
    folder = resources.files("ignm.config") / "presets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_preset(name: str, overrides: Mapping[str, Any] | None = None, called: str | None = None) -> Config:
    """Return a preset, changed at the paths in `overrides`; raise IgnmError for an unknown one.

    called: how messages call the preset with its changes; by their paths, when left out.
    """
    names = preset_names()
    if name not in names:
        raise IgnmError(f"preset '{name}' does not exist{nearest(name, names)}; presets: {', '.join(names)}")
    text = (resources.files("ignm.config") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    return _with_overrides(parse_yaml(text, f"preset {name}"), overrides or {}, f"preset {name}", called)


def override(config: Config, changes: Mapping[str, Any]) -> Config:
    """Return the config with other values at some dotted paths; raise IgnmError where the result is not valid."""
    return _with_overrides(config.model_dump(mode="json"), changes, "config")


def parse_assignments(assignments: Iterable[str], option: str = "--set") -> dict[str, Any]:
    """Turn `path=value` strings (values in YAML), given by `option`, into a mapping; IgnmError for one without `=`."""
    changes: dict[str, Any] = {}
    for assignment in assignments:
        path, separator, value = assignment.partition("=")
        if not separator or not path.strip():
            raise IgnmError(f"{option} {assignment}: expected path=value, for example {option} optim.generator.lr=1e-4")
        changes[path.strip()] = parse_yaml(value, f"{option} {assignment}")
    return changes


def located(changes: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the changes with the files that they name made absolute, as trials run in other folders."""
    return {
        path: str(folder.resolve() / expanded(value, path)) if path in FILE_PATHS and isinstance(value, str) else value
        for path, value in changes.items()
    }


def value_at(config: Config, path: str) -> Any:
    """Return the value at a dotted path; raise IgnmError where there is none."""
    value: Any = config.model_dump(mode="json")
    for part in path.split("."):
        if not isinstance(value, dict) or part not in value:
            raise IgnmError(f"{path}: the config has no such path; paths: {', '.join(config_paths())}")
        value = value[part]
    return value


def flat(config: Config) -> dict[str, Any]:
    """Return every leaf of the config by its dotted path."""
    return dict(leaves(config.model_dump(mode="json")))


def config_paths() -> list[str]:
    """Return the dotted path of every leaf."""
    return list(flat(Config()))


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a tree of mappings with its dotted path."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def set_path(tree: dict[str, Any], path: str, value: Any) -> None:
    """Set the value at a dotted path, in place; raise IgnmError where another value stands in the way."""
    *parents, last = path.split(".")
    section = tree
    for depth, parent in enumerate(parents):
        section = section.setdefault(parent, {})
        if not isinstance(section, dict):
            raise IgnmError(f"{path}: '{'.'.join(parents[: depth + 1])}' is a value, not a section")
    section[last] = value


def _with_overrides(tree: Any, changes: Mapping[str, Any], source: str, called: str | None = None) -> Config:
    if not isinstance(tree, dict):
        return validated(Config, tree, source)
    for path, value in changes.items():
        set_path(tree, path, value)
    return validated(Config, tree, called or (f"{source} with {', '.join(changes)}" if changes else source))
