"""Main effects and interactions of a two-level design: a mixed model with the seed random, or contrasts per seed."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from statsmodels.regression.mixed_linear_model import MixedLM

from analysis.statistics.designs import Lattice, aliases, codes, defining_relation, lattice, word_name, words
from analysis.statistics.designs import Word as EffectWord
from analysis.statistics.estimates import CONFIDENCE, ROUNDING, Estimate, NotEstimable, mean_estimate, t_parts

MIXED, CONTRASTS = "mixed model, seed random", "contrasts per seed"

SINGULAR = 1e-4
"""A seed variance below this fraction of the residual's is on the boundary: the model has none."""


@dataclass(frozen=True)
class Effect:
    """One effect, on minus off, above 0 where on is better.

    name: factors joined by ":"; aliases: effects that the design cannot tell it from; contrast: the same from one
    contrast a seed, which stays right where seeds answer differently to a factor, and pays with a wider interval.
    """

    name: str
    order: int
    aliases: tuple[str, ...]
    estimate: Estimate | NotEstimable
    contrast: Estimate | NotEstimable


@dataclass(frozen=True)
class Effects:
    """All effects of a design; `method` is MIXED or CONTRASTS, `fallback` why not the first, empty where it was.

    relation: the words that are constant in a fraction, e.g. ("data:structure:init:loss",); seed_sd, residual_sd: of
    the mixed model, in the unit of the value, None without it.
    """

    effects: tuple[Effect, ...]
    method: str
    fallback: str
    relation: tuple[str, ...]
    seeds: int
    arms: int
    runs: int
    lost: int
    seed_sd: float | None
    residual_sd: float | None
    estimable: ClassVar[bool] = True

    def effect(self, *factors: str) -> Effect:
        """Return the effect of these factors, in any order; KeyError where the model has none."""
        found = next((each for each in self.effects if set(each.name.split(":")) == set(factors)), None)
        if found is None:
            raise KeyError(":".join(factors))
        return found


@dataclass(frozen=True)
class _Fit:
    values: np.ndarray
    errors: np.ndarray
    df: float
    seed_sd: float
    residual_sd: float


def factorial_effects(
    runs: pd.DataFrame,
    factors: Sequence[str],
    value: str = "quality",
    seed: str = "seed",
    order: int = 2,
    confidence: float = CONFIDENCE,
    lower_is_better: bool = True,
) -> Effects | NotEstimable:
    """Return main effects and interactions of up to `order` factors, of a full 2^k, a fraction, or what is left of it.

    runs: one row a run, as for `designs.lattice`. A main effect is averaged over the other factors' levels; an
    interaction of two is half of what one's effect changes by when the other is switched on (Montgomery 2017, ch. 6).
    Where arms are missing so that interactions cannot be told apart, main effects alone are fitted; where these cannot
    either, or with one seed, there is nothing to estimate with.
    """
    found = lattice(runs, factors, value, seed, lower_is_better)
    finite = np.isfinite(found.gains)
    if not finite.any():
        return NotEstimable("no run of the design has a result", 0, found.lost)
    relation = defining_relation(codes(len(found.factors))[found.arms])
    chosen = _choose(found, relation, order)
    if not chosen:
        return NotEstimable(
            f"{len(found.arms)} of {found.gains.shape[1]} arms have a result, too few to tell the main effects apart; "
            f"without one: {found.missing()}",
            0,
            found.lost,
        )
    matrix = _matrix(found, chosen)
    contrasts = _contrasts(found, matrix, confidence)
    fit = _mixed(found, matrix)
    estimates = contrasts if isinstance(fit, str) else _estimates(fit, found, confidence)
    named = [
        Effect(
            word_name(found.factors, word),
            len(word),
            tuple(word_name(found.factors, other, sign) for other, sign in aliases(word, relation).items()),
            estimate,
            contrast,
        )
        for word, estimate, contrast in zip(chosen, estimates, contrasts, strict=True)
    ]
    fitted = not isinstance(fit, str)
    return Effects(
        effects=tuple(named),
        method=MIXED if fitted else CONTRASTS,
        fallback="" if fitted else str(fit),
        relation=tuple(word_name(found.factors, word, sign) for word, sign in relation.items()),
        seeds=int(finite.any(axis=1).sum()),
        arms=len(found.arms),
        runs=int(finite.sum()),
        lost=found.lost,
        seed_sd=None if isinstance(fit, str) else fit.seed_sd,
        residual_sd=None if isinstance(fit, str) else fit.residual_sd,
    )


def _choose(found: Lattice, relation: dict[EffectWord, int], order: int) -> list[EffectWord]:
    """Return the effects to fit: one of each alias class, the lowest; fewer where the arms do not suffice."""
    for highest in range(min(order, len(found.factors)), 0, -1):
        chosen: list[EffectWord] = []
        for word in words(len(found.factors), highest):
            same = aliases(word, relation)
            if () not in same and not set(same) & set(chosen):
                chosen.append(word)
        mains = sum(len(word) == 1 for word in chosen)
        rows = _matrix(found, chosen)[found.arms]
        if mains == len(found.factors) and np.linalg.matrix_rank(rows) == rows.shape[1]:
            return chosen
    return []


def _matrix(found: Lattice, chosen: list[EffectWord]) -> np.ndarray:
    """Return (2^k, 1 + effects) of -1/+1, the mean first."""
    levels = codes(len(found.factors))
    return np.column_stack([np.ones(len(levels)), *(levels[:, word].prod(axis=1) for word in chosen)])


def _contrasts(found: Lattice, matrix: np.ndarray, confidence: float) -> list[Estimate | NotEstimable]:
    """Fit each seed alone and take the mean over the seeds, with its t interval."""
    fits = []
    for gains in found.gains:
        there = np.isfinite(gains)
        if np.linalg.matrix_rank(matrix[there]) == matrix.shape[1]:
            fits.append(2 * np.linalg.lstsq(matrix[there], gains[there], rcond=None)[0][1:])
    lost = len(found.seeds) - len(fits)
    values = np.array(fits).reshape(len(fits), matrix.shape[1] - 1)
    return [mean_estimate(column, confidence, lost) for column in values.T]


def _mixed(found: Lattice, matrix: np.ndarray) -> _Fit | str:
    """Fit gain ~ effects + (1 | seed) by REML; a sentence where it cannot be trusted."""
    rows, columns = np.nonzero(np.isfinite(found.gains))
    gains, seeds = found.gains[rows, columns], len(np.unique(rows))
    df = len(gains) - matrix.shape[1] - (seeds - 1)
    if seeds < 2:
        return "one seed has no spread between seeds"
    if df < 1:
        return f"{len(gains)} runs leave no degree of freedom for the residual"
    scale = float(gains.std())
    if scale == 0:
        return "all runs gave the same value"
    with warnings.catch_warnings():
        # What they warn of is asked for below; a first optimiser that gave up is no fault.
        warnings.simplefilter("ignore")
        try:
            # In its own unit, so that a change of unit changes nothing but the unit.
            fit = MixedLM((gains - gains.mean()) / scale, matrix[columns], rows).fit(reml=True)
            errors = np.asarray(fit.bse_fe)[1:]
        except np.linalg.LinAlgError:
            return "the mixed model is singular"
    seed_variance = float(np.asarray(fit.cov_re)[0, 0])
    if seed_variance < SINGULAR * fit.scale:
        return "the mixed model is singular: it finds no spread between seeds"
    if not fit.converged:
        return "the mixed model did not converge"
    if not (np.isfinite(errors).all() and fit.scale > ROUNDING):
        return "the mixed model leaves no residual to take an error from"
    return _Fit(
        2 * scale * np.asarray(fit.fe_params)[1:],
        2 * scale * errors,
        df,
        scale * math.sqrt(seed_variance),
        scale * math.sqrt(fit.scale),
    )


def _estimates(fit: _Fit, found: Lattice, confidence: float) -> list[Estimate | NotEstimable]:
    # t with the residual's degrees of freedom: exact where no run is lost, where the model's own z is too narrow.
    seeds = int(np.isfinite(found.gains).any(axis=1).sum())
    return [
        Estimate(
            **t_parts(float(value), float(error), fit.df, confidence),
            n=seeds,
            lost=len(found.seeds) - seeds,
            method=MIXED,
        )
        for value, error in zip(fit.values, fit.errors, strict=True)
    ]
