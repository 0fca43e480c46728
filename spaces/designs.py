"""The designs of an ablation by name, and what each of them asks: `search` makes them, `analysis` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

DesignName = Literal[
    "baselines", "factorial", "half_factorial", "leave_one_out", "add_one_in", "leave_axis_out", "add_axis_in",
    "path", "axis_path", "sweeps",
]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """What a design asks.

    of: what it switches: whole models, strategies, or single paths of the config.
    lattice: whether its arms are combinations of strategies.
    twins: whether some two of its arms differ in one thing alone.
    follows: whether its arms follow from what was measured on the way; then it explores, and tells no claim.
    """

    of: Literal["models", "strategies", "paths"]
    lattice: bool = False
    twins: bool = True
    follows: bool = False


KINDS: Mapping[str, Kind] = {
    "baselines": Kind("models", twins=False),
    "factorial": Kind("strategies", lattice=True),
    "half_factorial": Kind("strategies", lattice=True, twins=False),
    "leave_one_out": Kind("strategies"),
    "add_one_in": Kind("strategies"),
    "leave_axis_out": Kind("paths"),
    "add_axis_in": Kind("paths"),
    "path": Kind("strategies", follows=True),
    "axis_path": Kind("paths", follows=True),
    "sweeps": Kind("paths"),
}

NAMES: tuple[DesignName, ...] = get_args(DesignName)
LATTICES = tuple(name for name in NAMES if KINDS[name].lattice)
FOLLOWING = tuple(name for name in NAMES if KINDS[name].follows)
TELLING = tuple(name for name in NAMES if not KINDS[name].follows)
"""Those that can tell a claim."""
OF_STRATEGIES = tuple(name for name in TELLING if KINDS[name].of == "strategies")
WITH_TWINS = tuple(name for name in TELLING if KINDS[name].twins)
