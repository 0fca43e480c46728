"""Designs by single axis: one path of the config at a time, between a baseline and the improved model."""

from collections.abc import Mapping
from typing import Any

from ignm.config import flat
from ignm.errors import IgnmError
from search.designs.bridging import change, is_inert, reason_of
from search.designs.design import Arm, Design, Model, Placed, Terms, against_one, differing
from search.designs.known import Known


def leave_axis_out(terms: Terms, known: Known) -> list[Design]:
    """The improved model with each path that differs set back to the baseline's value."""
    designs = []
    for start in terms.starts:
        whole = Arm(terms.improved.name, terms.dataset, terms.improved.config, start)
        arms, facts = _flipped(terms, start, terms.improved, flat(start.config), "without")
        placed = [Placed({"without": path}, arm) for path, arm in arms.items()]
        designs.append(
            Design(
                {"design": "leave_axis_out", **facts},
                (*placed, Placed({"without": None}, whole)),
                against_one((path, arm, whole) for path, arm in arms.items()),
                stated=False,
            )
        )
    return designs


def add_axis_in(terms: Terms, known: Known) -> list[Design]:
    """The baseline with each path that differs set to the improved model's value."""
    designs = []
    for start in terms.starts:
        none = Arm(start.name, terms.dataset, start.config, start)
        arms, facts = _flipped(terms, start, start, flat(terms.improved.config), "with")
        placed = [Placed({"with": path}, arm) for path, arm in arms.items()]
        designs.append(
            Design(
                {"design": "add_axis_in", **facts},
                (Placed({"with": None}, none), *placed),
                against_one((path, none, arm) for path, arm in arms.items()),
                stated=False,
            )
        )
    return designs


def _flipped(
    terms: Terms, start: Model, model: Model, values: Mapping[str, Any], word: str
) -> tuple[dict[str, Arm], dict[str, Any]]:
    """The model with each path that differs at the other's value, and what a design says of itself.

    Paths that would decide nothing, and those that cannot be changed alone, are named and have no arm.
    """
    paths = differing(start.config, terms.improved.config)
    there = {path: values[path] for path in paths}
    arms: dict[str, Arm] = {}
    inert, refused = [], []
    for path, value in there.items():
        if is_inert(model.config, path, value, terms.axes):
            inert.append(path)
            continue
        try:
            made = change(model.config, path, value, there)
        except IgnmError as error:
            refused.append({"path": path, "reason": reason_of(error)})
            continue
        arms[path] = Arm(f"{model.name} {word} {path}", terms.dataset, made.config, start, made.bridges)
    about = {"dataset": terms.dataset, "baseline": start.name, "improved": terms.improved.name}
    return arms, {**about, "inert": inert, "refused": refused}
