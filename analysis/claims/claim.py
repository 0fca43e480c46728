"""A claim as data: what is said, what it is measured by, and from where on it matters; stated before any run."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from analysis.ablation.measures import measure_called
from ignm.config.section import Section
from ignm.errors import IgnmError
from spaces.axis import value_text
from spaces.designs import TELLING, DesignName


def _tells(name: DesignName) -> DesignName:
    if name not in TELLING:
        raise ValueError(
            f"'{name}': its arms follow from what was measured, so it explores and tells no claim; use one of "
            f"{', '.join(TELLING)}"
        )
    return name


def _measured(name: str) -> str:
    try:
        measure_called(name)
    except IgnmError as error:
        raise ValueError(str(error)) from None
    return name


class Claim(Section):
    """One claim; each of its contrasts, on each dataset and from each baseline, is a hypothesis of its family."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    text: Annotated[str, Field(min_length=1)]
    """In the words of who claims it."""
    measure: Annotated[str, AfterValidator(_measured)] = "quality"
    """`analysis.ablation.measures`: a column of the results, its distance from the real images', or a derived one."""
    designs: Annotated[tuple[Annotated[DesignName, AfterValidator(_tells)], ...], Field(min_length=1)]
    """Where it is told; the first of them that the study asked for, whatever came out."""
    contrasts: Annotated[tuple[str, ...], Field(min_length=1)]
    """What is switched on: a strategy, a path, a value; of `baselines`, whom the improved model is to beat."""
    path: str | None = None
    """Of `sweeps`: the path whose values the contrasts are."""
    switches: tuple[str, ...] = ()
    """What is switched on must change one of these paths, else it is about something else and is not tested."""
    direction: Literal["better", "worse"] = "better"
    smallest_effect: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """As a fraction of the measure without it; null: the study's `ablate.smallest_effect`."""
    family: Annotated[str, Field(min_length=1)] = "own"
    """Hypotheses of one family are corrected for each other (Holm)."""

    @field_validator("contrasts", mode="before")
    @classmethod
    def _values_as_text(cls, given: Any) -> Any:
        """Let a file name a sweep's value as it is: true and null without quotes."""
        if not isinstance(given, list | tuple):
            return given
        return [value_text(each) if each is None or isinstance(each, bool | int | float) else each for each in given]

    @model_validator(mode="after")
    def _path_of_a_sweep(self) -> "Claim":
        if ("sweeps" in self.designs) != (self.path is not None):
            raise ValueError("path: a claim on `sweeps` names the path that is swept, and no other claim does")
        return self


class Claims(Section):
    """What `claims.yaml` of a study holds."""

    claims: Annotated[tuple[Claim, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_differ(self) -> "Claims":
        ids = [claim.id for claim in self.claims]
        if len(set(ids)) < len(ids):
            raise ValueError(f"claims: two have one id; ids are {', '.join(ids)}")
        return self
