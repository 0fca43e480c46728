"""What runs are compared by: each measure with its name and the direction that is better."""

from collections.abc import Mapping
from dataclasses import dataclass

KIMG_TO_QUALITY = "kimg_to_quality"


@dataclass(frozen=True)
class Measure:
    """A number of a run. `title` is for a reader; of `quality` it is the metric's own name where that is known."""

    name: str
    title: str
    lower_is_better: bool
    unit: str = ""

    @property
    def direction(self) -> str:
        """Say which way is better."""
        return "lower is better" if self.lower_is_better else "higher is better"


MEASURES: Mapping[str, Measure] = {
    each.name: each
    for each in (
        Measure("quality", "quality", lower_is_better=True),
        Measure("diversity", "diversity", lower_is_better=False),
        Measure("diversity_gap", "distance of diversity from the real images'", lower_is_better=True),
        Measure("stability", "stability", lower_is_better=True),
        Measure("seconds", "seconds of training", lower_is_better=True, unit="s"),
        Measure("images_per_second", "images per second", lower_is_better=False, unit="1/s"),
        Measure("defects", "kinds of defects", lower_is_better=True),
        Measure(KIMG_TO_QUALITY, "kimg until as good", lower_is_better=True, unit="kimg"),
    )
}
"""By name. `kimg_to_quality` needs a threshold, and is asked for by `analysis.ablation.speed`; the others are columns
of `Ablation.runs`. Diversity is that of the real images at 1, and above it more is not better: where that matters,
`diversity_gap` is |1 - diversity|."""
