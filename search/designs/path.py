"""The ablation path: from the baseline to the improved model, each time by the change that helps most.

Fawcett and Hoos 2016, "Analysing differences between algorithm configurations through ablation", Journal of
Heuristics 22. Every round runs all changes that are left, one at a time, and takes the best: the lowest mean quality
on the first seeds, none being better that lost more runs. Which one that is, is known only when its runs have ended.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ignm.config import Config, flat
from ignm.errors import IgnmError
from search.designs.bridging import change, is_inert
from search.designs.design import Arm, Design, Model, Round, Terms, differing
from search.designs.known import Known
from search.designs.lattice import lattice_arm, levels_of


@dataclass(frozen=True)
class _Reached:
    """How far a path has come."""

    arm: Arm
    taken: tuple[str, ...] = ()


_Flips = Callable[[_Reached], dict[str, Arm]]


def path(terms: Terms, known: Known) -> list[Design]:
    """A path by strategy."""
    return [_path(terms, start, known, "path", partial(_by_strategy, terms, start)) for start in terms.starts]


def axis_path(terms: Terms, known: Known) -> list[Design]:
    """A path by single axis: n that differ make up to n(n+1)/2 arms."""
    return [_path(terms, start, known, "axis_path", partial(_by_axis, terms, start)) for start in terms.starts]


def _path(terms: Terms, start: Model, known: Known, name: str, flips: _Flips) -> Design:
    at = _Reached(Arm(start.name, terms.dataset, start.config, start))
    first, rounds = at.arm, []
    while tried := flips(at):
        taken = _best(tried, known)
        rounds.append(Round(tried, taken))
        if taken is None:
            break
        at = _Reached(tried[taken], (*at.taken, taken))
    facts = {"design": name, "dataset": terms.dataset, "baseline": start.name, "improved": terms.improved.name}
    return Design(facts, start=first, rounds=tuple(rounds))


def _best(tried: dict[str, Arm], known: Known) -> str | None:
    standings = {name: known.standing(arm.config.config_id) for name, arm in tried.items()}
    ended = {name: standing for name, standing in standings.items() if standing is not None}
    if len(ended) < len(tried):
        return None
    best = min(ended, key=lambda name: ended[name])
    return None if ended[best][1] == float("inf") else best


def _by_strategy(terms: Terms, start: Model, at: _Reached) -> dict[str, Arm]:
    left = [name for name in levels_of(start, terms.improved) if name not in at.taken]
    return {name: lattice_arm(terms, start, (*at.taken, name)) for name in left}


def _by_axis(terms: Terms, start: Model, at: _Reached) -> dict[str, Arm]:
    here: Config = at.arm.config
    wanted = flat(terms.improved.config)
    there = {path: wanted[path] for path in differing(here, terms.improved.config)}
    tried = {}
    for path, value in there.items():
        if is_inert(here, path, value, terms.axes):
            continue
        try:
            # Only the improved model's own values come along, so that each step is one towards it.
            made = change(here, path, value, there, bridges=())
        except IgnmError:
            continue
        whole = made.config == terms.improved.config
        name = terms.improved.name if whole else "+".join((start.name, *at.taken, path))
        tried[path] = Arm(name, terms.dataset, made.config, start, made.bridges)
    return tried
