"""Quality control of images on their way into the cache: which are left out, and why."""

from ignm.data.quality.filters import QualitySettings, quality_filters

__all__ = ["QualitySettings", "quality_filters"]
