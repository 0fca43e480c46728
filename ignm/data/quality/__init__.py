"""Quality control of images on their way into the cache: which are left out, and why."""

from ignm.data.quality.duplicates import LARGEST_DISTANCE, NearDuplicates
from ignm.data.quality.filters import Filter, QualitySettings, quality_filters
from ignm.data.quality.scores import clipped, contrast, sharpness

__all__ = [
    "LARGEST_DISTANCE",
    "Filter",
    "NearDuplicates",
    "QualitySettings",
    "clipped",
    "contrast",
    "quality_filters",
    "sharpness",
]
