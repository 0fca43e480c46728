"""How dear the configs of a space are beside the base: by what they compute, without training any."""

import math
import random
import statistics
from dataclasses import dataclass

from ignm.config import Config, override
from ignm.errors import IgnmError
from ignm.models.shape import DataShape
from search.designs.cost import work
from spaces.axis import Axis, ChoiceDomain, Value
from spaces.space import Space

DRAWN = 16
"""Configs that are looked at; a description of networks takes some hundredths of a second."""
TRIES = 200


@dataclass(frozen=True)
class RelativeCost:
    """Multiply-adds of the configs of a space, over those of the base."""

    mean: float
    most: float


def relative_cost(space: Space, base: Config, shape: DataShape) -> RelativeCost:
    """Return what configs drawn from a space compute for an image, over what the base does; the same at every call."""
    draws = random.Random(0)
    own, _ = work(base, shape)
    found: list[float] = []
    for _ in range(TRIES):
        try:
            config = override(base, space.sample(base, lambda axis: _drawn(axis, draws)))
        except IgnmError:
            continue  # The search passes over such values too.
        found.append(work(config, shape)[0] / own)
        if len(found) == DRAWN:
            break
    return RelativeCost(statistics.mean(found), max(1.0, *found)) if found else RelativeCost(1.0, 1.0)


def _drawn(axis: Axis, draws: random.Random) -> Value:
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        return draws.choice(domain.values)
    low, high = (math.log(domain.low), math.log(domain.high)) if domain.log else (domain.low, domain.high)
    drawn = draws.uniform(low, high)
    value = min(max(math.exp(drawn) if domain.log else drawn, domain.low), domain.high)
    return round(value) if domain.kind == "int" else value
