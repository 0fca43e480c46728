"""The samplers that a study can be asked to use."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from ignm.config import Config
from ignm.errors import IgnmError
from search.searcher.distributions import distributions_of
from search.searcher.space_filling import SpaceFillingSampler
from search.study.sections import Suggesting
from spaces.space import Space

STARTUP = 8
"""Trials that are drawn at random before a model is made of them."""


@dataclass(frozen=True)
class Kind:
    """A sampler, and what it is shown of a study."""

    build: Callable[[Space, Config, int, int], BaseSampler]
    """Of a space, its base, the study's seed, and how many trials there are already."""
    limit: int
    """The most ended trials that it is shown: what it can learn from within a suggestion's time."""
    completed_only: bool = False
    """It learns from completed trials that have all axes; the others are shown to it as such (`view.as_completed`)."""
    many_objectives: bool = True
    needs: str | None = None
    """A package that it needs beside Optuna."""


def build_sampler(
    suggesting: Suggesting, space: Space, base: Config, seed: int, begun: int
) -> tuple[BaseSampler, Kind]:
    """Make the sampler that is asked for, for a study of `begun` trials.

    Raises IgnmError where it lacks a package or cannot serve the objectives.
    """
    name = suggesting.sampler
    kind = SAMPLERS[name]
    if len(suggesting.objectives) > 1 and not kind.many_objectives:
        able = ", ".join(other for other, each in SAMPLERS.items() if each.many_objectives)
        raise IgnmError(
            f"suggesting.sampler: {name} looks for one objective, the study asks for "
            f"{', '.join(suggesting.objectives)}; take one of {able}, or one objective"
        )
    if kind.needs is not None and find_spec(kind.needs) is None:
        raise IgnmError(
            f"suggesting.sampler: {name} needs the package {kind.needs}, which is not installed; "
            f"run `pip install {kind.needs}`, or take another sampler"
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Grouped sampling of conditional axes has been marked experimental since 2021.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return kind.build(space, base, seed, begun), kind


# Seeded by what is there already: a sampler restarted from its first seed would suggest the same points again.


def _tpe(space: Space, base: Config, seed: int, begun: int) -> BaseSampler:
    return TPESampler(seed=seed + begun, multivariate=True, group=True, n_startup_trials=STARTUP)


def _axis_by_axis(seed: int) -> BaseSampler:
    """For the axes that another sampler leaves out."""
    return TPESampler(seed=seed, n_startup_trials=STARTUP)


def _gp(space: Space, base: Config, seed: int, begun: int) -> BaseSampler:
    return GPSampler(
        seed=seed + begun,
        independent_sampler=_axis_by_axis(seed + begun),
        n_startup_trials=STARTUP,
        warn_independent_sampling=False,
    )


def _cmaes(space: Space, base: Config, seed: int, begun: int) -> BaseSampler:
    return CmaEsSampler(
        seed=seed + begun,
        independent_sampler=_axis_by_axis(seed + begun),
        n_startup_trials=STARTUP,
        warn_independent_sampling=False,
    )


def _random(space: Space, base: Config, seed: int, begun: int) -> BaseSampler:
    return RandomSampler(seed + begun)


def _qmc(space: Space, base: Config, seed: int, begun: int) -> BaseSampler:
    # Its point is found by the trial's number, so it goes on where it was with the seed that it began with.
    return SpaceFillingSampler(distributions_of(space), seed)


SAMPLERS: dict[str, Kind] = {
    "tpe": Kind(_tpe, limit=200),
    "gp": Kind(_gp, limit=100, completed_only=True),
    "cmaes": Kind(_cmaes, limit=250, completed_only=True, many_objectives=False, needs="cmaes"),
    "random": Kind(_random, limit=0),
    "qmc": Kind(_qmc, limit=0),
}
