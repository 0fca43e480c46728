"""A cluster file as it was written: its values, and on which line each stands."""

import contextlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from ignm.errors import IgnmError

Key = str | int
COMMANDS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
)
DEFAULT = "Ray's default"


@dataclass(frozen=True)
class ClusterFile:
    """A cluster file that is a YAML mapping; what is in it may still be anything."""

    path: Path
    text: str
    values: dict[str, Any]

    @property
    def provider(self) -> str:
        """The provider's type; empty where the file does not say."""
        kind = self.section("provider").get("type")
        return kind if isinstance(kind, str) else ""

    def section(self, *keys: str) -> dict[str, Any]:
        """Return the mapping at `keys`; empty where there is none."""
        found: Any = self.values
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, dict) else {}

    def items(self, *keys: str) -> list[Any]:
        """Return the list at `keys`; empty where there is none."""
        found = self.section(*keys[:-1]).get(keys[-1])
        return found if isinstance(found, list) else []

    def number(self, *keys: str) -> float | None:
        """Return the number at `keys`, if there is one."""
        found = self.section(*keys[:-1]).get(keys[-1])
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    def word(self, *keys: str) -> str:
        """Return the text at `keys`; empty where there is none."""
        found = self.section(*keys[:-1]).get(keys[-1])
        return found if isinstance(found, str) else ""

    @property
    def node_types(self) -> dict[str, dict[str, Any]]:
        """Node types by name."""
        kinds = self.section("available_node_types")
        return {name: kind for name, kind in kinds.items() if isinstance(name, str) and isinstance(kind, dict)}

    @property
    def workers(self) -> dict[str, dict[str, Any]]:
        """Node types other than the head's."""
        return {name: kind for name, kind in self.node_types.items() if name != self.word("head_node_type")}

    def commands(self, *kinds: str) -> Iterator[tuple[str, str]]:
        """Yield (place, command) of all commands, or of some kinds, Ray's defaults where the file has none."""
        for kind in kinds or COMMANDS:
            own = kind in self.values
            found = self.values.get(kind) if own else self.defaults.get(kind)
            for index, command in enumerate(found if isinstance(found, list) else []):
                if isinstance(command, str):
                    yield self.place(kind, index) if own else f"{kind} ({DEFAULT})", command

    def texts(self) -> Iterator[tuple[tuple[Key, ...], str]]:
        """Yield (keys, value) of every single value, as the file writes it."""
        for entry in self._entries:
            if isinstance(entry.value, yaml.ScalarNode):
                yield entry.keys, entry.value.value

    def place(self, *keys: Key) -> str:
        """Say where a value stands: its line, or that of the nearest mapping around it, and its keys."""
        name = ".".join(str(key) for key in keys)
        known = next((keys[:end] for end in range(len(keys), 0, -1) if keys[:end] in self._lines), None)
        return f"line {self._lines[known]}, {name}" if known else name

    def line(self, *keys: Key) -> str:
        """Return the text of the line on which a value that is written in the file begins."""
        return self.text.splitlines()[self._lines[keys] - 1]

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """What Ray fills in where the file says nothing."""
        from ray.autoscaler._private.providers import _get_default_config

        with contextlib.suppress(Exception):
            return dict(_get_default_config({"type": self.provider}))
        return {}

    @cached_property
    def duplicates(self) -> list[tuple[Key, ...]]:
        """Keys that a mapping has twice; YAML keeps the last in silence."""
        seen: set[tuple[Key, ...]] = set()
        twice = []
        for entry in self._entries:
            if entry.keys in seen:
                twice.append(entry.keys)
            seen.add(entry.keys)
        return twice

    @property
    def _root(self) -> yaml.Node:
        root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        assert root is not None, "the file holds a mapping"  # noqa: S101
        return root

    @cached_property
    def _entries(self) -> "list[_Entry]":
        return list(_walk(self._root, ()))

    @cached_property
    def _lines(self) -> dict[tuple[Key, ...], int]:
        return {entry.keys: entry.line for entry in self._entries}


def read_cluster_file(path: Path) -> ClusterFile:
    """Read a cluster file; raise IgnmError where it is not a YAML mapping."""
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
    except OSError as problem:
        raise IgnmError(f"{path}: cannot be read: {problem.strerror}") from None
    except (yaml.YAMLError, ValueError) as problem:
        raise IgnmError(f"{path}: not YAML: {' '.join(str(problem).split())}") from None
    if not isinstance(values, dict):
        raise IgnmError(f"{path}: a cluster file is a mapping, as cluster.yaml and cluster-local.yaml are")
    return ClusterFile(path, text, values)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what Ray's launcher prints and logs to itself."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(disabled)


@dataclass(frozen=True)
class _Entry:
    """A key of a mapping or an item of a list, and what it holds."""

    keys: tuple[Key, ...]
    line: int
    value: yaml.Node


def _walk(node: yaml.Node, keys: tuple[Key, ...]) -> Iterator[_Entry]:
    """Yield every entry as it is written; what a merge (`<<`) brings is not repeated."""
    entries: list[_Entry] = []
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag != "tag:yaml.org,2002:merge":
                entries.append(_Entry((*keys, str(key.value)), key.start_mark.line + 1, value))
    elif isinstance(node, yaml.SequenceNode):
        entries = [_Entry((*keys, i), item.start_mark.line + 1, item) for i, item in enumerate(node.value)]
    for entry in entries:
        yield entry
        if entry.value.start_mark.line + 1 >= entry.line:  # An alias leads back to where its anchor stands.
            yield from _walk(entry.value, entry.keys)
