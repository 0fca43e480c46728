"""How fast a trial becomes good."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Reached:
    """When a quality was reached: at `kimg`, or, where `censored`, not up to `kimg`, where measuring ended."""

    kimg: float
    censored: bool


def kimg_to_quality(kimg: Sequence[float], quality: Sequence[float], threshold: float) -> Reached:
    """Return where quality (lower is better) first comes down to `threshold`.

    `kimg` rises. Between two measurements quality is taken to move on a straight line; at the first measurement it has
    been reached at the latest there. Measurements that are not finite count as not reached and are not interpolated
    from. ValueError: no measurements, or lists of unequal length.
    """
    if not kimg or len(kimg) != len(quality):
        raise ValueError(f"as many qualities as kimg, and at least one: {len(quality)} and {len(kimg)}")
    before: tuple[float, float] | None = None
    for at, now in zip(kimg, quality, strict=True):
        if now <= threshold:
            if before is None or before[1] == float("inf"):
                return Reached(at, censored=False)
            share = (before[1] - threshold) / (before[1] - now)
            return Reached(before[0] + share * (at - before[0]), censored=False)
        # NaN compares as nothing, and is taken for the worst.
        before = (at, now if now < float("inf") else float("inf"))
    return Reached(kimg[-1], censored=True)
