"""What a design is made of: arms in their places, and the contrasts that it was made for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ignm.config import Config, flat
from spaces.axis import Axis, Domain
from spaces.strategies import DATASET_PATHS


@dataclass(frozen=True)
class Model:
    """A config with the name that a reader knows it by."""

    name: str
    config: Config


@dataclass(frozen=True)
class Terms:
    """What the designs compare on one dataset."""

    dataset: str
    """NAME@RESOLUTION."""
    baselines: tuple[Model, ...]
    starts: tuple[Model, ...]
    """Those of the baselines that designs by strategy and by axis start from."""
    improved: Model
    axes: Mapping[str, Axis]
    """By path: when a value decides anything at all."""
    domains: Mapping[str, Domain]
    """By path: which values there are to try."""
    sweep: tuple[str, ...]
    """Paths that `sweeps` goes through."""


@dataclass(frozen=True)
class Change:
    """A change that an arm needs besides, so that it can work."""

    path: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Arm:
    """A configuration that is trained on every seed."""

    name: str
    dataset: str
    config: Config
    baseline: Model
    """What `parameters` are told against."""
    bridges: tuple[Change, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """Values that differ from its baseline's, by path."""
        before = flat(self.baseline.config)
        return {path: value for path, value in flat(self.config).items() if before[path] != value}


@dataclass(frozen=True)
class Placed:
    """An arm in its place: what it stands for in a design, as plain JSON."""

    place: Mapping[str, Any]
    arm: Arm


@dataclass(frozen=True)
class Contrast:
    """A difference that a design was made to tell: the mean of the arms without something less that of those with."""

    name: str
    without: tuple[Arm, ...]
    having: tuple[Arm, ...]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """All of them."""
        return (*self.without, *self.having)


@dataclass(frozen=True)
class Round:
    """One step of an ablation path."""

    tried: Mapping[str, Arm]
    taken: str | None = None
    """None while its runs have not ended, and where none of them ended well."""


@dataclass(frozen=True)
class Design:
    """A design on one dataset, from one baseline."""

    facts: Mapping[str, Any]
    """What it is, as plain JSON: `design`, `dataset`, and what else names it."""
    arms: tuple[Placed, ...] = ()
    contrasts: tuple[Contrast, ...] = ()
    stated: bool = True
    """Whether its comparisons are stated beforehand and judged as one family; else they explore, each for itself."""
    start: Arm | None = None
    """Of a path."""
    rounds: tuple[Round, ...] = field(default=())
    """Of a path."""

    def every_arm(self) -> Iterator[Arm]:
        """Its arms, some perhaps twice."""
        if self.start is not None:
            yield self.start
        yield from (placed.arm for placed in self.arms)
        for each in self.rounds:
            yield from each.tried.values()

    def as_json(self, numbers: Mapping[str, int]) -> dict[str, Any]:
        """For the plan; `numbers` are the arms' by config_id."""

        def number(arm: Arm) -> int:
            return numbers[arm.config.config_id]

        if self.start is None:
            return {**self.facts, "arms": [{**each.place, "arm": number(each.arm)} for each in self.arms]}
        return {
            **self.facts,
            "start": number(self.start),
            "rounds": [
                {"round": at, "tried": {name: number(arm) for name, arm in each.tried.items()}, "taken": each.taken}
                for at, each in enumerate(self.rounds, 1)
            ],
        }


def differing(one: Config, other: Config) -> list[str]:
    """Paths at which two configs differ, in the config's order; what describes the dataset is left out."""
    there = flat(other)
    return [path for path, value in flat(one).items() if path not in DATASET_PATHS and there[path] != value]


def against_one(pairs: Iterable[tuple[str, Arm, Arm]]) -> tuple[Contrast, ...]:
    """Contrasts of one arm with another: (name, without, having) each."""
    return tuple(Contrast(name, (without,), (having,)) for name, without, having in pairs)
