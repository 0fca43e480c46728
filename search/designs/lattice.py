"""Designs by strategy: points of the lattice between a baseline and the improved model."""

from collections.abc import Iterable
from itertools import combinations

from search.designs.design import Arm, Change, Contrast, Design, Model, Placed, Terms, against_one
from search.designs.known import Known
from spaces.strategies import BUNDLES, bundle, combine

HALVED = 4
"""Levels from which half of a lattice is of resolution IV: no main effect is confounded with another, nor with an
interaction of two. With fewer the whole lattice is no larger than that."""


def factorial(terms: Terms, known: Known) -> list[Design]:
    """Every combination of the strategies, switched on or off."""
    return [_lattice(terms, start, "factorial", None) for start in terms.starts]


def half_factorial(terms: Terms, known: Known) -> list[Design]:
    """Half of the combinations, by the defining relation I = data x structure x init x loss.

    Coded -1 and +1, the product of all four is +1 in every arm kept: an even number is on, none and all among them.
    Main effects are confounded with interactions of three, interactions of two with each other in pairs (Box, Hunter
    and Hunter 2005, chapter 6).
    """
    return [_lattice(terms, start, "half_factorial", HALVED) for start in terms.starts]


def leave_one_out(terms: Terms, known: Known) -> list[Design]:
    """The improved model without each of its strategies."""
    designs = []
    for start in terms.starts:
        levels = levels_of(start, terms.improved)
        whole = lattice_arm(terms, start, levels)
        less = {name: lattice_arm(terms, start, [other for other in levels if other != name]) for name in levels}
        placed = [Placed({"without": name}, arm) for name, arm in less.items()]
        designs.append(
            Design(
                _facts(terms, start, "leave_one_out"),
                (*placed, Placed({"without": None}, whole)),
                against_one((name, arm, whole) for name, arm in less.items()),
            )
        )
    return designs


def add_one_in(terms: Terms, known: Known) -> list[Design]:
    """The baseline with each of the strategies alone."""
    designs = []
    for start in terms.starts:
        none = lattice_arm(terms, start, [])
        more = {name: lattice_arm(terms, start, [name]) for name in levels_of(start, terms.improved)}
        placed = [Placed({"with": name}, arm) for name, arm in more.items()]
        designs.append(
            Design(
                _facts(terms, start, "add_one_in"),
                (Placed({"with": None}, none), *placed),
                against_one((name, none, arm) for name, arm in more.items()),
            )
        )
    return designs


def levels_of(start: Model, improved: Model) -> list[str]:
    """The strategies in which two models differ."""
    return [name for name in BUNDLES if bundle(start.config, improved.config, name)]


def lattice_arm(terms: Terms, start: Model, on: Iterable[str]) -> Arm:
    """The baseline with the strategies `on`; raises IgnmError where no bridge makes that a config that can work."""
    made = combine(start.config, terms.improved.config, on)
    whole = made.config == terms.improved.config
    name = terms.improved.name if whole and made.on else "+".join((start.name, *made.on))
    bridges = tuple(Change(each.path, each.value, each.reason) for each in made.bridges)
    return Arm(name, terms.dataset, made.config, start, bridges)


def _lattice(terms: Terms, start: Model, name: str, halved_from: int | None) -> Design:
    levels = levels_of(start, terms.improved)
    halved = halved_from is not None and len(levels) >= halved_from
    subsets = [on for count in range(len(levels) + 1) for on in combinations(levels, count)]
    kept = [on for on in subsets if not halved or (len(levels) - len(on)) % 2 == 0]
    arms = {on: lattice_arm(terms, start, on) for on in kept}
    facts = _facts(terms, start, name) | {"levels": levels}
    if halved_from is not None:
        facts["relation"] = levels if halved else None
    return Design(
        facts,
        tuple(Placed({"on": list(on)}, arm) for on, arm in arms.items()),
        tuple(
            Contrast(
                level,
                tuple(arm for on, arm in arms.items() if level not in on),
                tuple(arm for on, arm in arms.items() if level in on),
            )
            for level in levels
        ),
    )


def _facts(terms: Terms, start: Model, name: str) -> dict[str, object]:
    same = [strategy for strategy in BUNDLES if strategy not in levels_of(start, terms.improved)]
    return {
        "design": name,
        "dataset": terms.dataset,
        "baseline": start.name,
        "improved": terms.improved.name,
        "same": same,
    }
