"""Validation errors as sentences: which field, what is wrong, what is allowed."""

import difflib
import re
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from ignm.errors import IgnmError

M = TypeVar("M", bound=BaseModel)


def fields_at(model: type[BaseModel], path: tuple[str | int, ...]) -> dict[str, Any]:
    """Return the fields of the section that `path` leads to, or nothing where it leads nowhere."""
    for part in path:
        field = model.model_fields.get(str(part))
        annotation = field.annotation if field else None
        # A section that may be null is one of two alternatives.
        sections = [each for each in (annotation, *get_args(annotation)) if _is_section(each)]
        if not sections:
            return {}
        model = sections[0]
    return dict(model.model_fields)


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def nearest(name: str, allowed: Sequence[str]) -> str:
    """Return ' (did you mean ...?)' where one of the allowed names is near, else an empty string."""
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.6)
    return f" (did you mean '{close[0]}'?)" if close else ""


def _sentence(model: type[BaseModel], error: Any) -> str:
    location = tuple(part for part in error["loc"])
    path = ".".join(str(part) for part in location)
    if error["type"] == "extra_forbidden":
        allowed = sorted(fields_at(model, location[:-1]))
        return f"{path}: unknown key{nearest(str(location[-1]), allowed)}; allowed here: {', '.join(allowed)}"
    if error["type"] == "missing":
        return f"{path}: required, but not given"
    if error["type"] == "value_error":
        text = str(error["ctx"]["error"])
        return f"{path}: {text}" if path else text
    if error["type"] == "literal_error":
        expected = error["ctx"]["expected"].replace(" or ", ", ")
        near = nearest(str(error["input"]), re.findall("'([^']*)'", expected))
        return f"{path}: {error['input']!r} is not one of {expected}{near}"
    # How a library tried to read it helps nobody.
    said = error["msg"].partition(", unable to parse")[0]
    return f"{path}: {said[0].lower()}{said[1:]}, not {error['input']!r}"


def _told(faults: Sequence[Any]) -> list[Any]:
    """The faults that somebody made, unknown keys first: what is missing is often just mistyped."""
    # A field that may be null reports each alternative; the null one is noise.
    made = [fault for fault in faults if fault["type"] != "none_required"]
    places = [fault["loc"] for fault in made]

    def follows(fault: Any) -> bool:
        # A list is called too short once its only item is wrong.
        size = len(fault["loc"])
        return fault["type"] == "too_short" and any(len(each) > size and each[:size] == fault["loc"] for each in places)

    return sorted((fault for fault in made if not follows(fault)), key=lambda fault: fault["type"] != "extra_forbidden")


def validated(model: type[M], value: Any, source: str) -> M:
    """Validate `value` as `model`; raise IgnmError with one line per fault, headed by `source`."""
    if not isinstance(value, dict):
        raise IgnmError(f"{source}: expected a mapping of keys to values, found {type(value).__name__}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        lines = dict.fromkeys(_sentence(model, fault) for fault in _told(error.errors()))
        raise IgnmError("\n  ".join([f"{source}: not valid", *lines])) from None
