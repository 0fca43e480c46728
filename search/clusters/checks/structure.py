"""Is it a cluster file that Ray accepts, and is it filled in?"""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search.clusters.cluster_file import COMMANDS, ClusterFile, quiet
from search.clusters.finding import Finding, error

PLACEHOLDER = re.compile(r"<[A-Za-z][^<>]*>")
# Of a local cluster; without them Ray's launcher ends with a traceback.
NEEDED = {"local": ("head_ip", "worker_ips"), "aws": ("region",)}


def accepted_by_ray(file: ClusterFile) -> Iterator[Finding]:
    """Ray's schema, and what its launcher checks when it has filled in its defaults."""
    wrong = list(_keys_that_are_no_text(file.values, ())) or list(_against_schema(file))
    yield from wrong
    for key in NEEDED.get(file.provider, ()):
        if not file.section("provider").get(key):
            wrong.append(error(file.place("provider"), f"{key} is missing", "add it"))
            yield wrong[-1]
    if not wrong:
        yield from _as_prepared(file)


def filled_in(file: ClusterFile) -> Iterator[Finding]:
    """Lines that hold a <placeholder> still."""
    for keys, value in file.texts():
        found = PLACEHOLDER.search(value)
        # In a command < and > may be the shell's.
        if found and (keys[0] not in COMMANDS or "# CHANGE" in file.line(*keys)):
            yield error(file.place(*keys), f"still the placeholder {found.group()}", "fill it in (marked CHANGE)")


def said_once(file: ClusterFile) -> Iterator[Finding]:
    """No key twice: YAML would keep the last and say nothing."""
    for keys in file.duplicates:
        yield error(file.place(*keys), "is there twice, and only the last counts", "take one away")


def _against_schema(file: ClusterFile) -> Iterator[Finding]:
    import jsonschema  # type: ignore[import-untyped]
    import ray.autoscaler

    schema = json.loads((Path(ray.autoscaler.__file__).parent / "ray-schema.json").read_text(encoding="utf-8"))
    values = copy.deepcopy(file.values)
    for kind in (values.get("available_node_types") or {}).values() if file.node_types else ():
        # Ray asks AWS for what an instance type has, where the file does not say.
        if file.provider == "aws" and isinstance(kind, dict):
            kind.setdefault("resources", {})
    for problem in jsonschema.Draft7Validator(schema).iter_errors(values):
        place = file.place(*problem.absolute_path) if problem.absolute_path else ""
        yield error(place, f"Ray refuses it: {problem.message[:300]}", "see Ray's cluster YAML reference")


def _keys_that_are_no_text(value: Any, keys: tuple[Any, ...]) -> Iterator[Finding]:
    """Ray's schema is about text; `on`, `1` and `null` are none to YAML."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                place = ".".join(map(str, keys))
                yield error(place, f"the key {key!r} is no text", "put it in quotes, or take it away")
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _keys_that_are_no_text(inner, (*keys, key))


def _as_prepared(file: ClusterFile) -> Iterator[Finding]:
    from ray.autoscaler._private.util import prepare_config, validate_config

    try:
        with quiet():
            prepared = prepare_config(copy.deepcopy(file.values))
            for kind in prepared["available_node_types"].values():
                kind.setdefault("resources", {})
            validate_config(prepared)
    except Exception as problem:
        message = getattr(problem, "message", None) or str(problem) or type(problem).__name__
        yield error("", f"Ray refuses it: {' '.join(str(message).split())[:300]}", "see Ray's cluster YAML reference")
