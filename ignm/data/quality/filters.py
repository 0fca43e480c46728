"""Filters of an import, made from settings: each says of one image why it is left out, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Protocol

from ignm.data.quality.duplicates import LARGEST_DISTANCE, NearDuplicates
from ignm.data.quality.scores import Pixels, clipped, contrast, sharpness
from ignm.errors import IgnmError


class Filter(Protocol):
    """Judges one image uint8 (R, R, C), C 1 or 3; `name` is what images that it left out are counted under."""

    @property
    def name(self) -> str:
        """A word."""

    def __call__(self, pixels: Pixels) -> str | None:
        """Return why the image is left out; None if it is not."""


@dataclass(frozen=True)
class QualitySettings:
    """What an image must be to be imported; None asks nothing. Raises IgnmError for a value out of range."""

    min_sharpness: float | None = None
    """0 and more; see `scores.sharpness`. Faces of 64x64 blurred by one pixel score below 9, sharp ones 10 to 100; 5
    drops what anybody would call blurred. Of larger images, look at what is left out before settling on a value."""
    min_contrast: float | None = None
    """0 to 1: the luma's robust range, as a share of black to white; faces have 0.45 to 0.95, 0.35 drops grey fog."""
    max_clipped: float | None = None
    """0 to 1: share of black and white pixels; a portrait before a white wall has up to 0.5."""
    duplicate_distance: int | None = None
    """0 to 16: bits of 64 in which the perceptual hash of a near duplicate may differ; 4 finds recompressed, relit and
    mirrored copies, 8 also those cropped by a pixel of 64."""

    def __post_init__(self) -> None:
        for name, value in ((field.name, getattr(self, field.name)) for field in fields(self)):
            least, most = _RANGES[name]
            if value is not None and not least <= value <= most:
                allowed = f"{least} to {most}" if most != float("inf") else f"{least} and more"
                raise IgnmError(f"{name} is {value}; allowed are {allowed}, or none at all for no such filter.")


_RANGES: dict[str, tuple[float, float]] = {
    "min_sharpness": (0, float("inf")),
    "min_contrast": (0, 1),
    "max_clipped": (0, 1),
    "duplicate_distance": (0, LARGEST_DISTANCE),
}


def quality_filters(settings: QualitySettings) -> tuple[Filter, ...]:
    """Return the filters that are asked for; an image is out at the first one that says why.

    The last, `duplicates`, remembers every image that it lets pass: ask it only where no other filter objects, and in
    the images' own order. After an interruption, show fresh filters the kept images in order, and they go on from
    there.
    """
    found: list[Filter] = [
        Limit(name, score, least, most)
        for name, score, least, most in (
            ("contrast", contrast, settings.min_contrast, None),
            ("clipped", clipped, None, settings.max_clipped),
            ("sharpness", sharpness, settings.min_sharpness, None),
        )
        if least is not None or most is not None
    ]
    if settings.duplicate_distance is not None:
        found.append(Duplicates(settings.duplicate_distance))
    return tuple(found)


@dataclass(frozen=True)
class Limit:
    """Leaves out images whose score is below `least` or above `most`."""

    name: str
    score: Callable[[Pixels], float]
    least: float | None
    most: float | None

    def __call__(self, pixels: Pixels) -> str | None:
        """Return the score and the limit that it misses."""
        value = self.score(pixels)
        if self.least is not None and value < self.least:
            return f"{self.name} {value:.3g} below {self.least:g}"
        if self.most is not None and value > self.most:
            return f"{self.name} {value:.3g} above {self.most:g}"
        return None


class Duplicates:
    """Leaves out near duplicates of the images that it has let pass; counts those from 0, as the dataset's rows."""

    name = "duplicates"

    def __init__(self, distance: int) -> None:
        self._seen = NearDuplicates(distance)

    def __call__(self, pixels: Pixels) -> str | None:
        """Return which kept image this one repeats."""
        match = self._seen.add(pixels)
        if match is None:
            return None
        return f"{'mirrored ' if match.mirrored else ''}duplicate of image {match.number} (distance {match.distance})"
