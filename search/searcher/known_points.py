"""Points that are tried before the sampler is asked: the base, the presets, and what the question says."""

from collections.abc import Iterator

from ignm.config import Config, flat, load_preset, override, preset_names
from ignm.errors import IgnmError
from search.study.question import Question
from spaces.axis import Axis, Value
from spaces.space import Space

Values = dict[str, Value]


def known_points(question: Question, space: Space, base: Config) -> list[Values]:
    """Return the known good points of a space in order, each once.

    Raises IgnmError for a point of the question outside of the space; a preset counts with its values of
    the axes, on top of the base, if they lie inside.
    """
    points: list[Values] = []
    configs: set[str] = set()
    for values in _points(question, space, base):
        config = override(base, values)
        if config.config_id not in configs:
            configs.add(config.config_id)
            points.append(values)
    return points


def _points(question: Question, space: Space, base: Config) -> Iterator[Values]:
    # The base may lie outside of the space; then the search does not try it.
    own = point_in(space, base, base)
    if own is not None:
        yield own
    for name in preset_names() if question.suggesting.presets else ():
        values = point_in(space, base, load_preset(name))
        if values is not None:
            yield values
    for point in question.points:
        yield space.values_of(base, override(base, point))


def point_in(space: Space, base: Config, config: Config) -> Values | None:
    """Return the axes' values in another config, on top of the base; None where an axis or the config refuses them."""
    at = flat(config)
    outside: list[Axis] = []

    def read(axis: Axis) -> Value:
        value: Value = at[axis.path]
        if value not in axis.domain:
            outside.append(axis)
        return value

    values = space.sample(base, read)
    if outside:
        return None
    try:
        override(base, values)
    except IgnmError:
        return None
    return values
