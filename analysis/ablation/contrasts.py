"""The differences that each design was made to tell: arms without something against arms with it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.ablation.plan import IMPROVED, Design
from ignm.config import nearest
from ignm.errors import IgnmError
from spaces.axis import value_text


@dataclass(frozen=True)
class Contrast:
    """`having` against `without`, by arm numbers; what is switched on is `name`.

    twins: each arm of one side stands beside the arm of the other that differs in nothing else.
    """

    name: str
    without: tuple[int, ...]
    having: tuple[int, ...]
    twins: bool = True

    @property
    def arms(self) -> tuple[int, ...]:
        """All of them."""
        return (*self.without, *self.having)


def contrasts_of(design: Design) -> list[Contrast]:
    """Return a design's contrasts, in its own order; of a path, the steps that were taken.

    An arm that the plan lacks, as of a lattice cut short, takes its twin out too; a contrast with no arm left on a side
    is not there. Raises IgnmError for a design that this version does not know.
    """
    if design.design not in CONTRASTS:
        raise IgnmError(
            f"ablation.json: this version knows no design '{design.design}'{nearest(design.design, list(CONTRASTS))}; "
            f"designs: {', '.join(CONTRASTS)}; use the version of ignm that ran the study"
        )
    found = CONTRASTS[design.design](design)
    return [each for each in found if each.without and each.having]


def contrast(design: Design, name: str) -> Contrast | None:
    """Return a design's contrast of this name; None where it has none."""
    return next((each for each in contrasts_of(design) if each.name == name), None)


def _lattice(design: Design) -> list[Contrast]:
    arms = {frozenset(on): number for on, number in design.places("on")}
    found = []
    for level in design.levels:
        twins = [(arms[on - {level}], arms[on]) for on in arms if level in on and on - {level} in arms]
        without = tuple(number for on, number in arms.items() if level not in on)
        having = tuple(number for on, number in arms.items() if level in on)
        if twins:
            without, having = (tuple(side) for side in zip(*twins, strict=True))
        found.append(Contrast(level, without, having, twins=bool(twins)))
    return found


def _left_out(design: Design) -> list[Contrast]:
    places = design.places("without")
    whole = [number for name, number in places if name is None]
    return [Contrast(str(name), (number,), (whole[0],)) for name, number in places if name is not None and whole]


def _added(design: Design) -> list[Contrast]:
    places = design.places("with")
    none = [number for name, number in places if name is None]
    return [Contrast(str(name), (none[0],), (number,)) for name, number in places if name is not None and none]


def _swept(design: Design) -> list[Contrast]:
    """Each other option, named as YAML spells it, against the improved model's own: above 0 the option is better."""
    own = [int(place["arm"]) for place in design.arms if place.get("own")]
    others = [place for place in design.arms if not place.get("own")]
    return [Contrast(value_text(each.get("value")), (own[0],), (int(each["arm"]),)) for each in others if own]


def _baselines(design: Design) -> list[Contrast]:
    places = design.places("preset")
    improved = [number for name, number in places if name == IMPROVED]
    # The winner may be one of the baselines itself.
    others = [(str(name), number) for name, number in places if name != IMPROVED and number not in improved]
    return [Contrast(name, (number,), (improved[0],)) for name, number in others if improved]


def _steps(design: Design) -> list[Contrast]:
    """What each round of a path took, against where it stood."""
    found, at = [], design.start
    for each in design.rounds:
        if each.taken is None or at is None or each.taken not in each.tried:
            break
        found.append(Contrast(each.taken, (at,), (each.tried[each.taken],)))
        at = each.tried[each.taken]
    return found


CONTRASTS: Mapping[str, Callable[[Design], list[Contrast]]] = {
    "factorial": _lattice,
    "half_factorial": _lattice,
    "leave_one_out": _left_out,
    "leave_axis_out": _left_out,
    "add_one_in": _added,
    "add_axis_in": _added,
    "sweeps": _swept,
    "baselines": _baselines,
    "path": _steps,
    "axis_path": _steps,
}
"""By the design's name, what it was made to tell."""


def lattice_runs(design: Design, values: Mapping[int, Any], value: str = "quality") -> list[dict[str, Any]]:
    """Return one row a run of a lattice as the statistics take it: seed, one column a level, `value`.

    values: arm number -> a measure by seed.
    """
    return [
        {"seed": seed, **{level: level in on for level in design.levels}, value: found}
        for on, number in design.places("on")
        for seed, found in values[number].items()
    ]
