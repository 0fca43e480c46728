"""The fields of a validated section and of the sections inside it, by dotted path."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def fields_of(section: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel], FieldInfo]]:
    """Yield each field's dotted path, the section that it stands in, and the field; inner sections in their places."""
    for name, field in section.model_fields.items():
        inner = _section(field.annotation)
        if inner is None:
            yield f"{path}{name}", section, field
        else:
            yield from fields_of(inner, f"{path}{name}.")


def _section(annotation: Any) -> type[BaseModel] | None:
    options = [each for each in (annotation, *get_args(annotation)) if isinstance(each, type)]
    return next((each for each in options if issubclass(each, BaseModel)), None)
