"""Feature extractors by name."""

from collections.abc import Callable

from ignm.errors import IgnmError
from ignm.metrics.extractors.base import Extractor
from ignm.metrics.extractors.inception import build_inception, find_weights
from ignm.metrics.extractors.scatter import Scatter

EXTRACTORS: dict[str, Callable[[], Extractor]] = {
    Scatter.name: Scatter,
    "inception": build_inception,
}


def build_extractor(name: str) -> Extractor:
    """Extractor of this name, on the CPU and in eval mode; `inception` is downloaded if its weights are not here.

    Raises IgnmError if the name is unknown or the weights cannot be had.
    """
    if name not in EXTRACTORS:
        raise IgnmError(f"unknown extractor '{name}'; allowed: {', '.join(sorted(EXTRACTORS))}")
    return EXTRACTORS[name]().eval()


def choose_extractor() -> str:
    """Name of the best extractor usable without a download: `inception` if its weights are here, else `scatter`.

    Choose once for a study and pass the name on: machines that hold different files would choose different metrics.
    """
    return "inception" if find_weights() else Scatter.name


__all__ = ["EXTRACTORS", "Extractor", "build_extractor", "choose_extractor"]
