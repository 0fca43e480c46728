"""docs/reference.md, made from the code: every field of a study's file and of a configuration, and every axis.

make reference        or        python -m search.reference > docs/reference.md
"""

import ast
import inspect
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ignm.config import Config, load_preset, preset_names
from ignm.config.fields import fields_of
from ignm.config.files import leaves
from search.study.question import Question
from spaces.axis import value_text
from spaces.reading import load_space, space_names
from spaces.strategies import strategy_of

HEAD = """# Reference

Made from the code by `make reference`; do not edit. What a field may hold is checked when a file is read, and a wrong one is answered with its path and what is allowed.

- [A study's file](#a-studys-file): what `ignm run`, `search`, `confirm` and `ablate` read
- [A configuration](#a-configuration): what one training depends on; `--set PATH=VALUE`, `set:` and `fix:` of a study, axes
- [Presets](#presets): where they differ from the defaults
- [Axes](#axes): what the spaces that come along vary

`-` is null: not there, or left to what the text says."""  # noqa: E501

WORDS = {str: "text", int: "whole number", float: "number", bool: "true, false", types.NoneType: "-"}
SIGNS = {"ge": "from", "gt": "above", "le": "to", "lt": "below"}


def main() -> None:
    """Print the page."""
    sys.stdout.writelines(f"{line}\n" for line in page())


def page() -> Iterator[str]:
    """The page's lines."""
    yield HEAD
    yield "\n## A study's file\n"
    yield from _table(("field", "allowed", "default", "what it is"), _fields(Question))
    yield "\n## A configuration\n"
    paths = ((row[0], strategy_of(row[0].strip("`")), *row[1:]) for row in _fields(Config))
    yield from _table(("path", "strategy", "allowed", "default", "what it is"), paths)
    yield "\n## Presets\n"
    yield from _table(("path", *preset_names()), _presets())
    yield "\n## Axes"
    for name in space_names():
        space = load_space(name, load_preset("dcgan"))
        yield f"\n### `{name}`\n\n{space.description}\n"
        rows = ((f"`{x.path}`", x.domain.describe(), x.describe_condition(), x.source) for x in space.axes)
        yield from _table(("path", "values", "exists with", "source"), rows)


def _table(header: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|---" * len(header) + "|"
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def _fields(section: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    """(path, allowed, default, text) of each field, those of nested sections in their places."""
    for path, owner, field in fields_of(section):
        text = _texts(owner).get(path.rpartition(".")[2], "")
        yield f"`{path}`", _allowed(field.annotation, field.metadata), _default(field), text


@cache
def _texts(section: type[BaseModel]) -> dict[str, str]:
    """What stands below each field in the code."""
    found: dict[str, str] = {}
    for owner in reversed(section.__mro__):
        if not issubclass(owner, BaseModel) or owner is BaseModel:
            continue
        code = ast.parse(textwrap.dedent(inspect.getsource(owner)))
        statements = [each for block in code.body if isinstance(block, ast.ClassDef) for each in block.body]
        for pair in pairwise(statements):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    found[name] = " ".join(text.split())
    return found


def _allowed(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a field may hold: "0 to 1", "relu, silu", "text", "number, -"."""
    arguments = get_args(annotation)
    if get_origin(annotation) is Annotated:
        inner = [bound for each in arguments[1:] for bound in getattr(each, "metadata", [each])]
        return _allowed(arguments[0], [*metadata, *inner])
    if get_origin(annotation) in (Union, types.UnionType):
        return ", ".join(_allowed(each, metadata) for each in arguments)
    if get_origin(annotation) is Literal:
        return ", ".join(map(_shown, arguments))
    if get_origin(annotation) is tuple:
        return f"list of: {_allowed(arguments[0])}"
    if get_origin(annotation) is dict:
        return f"path: {_allowed(arguments[1])}"
    return " ".join((WORDS[annotation], *_bounds(metadata)))


def _bounds(metadata: Iterable[Any]) -> Iterator[str]:
    bounds = {key: getattr(each, key) for each in metadata for key in SIGNS if hasattr(each, key)}
    yield from (f"{sign} {bounds[key]:,.10g}" for key, sign in SIGNS.items() if key in bounds)


def _default(field: FieldInfo) -> str:
    return "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))


def _shown(value: Any) -> str:
    if isinstance(value, tuple | list | dict):
        return ", ".join(map(_shown, value)) or "none"
    return "-" if value is None else value_text(value)


def _presets() -> Iterator[tuple[str, ...]]:
    """Each path in which a preset is not as the defaults, with every preset's value."""
    presets = [dict(leaves(load_preset(name).model_dump())) for name in preset_names()]
    for path, value in leaves(Config().model_dump()):
        if any(each[path] != value for each in presets):
            yield f"`{path}`", *(_shown(each[path]) for each in presets)


if __name__ == "__main__":
    main()
