"""Graded degradations of the training images: fewer pixels, blur, noise, JPEG, wrong labels, fewer images."""

from ignm.data.degradation.pixels import Pixels, degrade_pixels, pixel_settings
from ignm.data.degradation.selection import kept_rows, shown_labels
from ignm.data.degradation.store import DERIVED, Degraded, degraded

__all__ = [
    "DERIVED",
    "Degraded",
    "Pixels",
    "degrade_pixels",
    "degraded",
    "kept_rows",
    "pixel_settings",
    "shown_labels",
]
