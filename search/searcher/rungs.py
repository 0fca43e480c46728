"""Asynchronous successive halving (Li et al. 2020): who goes on from a rung."""

import bisect
import math
from collections.abc import Iterable, Mapping


class Rungs:
    """The values that trials brought to each rung; each trial is judged once there, by those that came before it."""

    def __init__(self, steps: Iterable[int], reduction: int) -> None:
        """Set up rungs at `steps`, where the best 1 in `reduction` goes on."""
        self._values: dict[int, dict[str, float]] = {step: {} for step in steps}
        self._sorted: dict[int, list[float]] = {step: [] for step in self._values}
        self._reduction = reduction

    def place(self, name: str, values: Mapping[int, float]) -> None:
        """Take up what a trial brought to each step; what is no rung is left out, what is not a number is worst."""
        for step, value in values.items():
            if step in self._values and name not in self._values[step]:
                self._values[step][name] = math.inf if math.isnan(value) else value
                bisect.insort(self._sorted[step], self._values[step][name])

    def __contains__(self, step: int) -> bool:
        return step in self._values

    def stops(self, name: str, step: int) -> bool:
        """Whether a trial is not to go on from a rung that it has been placed at."""
        own, placed = self._values[step][name], self._sorted[step]
        # The first at a rung goes on whatever it brought, as long as it is a number.
        last = max(1, len(placed) // self._reduction) - 1
        return math.isinf(own) or own > placed[last]
