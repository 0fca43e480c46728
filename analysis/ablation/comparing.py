"""A contrast's improvement on a measure: over the seeds that all its arms have ended, each seed once."""

from dataclasses import dataclass

import pandas as pd

from analysis.ablation.contrasts import Contrast
from analysis.ablation.loading import Ablation, Standing
from analysis.ablation.measures import KIMG_TO_QUALITY, Measure, measure_called
from analysis.ablation.speed import NEVER, average, kimg_sides
from analysis.statistics.estimates import Estimate, NotEstimable
from analysis.statistics.paired import Difference, difference


@dataclass(frozen=True)
class Comparison:
    """What a contrast shows on a measure; `improvement` is above 0 where the arms with something are better.

    ground: mean of the arms without it over the same seeds, None where there is none; per_seed: the improvement on each
    seed that has both sides; lost_by_itself: seeds on which an arm without and one with it diverged or did not fit into
    memory, so that the measure has no number.
    """

    contrast: Contrast
    measure: Measure
    improvement: Difference | NotEstimable
    ground: float | None
    per_seed: "pd.Series[float]"
    standing: Standing
    lost_by_itself: tuple[int, int] = (0, 0)

    @property
    def relative(self) -> float | None:
        """The improvement as a fraction of the ground; None where either is missing."""
        value = self.improvement.value
        return None if value is None or not self.ground else value / abs(self.ground)


def compare(
    ablation: Ablation,
    contrast: Contrast,
    measure: str | Measure = "quality",
    confidence: float | None = None,
    lost_as_worst: bool = False,
) -> Comparison:
    """Compare a contrast's sides on a measure, paired by seed.

    A side's value on a seed is the mean over its arms, NaN where one of them was lost; seeds on which one has yet to
    end are left out, and `standing` names them. Of several arms this is the main effect from one contrast a seed.
    confidence: of the interval; unless told, the ablation's own. lost_as_worst: give runs that an arm lost by itself
    the worst value of all arms compared, to see what the loss may hide.
    """
    chosen = measure_called(measure) if isinstance(measure, str) else measure
    worst = _worst(ablation, contrast, chosen) if lost_as_worst and chosen.name != KIMG_TO_QUALITY else None
    sides = (
        kimg_sides(ablation, contrast)
        if chosen.name == KIMG_TO_QUALITY
        else (_mean(ablation, contrast.without, chosen, worst), _mean(ablation, contrast.having, chosen, worst))
    )
    standing = ablation.standing(contrast.arms)
    if isinstance(sides, NotEstimable):
        return Comparison(contrast, chosen, sides, None, pd.Series(dtype=float), standing)
    without, having = sides
    shared = without.index.intersection(having.index)
    without, having = without[shared], having[shared]
    worse, better = (without, having) if chosen.lower_is_better else (having, without)
    found = difference(worse, better, ablation.confidence if confidence is None else confidence)
    gains = (worse - better).dropna()
    paired = without[without.notna() & having.notna()]
    there = paired if len(paired) else without.dropna()
    ground = float(there.mean()) if len(there) else None
    lost = (_lost(ablation, contrast.without, without), _lost(ablation, contrast.having, having))
    return Comparison(contrast, chosen, _told(found, standing), ground, gains, standing, lost)


def _mean(ablation: Ablation, arms: tuple[int, ...], measure: Measure, worst: float | None) -> "pd.Series[float]":
    each = [ablation.values(arm, measure) for arm in arms]
    if worst is not None:
        each = [
            values.mask(values.isna() & values.index.isin(_own_losses(ablation, (arm,))), worst)
            for arm, values in zip(arms, each, strict=True)
        ]
    return average(each)


def _worst(ablation: Ablation, contrast: Contrast, measure: Measure) -> float | None:
    """Return the worst value measured; which way is worse is the measure's own, whatever is claimed of it."""
    every = pd.concat([ablation.values(arm, measure) for arm in contrast.arms]).dropna()
    if every.empty:
        return None
    return float(every.max() if measure_called(measure.name).lower_is_better else every.min())


def _lost(ablation: Ablation, arms: tuple[int, ...], side: "pd.Series[float]") -> int:
    """Count the seeds without a number that an arm lost by itself, not by its machine."""
    own = _own_losses(ablation, arms)
    return sum(seed in own for seed in side.index[side.isna()])


def _own_losses(ablation: Ablation, arms: tuple[int, ...]) -> set[int]:
    lost = ablation.standing(arms).lost
    return {seed for status in NEVER for seed in lost.get(status, ())}


def _told(found: Difference | NotEstimable, standing: Standing) -> Difference | NotEstimable:
    """Say why nothing could be compared where it is that runs are missing, which a difference cannot know."""
    if isinstance(found, Estimate) or found.n or not standing.waiting:
        return found
    waiting = ", ".join(map(str, standing.waiting))
    return NotEstimable(f"no seed has both sides yet: seeds {waiting} have not been run", 0, found.lost)
