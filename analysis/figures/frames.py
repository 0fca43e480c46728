"""Tidy tables that the ablation's figures are drawn from; one row each, nothing drawn here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.ablation.comparing import Comparison, compare
from analysis.ablation.contrasts import contrasts_of
from analysis.ablation.effects import lattice_effects, lattice_shares
from analysis.ablation.loading import Ablation
from analysis.ablation.plan import IMPROVED, Design
from analysis.statistics.estimates import Estimate, NotEstimable
from analysis.statistics.factorial import Effects
from spaces.designs import LATTICES

EFFECT_COLUMNS = ("group", "name", "value", "low", "high", "n", "lost", "smallest", "why")


def named_arms(design: Design) -> dict[int, str]:
    """Return an arm's name in its design, by number; of `baselines` the presets, the improved model last."""
    if design.design == "baselines":
        places = sorted(design.places("preset"), key=lambda place: place[0] == IMPROVED)
        return {number: design.improved if name == IMPROVED else str(name) for name, number in places}
    if design.design in LATTICES:
        return {number: " + ".join(on) or f"{design.baseline}: all off" for on, number in design.places("on")}
    return {}


def curve_points(ablation: Ablation, arms: Mapping[int, str]) -> pd.DataFrame:
    """Return one row a measurement with a finite quality: label, seed, point (kimg), seconds, quality, lost.

    arms: label by number, in the order that they are drawn. lost: whether the run was lost in the end.
    """
    found = []
    for number, label in arms.items():
        rows = ablation.rows_of(number)
        gone = ablation.standing(number).seeds_lost
        mine = rows.loc[rows["quality"].notna(), ["seed", "point", "seconds", "quality"]]
        found.append(mine.assign(label=label, lost=mine["seed"].isin(gone)))
    empty = pd.DataFrame(columns=["seed", "point", "seconds", "quality", "label", "lost"])
    return pd.concat(found, ignore_index=True) if found else empty


def effect_rows(ablation: Ablation, design: Design, group: str, measure: str = "quality") -> list[dict[str, Any]]:
    """Return a row for each contrast of a design: its improvement on the measure, above 0 where better."""
    compared = [compare(ablation, contrast, measure) for contrast in contrasts_of(design)]
    return [_effect_row(group, each.contrast.name, each.improvement, _smallest(ablation, each)) for each in compared]


def main_rows(ablation: Ablation, design: Design, group: str) -> list[dict[str, Any]]:
    """Return a row for each strategy's main effect in a lattice, one contrast a seed; none where not told apart."""
    found = lattice_effects(ablation, design)
    if isinstance(found, NotEstimable):
        return []
    compared = {each.name: compare(ablation, each) for each in contrasts_of(design)}
    return [
        _effect_row(
            group, effect.name, effect.contrast,
            _smallest(ablation, compared[effect.name]) if effect.name in compared else None,
        )
        for effect in found.effects
        if effect.order == 1
    ]  # fmt: skip


def share_rows(ablation: Ablation, design: Design, group: str) -> list[dict[str, Any]]:
    """Return a row for each strategy's Shapley share of the lattice's total improvement; none where there are none."""
    shares = lattice_shares(ablation, design)
    if isinstance(shares, NotEstimable):
        return []
    return [_effect_row(group, share.factor, share.estimate, None) for share in shares.shares]


def interaction_table(effects: Effects, levels: Sequence[str]) -> pd.DataFrame:
    """Return one row an effect: one, other (the same for a main effect), value, low, high, aliases.

    Main effects are from one contrast a seed, as in every other place; interactions by the design's `method`.
    """
    rows = []
    for effect in effects.effects:
        names = effect.name.lstrip("-").split(":")
        if len(names) <= 2 and set(names) <= set(levels):
            found = effect.contrast if effect.order == 1 else effect.estimate
            low, high = _limits(found)
            rows.append(
                {
                    "one": names[0], "other": names[-1], "value": found.value, "low": low, "high": high,
                    "aliases": ", ".join(effect.aliases),
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["one", "other", "value", "low", "high", "aliases"])


def path_steps(ablation: Ablation, design: Design) -> pd.DataFrame:
    """Return one row a step that was taken: name, before, after (mean quality), value, low, high, n.

    Means are over the seeds that all arms of the way have; the first row is where it starts, with `after` alone.
    """
    steps = contrasts_of(design)
    if not steps or design.start is None:
        return pd.DataFrame(columns=["name", "before", "after", "value", "low", "high", "n"])
    arms = [design.start, *(step.having[0] for step in steps)]
    table = pd.DataFrame({number: ablation.values(number) for number in arms}).dropna()
    means = table.mean()
    rows: list[dict[str, Any]] = [{"name": design.baseline, "before": np.nan, "after": means[arms[0]], "n": len(table)}]
    for step in steps:
        found = compare(ablation, step).improvement
        low, high = _limits(found)
        before, after = means[step.without[0]], means[step.having[0]]
        rows.append(
            {
                "name": step.name, "before": before, "after": after, "value": before - after, "low": low, "high": high,
                "n": found.n,
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["name", "before", "after", "value", "low", "high", "n"])


def costs(ablation: Ablation, dataset: str) -> pd.DataFrame:
    """Return one row an arm of a dataset with ended runs: label, cost (mean seconds of training), quality, kind, n."""
    kinds = {
        number: "improved" if name == IMPROVED else "baseline"
        for design in ablation.of("baselines", dataset=dataset)
        for name, number in design.places("preset")
    }
    rows = []
    for number, arm in ablation.arms.items():
        if arm.dataset != dataset:
            continue
        table = pd.DataFrame({name: ablation.values(number, name) for name in ("quality", "seconds")}).dropna()
        if len(table):
            kind = kinds.get(number, "arm")
            means = table.mean()
            rows.append(
                {
                    "label": ablation.called(number),
                    "cost": means["seconds"],
                    "quality": means["quality"],
                    "kind": kind,
                    "n": len(table),
                }
            )
    return pd.DataFrame(rows, columns=["label", "cost", "quality", "kind", "n"])


def effects_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Put rows of effects together."""
    return pd.DataFrame(list(rows), columns=list(EFFECT_COLUMNS))


def _effect_row(group: str, name: str, found: Estimate | NotEstimable, smallest: float | None) -> dict[str, Any]:
    low, high = _limits(found)
    why = found.reason if isinstance(found, NotEstimable) else ""
    return {
        "group": group, "name": name, "value": found.value, "low": low, "high": high, "n": found.n, "lost": found.lost,
        "smallest": smallest, "why": why,
    }  # fmt: skip


def _limits(found: Estimate | NotEstimable) -> tuple[float, float]:
    return (found.low, found.high) if isinstance(found, Estimate) else (np.nan, np.nan)


def _smallest(ablation: Ablation, found: Comparison) -> float | None:
    return None if not found.ground else ablation.smallest_effect * abs(found.ground)
