"""An axis: one dimension of a space, named by its path in the Config and by its strategy."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ignm.config.section import Section
from ignm.errors import IgnmError
from spaces.strategies import Strategy, strategy_of

Value = bool | int | float | str | None


def value_text(value: Any, digits: int = 15) -> str:
    """A value as YAML spells it: null, true, relu, 0.5, 64; a list's or a mapping's parts with commas between them.

    digits: significant ones of a number that may be a fraction; 15 are all that it was written with.
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, list | tuple):
        return ", ".join(value_text(each, digits) for each in value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {value_text(each, digits)}" for key, each in value.items())
    return str(value)


class ChoiceDomain(Section):
    """One of a few values."""

    kind: Literal["choice"] = "choice"
    values: tuple[Value, ...] = Field(min_length=1)

    def __contains__(self, value: Any) -> bool:
        """Whether the value is one of the choices (true and 1 are different choices)."""
        return any(value == own and isinstance(value, bool) == isinstance(own, bool) for own in self.values)

    def describe(self) -> str:
        """The domain in a table cell."""
        return ", ".join(map(value_text, self.values))


class NumberDomain(Section):
    """A number between two bounds, both included."""

    kind: Literal["float", "int"]
    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _bounds(self) -> "NumberDomain":
        if not self.low < self.high:
            raise ValueError(f"low must be below high, not {self.low:g} and {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low must be above 0 on a log scale, not {self.low:g}")
        if self.kind == "int" and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError(f"bounds of an int must be whole, not {self.low:g} and {self.high:g}")
        return self

    def __contains__(self, value: Any) -> bool:
        """Whether a number lies within the bounds, rounding of the last digit allowed."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        within = self.low <= value <= self.high or any(math.isclose(value, bound) for bound in (self.low, self.high))
        return within and (self.kind == "float" or float(value).is_integer())

    def describe(self) -> str:
        """The domain in a table cell."""
        return f"{self.low:g} to {self.high:g}{', log' if self.log else ''}{', whole' if self.kind == 'int' else ''}"


Domain = Annotated[ChoiceDomain | NumberDomain, Field(discriminator="kind")]


class Axis(Section):
    """One dimension of a space."""

    path: str
    """Dotted path into the Config."""
    strategy: Strategy
    """Whose path it is; follows from the path, and is refused where a file says otherwise."""
    domain: Domain
    when: dict[str, Annotated[tuple[Value, ...], Field(min_length=1)]] = {}
    """The axis exists only where each of these paths has one of these values,"""
    needs: tuple[str, ...] = ()
    """and where each of these paths has any value but null."""
    source: str = ""
    """Where the idea comes from."""

    @property
    def depends_on(self) -> tuple[str, ...]:
        """The paths that its condition names."""
        return (*self.when, *self.needs)

    def exists(self, at: Mapping[str, Value]) -> bool:
        """Whether its condition holds where the paths have the values `at`."""
        return all(at[path] in allowed for path, allowed in self.when.items()) and all(
            at[path] is not None for path in self.needs
        )

    def describe_condition(self) -> str:
        """The condition in a table cell; empty where there is none."""
        allowed = [f"{path}: {', '.join(map(value_text, values))}" for path, values in self.when.items()]
        return "; ".join([*allowed, *(f"{path} not null" for path in self.needs)])

    @model_validator(mode="before")
    @classmethod
    def _strategy_of_its_path(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("path"), str):
            return data
        try:
            return {"strategy": strategy_of(data["path"]), **data}
        except IgnmError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _right_strategy(self) -> "Axis":
        right = strategy_of(self.path)
        if self.strategy != right:
            raise ValueError(f"{self.path}: belongs to strategy {right}, not {self.strategy}; the key may be left out")
        return self

    @model_validator(mode="before")
    @classmethod
    def _domain_in_brief(cls, data: Any) -> Any:
        """Let a file say the domain in brief: `choice: [...]`; `float`, `log_float`, `int`, `log_int: [low, high]`."""
        if not isinstance(data, dict) or "domain" in data:
            return data
        brief = [key for key in ("choice", "float", "log_float", "int", "log_int") if key in data]
        if len(brief) != 1:
            raise ValueError("an axis needs exactly one of: choice, float, log_float, int, log_int")
        rest = {key: value for key, value in data.items() if key != brief[0]}
        given = data[brief[0]]
        if not isinstance(given, list | tuple):
            raise ValueError(f"{brief[0]} takes a list, not {given!r}")
        if brief[0] == "choice":
            return rest | {"domain": {"kind": "choice", "values": given}}
        if len(given) != 2:
            raise ValueError(f"{brief[0]} takes [low, high], not {given!r}")
        kind = brief[0].removeprefix("log_")
        return rest | {"domain": {"kind": kind, "low": given[0], "high": given[1], "log": brief[0].startswith("log_")}}
