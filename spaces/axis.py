"""An axis: one dimension of a space, named by its path in the Config and by its strategy."""

import math
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ignm.config.schema import Section

Strategy = Literal["data", "structure", "init", "loss", "optim"]
Value = bool | int | float | str | None


class ChoiceDomain(Section):
    """One of a few values."""

    kind: Literal["choice"] = "choice"
    values: tuple[Value, ...] = Field(min_length=1)

    def __contains__(self, value: Any) -> bool:
        """Whether the value is one of the choices (true and 1 are different choices)."""
        return any(value == own and type(value) is type(own) for own in self.values)

    def describe(self) -> str:
        """The domain in a table cell."""
        return ", ".join("null" if value is None else str(value) for value in self.values)


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
    """Which of the paper's four strategies it belongs to; `optim` for what belongs to none."""
    domain: Domain
    when: dict[str, Annotated[tuple[Value, ...], Field(min_length=1)]] = {}
    """The axis exists only where each of these paths has one of these values."""
    source: str = ""
    """Where the idea comes from."""

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
