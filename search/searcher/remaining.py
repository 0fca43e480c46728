"""What is left of a space that has an end: its points, listed."""

from collections import ChainMap
from collections.abc import Callable, Iterator

from ignm.config import Config, flat, override
from ignm.errors import IgnmError
from spaces.axis import Axis, ChoiceDomain, Value
from spaces.size import size_of
from spaces.space import Space

MOST_LISTED = 10_000
"""Points of a space that is listed; a larger one is not run out of by chance."""


def is_listable(space: Space, base: Config, most: int = MOST_LISTED) -> bool:
    """Whether a space has at most so many points."""
    size = size_of(space, base)
    return size.continuous == 0 and size.combinations <= most


def possible_points(space: Space, base: Config, check: Callable[[Config], None]) -> list[dict[str, Value]]:
    """List the points of a space that nothing refuses; `check` raises IgnmError where it does."""
    return [values for values in every_point(space, base) if _is_possible(base, values, check)]


def every_point(space: Space, base: Config) -> Iterator[dict[str, Value]]:
    """Go through all points of a space that has no continuous axis, conditions heeded."""
    known = flat(base)

    def walk(axes: tuple[Axis, ...], values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if not axes:
            yield values
            return
        axis, *later = axes
        if not axis.exists(ChainMap(values, known)):
            yield from walk(tuple(later), values)
            return
        for value in _values(axis):
            yield from walk(tuple(later), {**values, axis.path: value})

    yield from walk(space.axes, {})


def _is_possible(base: Config, values: dict[str, Value], check: Callable[[Config], None]) -> bool:
    try:
        check(override(base, values))
    except IgnmError:
        return False
    return True


def _values(axis: Axis) -> tuple[Value, ...]:
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        return domain.values
    return tuple(range(int(domain.low), int(domain.high) + 1))
