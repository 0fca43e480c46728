"""How long a stage will still take, and how that is known."""

from collections.abc import Sequence
from dataclasses import dataclass

from ignm.words import count
from search.study.progress import StageProgress
from search.study.spending import Limit


@dataclass(frozen=True)
class Remaining:
    """An estimate."""

    seconds: float
    how: str
    """What it is estimated by, for people."""


def remaining(
    progress: StageProgress, gained: float, seconds: float, before: Sequence[Limit], now: Sequence[Limit]
) -> Remaining | None:
    """The soonest of: all kimg trained at this run's speed, and each limit used up at this run's rate.

    `gained` kimg were trained in the `seconds` of this run, at whose beginning the limits stood as in `before`. None
    while nothing is known.
    """
    found = [Remaining(progress.kimg_left / gained * seconds, "at this run's speed")] if gained > 0 else []
    for old, new in zip(before, now, strict=True):
        rate = (new.used - old.used) / seconds if seconds > 0 else 0.0
        if rate > 0:
            found.append(Remaining(new.left / rate, f"until {new.field} is used up"))
    return min(found, key=lambda each: each.seconds, default=None)


def remaining_at_rest(progress: StageProgress, slots: int) -> Remaining | None:
    """How long the rest of a stage will take once it goes on, by the speeds measured; None where there are none."""
    if progress.seconds_per_kimg is None:
        return None
    seconds = progress.kimg_left * progress.seconds_per_kimg / slots
    return Remaining(seconds, f"of training, at the speeds measured, with {count(slots, 'slot')}")
