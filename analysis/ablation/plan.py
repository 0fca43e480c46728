"""`ablation.json`, validated: the arms that were asked for and the designs that put them in their places."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ignm.config import validated
from ignm.errors import IgnmError
from ignm.files import read_json

FILE = "ablation.json"
IMPROVED = "improved"
"""The improved model's place among the baselines."""


class _Read(BaseModel):
    """Keys that a later version adds are not read, and do no harm."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Bridge(_Read):
    """A change that an arm needs besides, so that it can work."""

    path: str
    value: Any = None
    reason: str = ""


class Arm(_Read):
    """A configuration that is trained on every seed."""

    number: int
    name: str
    dataset: str
    config_id: str
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    """Values that differ from its baseline's, by path."""
    bridges: tuple[Bridge, ...] = ()
    seeds: tuple[int, ...] = ()
    """Asked for; empty where only the plan says."""
    config: Mapping[str, Any] = Field(default_factory=dict)


class Round(_Read):
    """A step of an ablation path: arms by what they change; `taken` is None while it is not known."""

    tried: Mapping[str, int]
    taken: str | None = None


class Design(BaseModel):
    """One design on one dataset. What else names a place in it, as `on` or `value`, is in `arms` as it was written."""

    model_config = ConfigDict(frozen=True, extra="allow")

    design: str
    dataset: str
    baseline: str = ""
    improved: str = IMPROVED
    path: str | None = None
    """Of a sweep."""
    levels: tuple[str, ...] = ()
    """Strategies of a lattice, in order."""
    same: tuple[str, ...] = ()
    """Strategies in which the two models do not differ, so that nothing can be told of them."""
    arms: tuple[Mapping[str, Any], ...] = ()
    start: int | None = None
    rounds: tuple[Round, ...] = ()
    refused: tuple[Mapping[str, Any], ...] = ()
    """Options that cannot work, each with its reason."""
    inert: tuple[str, ...] = ()
    """Paths that differ and decide nothing."""

    def places(self, key: str) -> list[tuple[Any, int]]:
        """Return (place, arm number) of each arm that has a place by this key, as ("data", 5) by `without`."""
        return [(place[key], int(place["arm"])) for place in self.arms if key in place]

    @property
    def numbers(self) -> list[int]:
        """Numbers of its arms, each once, in order."""
        found = [] if self.start is None else [self.start]
        found += [int(place["arm"]) for place in self.arms]
        found += [number for each in self.rounds for number in each.tried.values()]
        return list(dict.fromkeys(found))


class Plan(_Read):
    """What the ablate stage runs and compares."""

    asked_kimg: float
    kimg: float
    seeds: tuple[int, ...]
    smallest_effect: float = Field(gt=0.0)
    improved: Mapping[str, Any] = Field(default_factory=dict)
    datasets: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    """By NAME@RESOLUTION: metric and reference_id."""
    complete: bool = False
    arms: tuple[Arm, ...]
    designs: tuple[Design, ...]

    def wanted_seeds(self, arm: Arm) -> tuple[int, ...]:
        """Seeds that an arm is to be run on."""
        return arm.seeds or self.seeds


def read_plan(folder: Path) -> Plan | None:
    """Read a study's plan; None where it has none. Raises IgnmError for one that cannot be used."""
    path = folder / FILE
    if not path.is_file():
        return None
    plan = validated(Plan, read_json(path), str(path))
    _check_numbers(plan, path)
    return plan


def _check_numbers(plan: Plan, path: Path) -> None:
    known = [arm.number for arm in plan.arms]
    if len(set(known)) < len(known):
        raise IgnmError(f"{path}: two arms have one number; {_MEND}")
    for design in plan.designs:
        nameless = [place for place in design.arms if not isinstance(place.get("arm"), int)]
        if nameless:
            raise IgnmError(f"{path}: a place of {design.design} on {design.dataset} names no arm; {_MEND}")
        strange = _beyond(design.numbers, known)
        if strange:
            raise IgnmError(
                f"{path}: {design.design} on {design.dataset} names arm {strange[0]}, which the plan does not have; "
                f"{_MEND}"
            )


_MEND = "restore the file that the run wrote, or run `ignm ablate` again"


def _beyond(numbers: Sequence[int], known: Sequence[int]) -> list[int]:
    return [number for number in numbers if number not in known]
