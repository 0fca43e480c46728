"""Learning rates as a pure function of images seen."""

import math
from collections.abc import Callable

from ignm.config.learning import OptimConfig


def _linear(progress: float) -> float:
    return 1 - progress


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2


SCHEDULES: dict[str, Callable[[float], float]] = {"linear": _linear, "cosine": _cosine}
"""Progress in [0, 1] -> what is left of the way from 1 down to `final`."""


def rate(config: OptimConfig, images_seen: int) -> float:
    """The factor on every learning rate after `images_seen` images: warm-up, then the schedule."""
    kimg = images_seen / 1000
    warm = min(1.0, kimg / config.warmup) if config.warmup > 0 else 1.0
    if config.schedule is None:
        return warm
    left = SCHEDULES[config.schedule](min(1.0, kimg / config.schedule_kimg))
    return warm * (config.final + (1 - config.final) * left)
