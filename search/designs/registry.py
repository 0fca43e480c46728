"""The designs by name."""

from collections.abc import Callable, Iterable, Mapping

from search.designs.design import Design, Terms
from search.designs.known import Known
from search.designs.lattice import add_one_in, factorial, half_factorial, leave_one_out
from search.designs.path import axis_path, path
from search.designs.presets import baselines
from search.designs.single_axes import add_axis_in, leave_axis_out
from search.designs.sweeps import sweeps
from spaces.designs import DesignName

MakeDesigns = Callable[[Terms, Known], list[Design]]
"""Pure: what is compared follows from the terms, and for a path from what was measured on the way."""

DESIGNS: Mapping[DesignName, MakeDesigns] = {
    "baselines": baselines,
    "factorial": factorial,
    "half_factorial": half_factorial,
    "leave_one_out": leave_one_out,
    "add_one_in": add_one_in,
    "leave_axis_out": leave_axis_out,
    "add_axis_in": add_axis_in,
    "path": path,
    "axis_path": axis_path,
    "sweeps": sweeps,
}


def make_designs(names: Iterable[DesignName], terms: Iterable[Terms], known: Known) -> list[Design]:
    """Make the designs of these names, dataset by dataset; raise IgnmError where a combination cannot work."""
    names = tuple(names)
    return [design for each in terms for name in names for design in DESIGNS[name](each, known)]
