"""Sweeps: every option of a path, all else as in the improved model."""

from typing import Any

from ignm.config import flat, override, value_at
from ignm.errors import IgnmError
from search.designs.bridging import Changed, change, reason_of
from search.designs.design import Arm, Change, Design, Placed, Terms, against_one
from search.designs.known import Known
from spaces.axis import Axis, ChoiceDomain, Domain, Value, value_text

POINTS = 5
"""Values of a number's range that are tried, both ends among them."""


def sweeps(terms: Terms, known: Known) -> list[Design]:
    """Each path of `terms.sweep` in a design of its own."""
    return [_sweep(terms, path) for path in terms.sweep]


def options_of(domain: Domain) -> list[Value]:
    """The values to try: every choice, or a few numbers spread evenly on the axis's own scale."""
    if isinstance(domain, ChoiceDomain):
        return list(domain.values)
    shares = [number / (POINTS - 1) for number in range(POINTS)]
    low, high = domain.low, domain.high
    spread = [low * (high / low) ** share if domain.log else low + (high - low) * share for share in shares]
    return list(dict.fromkeys(round(value) if domain.kind == "int" else float(f"{value:.3g}") for value in spread))


def _sweep(terms: Terms, path: str) -> Design:
    improved, axis = terms.improved, terms.axes.get(path)
    conditions = _conditions(terms, axis)
    own = value_at(improved.config, path)
    whole = Arm(improved.name, terms.dataset, improved.config, terms.starts[0])
    # Where the improved model has nothing of the kind, its value at the path says nothing.
    place = {"value": None, "own": True, "absent": True} if conditions else {"value": own, "own": True}
    placed = [Placed(place, whole)]
    refused: list[dict[str, Any]] = []
    for value in options_of(terms.domains[path]):
        if not conditions and _same(value, own):
            continue
        try:
            made = _with_value(terms, path, value, conditions)
        except IgnmError as error:
            refused.append({"value": value, "reason": reason_of(error)})
            continue
        name = f"{improved.name}, {path} {value_text(value)}"
        arm = Arm(name, terms.dataset, made.config, terms.starts[0], made.bridges)
        placed.append(Placed({"value": value, "own": False}, arm))
    return Design(
        {
            "design": "sweeps",
            "dataset": terms.dataset,
            "path": path,
            "improved": improved.name,
            "refused": refused,
        },
        tuple(placed),
        against_one((value_text(each.place["value"]), each.arm, whole) for each in placed[1:]),
        stated=False,
    )


def _with_value(terms: Terms, path: str, value: Value, conditions: tuple[Change, ...]) -> Changed:
    ground = override(terms.improved.config, {each.path: each.value for each in conditions})
    made = change(ground, path, value, {})
    return Changed(made.config, (*conditions, *made.bridges))


def _conditions(terms: Terms, axis: Axis | None) -> tuple[Change, ...]:
    """What must change first, so that the axis exists on the improved model."""
    at = flat(terms.improved.config)
    if axis is None or axis.exists(at):
        return ()
    reason = f"{axis.path} exists only with {axis.describe_condition()}"
    return tuple(
        Change(path, next(value for value in allowed), reason)
        for path, allowed in axis.when.items()
        if at[path] not in allowed
    )


def _same(one: Value, other: Value) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)
