"""Quasi-random points over the whole space, conditions and choices included."""

from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial
from scipy.stats import qmc


class SpaceFillingSampler(BaseSampler):
    """A scrambled Sobol sequence (Owen 1998) with one coordinate for each axis, existing or not.

    A trial's point is a pure function of the seed and the trial's number, so a restart goes on where it was. Optuna's
    own QMCSampler draws choices, and axes under a condition, at random.
    """

    def __init__(self, distributions: dict[str, BaseDistribution], seed: int) -> None:
        """Fill the space of these axes."""
        self._distributions, self._seed = distributions, seed
        self._random = RandomSampler(seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every axis, whatever was sampled before."""
        return self._distributions

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The point of the trial's number."""
        sequence = qmc.Sobol(len(search_space), rng=np.random.default_rng(self._seed))
        if trial.number > 0:
            sequence.fast_forward(trial.number)
        point = sequence.random()[0]
        return {name: value_at(each, float(at)) for (name, each), at in zip(search_space.items(), point, strict=True)}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Never asked, since every axis has its coordinate; at random if it were."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def value_at(distribution: BaseDistribution, quantile: float) -> Any:
    """Return the value of a distribution at a quantile in [0, 1)."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[int(quantile * len(distribution.choices))]
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        raise TypeError(f"no quantiles of {distribution}")
    # A whole number stands for all that would be rounded to it, so that the outermost are as likely as the others.
    margin = 0.5 if isinstance(distribution, IntDistribution) else 0.0
    low, high = distribution.low - margin, distribution.high + margin
    value = low * (high / low) ** quantile if distribution.log else low + quantile * (high - low)
    if isinstance(distribution, IntDistribution):
        return min(max(round(value), distribution.low), distribution.high)
    return min(max(value, distribution.low), distribution.high)
