"""What runs are compared by: each measure with its name and the direction that is better."""

from collections.abc import Mapping
from dataclasses import dataclass

from ignm.config import nearest
from ignm.errors import IgnmError
from ignm.metrics.columns import ALWAYS, column_called

KIMG_TO_QUALITY = "kimg_to_quality"
GAP = "_gap"
"""Ends the name of a column's distance from the real images' value, as `diversity_gap`."""


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

    @property
    def column(self) -> str:
        """The column of the results that it is taken from."""
        return self.name.removesuffix(GAP)


MEASURES: Mapping[str, Measure] = {
    each.name: each
    for each in (
        Measure("defects", "kinds of defects", lower_is_better=True),
        Measure(KIMG_TO_QUALITY, "kimg until as good", lower_is_better=True, unit="kimg"),
    )
}
"""Those that are no column of the results. `kimg_to_quality` needs a threshold, and is asked for by
`analysis.ablation.speed`; `defects` is counted in `analysis.ablation.runs`. The others follow from
`ignm.metrics.columns`: each column with a direction, and the distance, NAME_gap, of each that has a target."""


def measure_called(name: str) -> Measure:
    """Return a measure by its name; raise IgnmError where a run cannot have it, or it has no better and worse."""
    if name in MEASURES:
        return MEASURES[name]
    base = name.removesuffix(GAP)
    column = column_called(base)
    if column is None:
        known = (*ALWAYS, *(f"{each}{GAP}" for each, of in ALWAYS.items() if of.target is not None), *MEASURES)
        raise IgnmError(
            f"measure '{name}': no run has it{nearest(name, known)}; there are {', '.join(known)}, and the columns of "
            "the metrics that evaluation.metrics asks for, as precision_scatter or swd"
        )
    if name != base and column.target is not None:
        return Measure(name, f"distance of {column.title} from the real images'", lower_is_better=True)
    if name != base or column.better is None:
        instead = f"; use {base}{GAP}, its distance from the real images'" if column.target is not None else ""
        instead = f"; use {base}" if name != base and column.better else instead
        raise IgnmError(f"measure '{name}': neither lower nor higher is better{instead}")
    return Measure(name, column.title, column.better == "lower", column.unit)
