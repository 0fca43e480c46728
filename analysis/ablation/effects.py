"""What each strategy did: alone, left out, on average, as its share, and together with others; and what it changed."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.ablation.contrasts import Contrast, contrast, lattice_runs
from analysis.ablation.loading import Ablation
from analysis.ablation.measures import Measure, measure_called
from analysis.ablation.plan import Arm, Design
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.factorial import Effects, factorial_effects
from analysis.statistics.shapley import Shares, shapley_shares
from ignm.config.files import leaves
from spaces.designs import LATTICES
from spaces.strategies import BUNDLES, DATASET_PATHS, strategy_of


def lattice_effects(
    ablation: Ablation, design: Design, measure: str | Measure = "quality", order: int = 2
) -> Effects | NotEstimable:
    """Return a lattice's main effects and interactions of up to `order`, above 0 where on is better."""
    chosen = measure_called(measure) if isinstance(measure, str) else measure
    runs = _runs(ablation, design, chosen)
    return factorial_effects(
        runs, design.levels, order=order, confidence=ablation.confidence, lower_is_better=chosen.lower_is_better
    )


def lattice_shares(
    ablation: Ablation, design: Design, measure: str | Measure = "quality"
) -> Shares | NotEstimable:  # fmt: skip
    """Return each strategy's Shapley share of a whole lattice's total improvement."""
    chosen = measure_called(measure) if isinstance(measure, str) else measure
    runs = _runs(ablation, design, chosen)
    return shapley_shares(
        runs, design.levels, confidence=ablation.confidence, lower_is_better=chosen.lower_is_better
    )  # fmt: skip


def added_alone(designs: Iterable[Design], strategy: str) -> Contrast | None:
    """Return the baseline against it with one strategy: of `add_one_in`, else of a lattice that has both arms."""
    return _own(designs, "add_one_in", strategy) or _in_lattice(designs, lambda levels: ((), (strategy,)), strategy)


def left_out(designs: Iterable[Design], strategy: str) -> Contrast | None:
    """Return the improved model without one strategy against it: of `leave_one_out`, else of a lattice."""

    def ends(levels: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return tuple(level for level in levels if level != strategy), levels

    return _own(designs, "leave_one_out", strategy) or _in_lattice(designs, ends, strategy)


def changes(before: Arm, after: Arm) -> dict[str, dict[str, Any]]:
    """Return what differs between two arms by strategy, path -> new value; empty where the plan holds no configs."""
    old, new = dict(leaves(before.config)), dict(leaves(after.config))
    found: dict[str, dict[str, Any]] = {}
    for path, value in new.items():
        if path in old and old[path] != value and path not in DATASET_PATHS:
            found.setdefault(_bundle_of(path), {})[path] = value
    return found


def _bundle_of(path: str) -> str:
    owner = strategy_of(path)
    return next((name for name, owners in BUNDLES.items() if owner in owners), owner)


def _runs(ablation: Ablation, design: Design, measure: Measure) -> pd.DataFrame:
    values: Mapping[int, Any] = {number: ablation.values(number, measure) for number in design.numbers}
    runs = pd.DataFrame(lattice_runs(design, values), columns=["seed", *design.levels, "quality"])
    # A seed that some arms have yet to be run on is not lost: it waits, as the verdicts do.
    everywhere = runs.groupby("seed").size() == len(design.places("on"))
    complete = runs[runs["seed"].isin(everywhere.index[everywhere])]
    return complete if len(complete) else runs


def _own(designs: Iterable[Design], kind: str, strategy: str) -> Contrast | None:
    return next((found for each in designs if each.design == kind and (found := contrast(each, strategy))), None)


def _in_lattice(designs: Iterable[Design], ends: Any, strategy: str) -> Contrast | None:
    for design in designs:
        if design.design in LATTICES and strategy in design.levels:
            arms = {frozenset(on): number for on, number in design.places("on")}
            without, having = (arms.get(frozenset(on)) for on in ends(design.levels))
            if without is not None and having is not None:
                return Contrast(strategy, (without,), (having,))
    return None
