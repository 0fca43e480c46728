"""Time that passes only when somebody waits."""

from collections.abc import Callable


class FakeTime:
    """Stands in for the module `time`: each sleep passes at once, and may have something happen."""

    def __init__(self, happening: Callable[[int], None] = lambda number: None) -> None:
        self.now, self.slept = 1000.0, []
        self._happening = happening

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        self._happening(len(self.slept))
