"""Two-level designs as arrays: which arms ran on which seeds, and which effects a fraction cannot tell apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import pandas as pd

from ignm.errors import IgnmError

FACTOR_LIMIT = 10
LEVELS = ({0.0, 1.0}, {-1.0, 1.0})


@dataclass(frozen=True)
class Lattice:
    """Every run of a 2^k design, as gains: above 0 is better than 0.

    gains: (seeds, 2^k), NaN where there is no result; arm number a has factor i on where bit i of a is set.
    lost: runs that were made and gave no finite value.
    """

    factors: tuple[str, ...]
    seeds: tuple[object, ...]
    gains: np.ndarray
    lost: int

    @cached_property
    def arms(self) -> np.ndarray:
        """Numbers of the arms that gave a result on any seed."""
        return np.flatnonzero(np.isfinite(self.gains).any(axis=0))

    @cached_property
    def complete(self) -> np.ndarray:
        """Rows of the seeds on which all 2^k arms gave a result."""
        return np.flatnonzero(np.isfinite(self.gains).all(axis=1))

    def missing(self) -> str:
        """Name the arms that gave no result on any seed, e.g. "data, data + loss"."""
        absent = sorted(set(range(self.gains.shape[1])) - set(self.arms), key=lambda arm: (arm.bit_count(), arm))
        return ", ".join(arm_name(self.factors, arm) for arm in absent)


def lattice(
    runs: pd.DataFrame, factors: Sequence[str], value: str = "quality", seed: str = "seed", lower_is_better: bool = True
) -> Lattice:
    """Arrange one row a run; each factor's column says off or on by bool, 0/1 or -1/+1.

    Raises IgnmError for missing columns, other levels, more than 10 factors, or two runs of one arm and seed.
    """
    factors = list(factors)
    missing = [column for column in [*factors, value, seed] if column not in runs.columns]
    if missing:
        raise IgnmError(f"the runs have no column {', '.join(missing)}; they have {', '.join(map(str, runs.columns))}")
    if not 1 <= len(factors) <= FACTOR_LIMIT or len(set(factors)) < len(factors):
        raise IgnmError(f"a design has 1 to {FACTOR_LIMIT} different factors; got {', '.join(factors) or 'none'}")
    arm = sum((_on(runs[factor]) << position for position, factor in enumerate(factors)), np.zeros(len(runs), int))
    seeds = sorted(runs[seed].unique())
    row = np.searchsorted(np.array(seeds), runs[seed]) if seeds else np.zeros(0, int)
    twice = pd.DataFrame({"row": row, "arm": arm}).duplicated()
    if twice.any():
        first = int(np.flatnonzero(twice)[0])
        raise IgnmError(f"arm {arm_name(factors, int(arm[first]))} has more than one run of seed {seeds[row[first]]}")
    values = runs[value].to_numpy(dtype=float)
    gains = np.full((len(seeds), 2 ** len(factors)), np.nan)
    gains[row, arm] = np.where(np.isfinite(values), -values if lower_is_better else values, np.nan)
    return Lattice(tuple(factors), tuple(seeds), gains, int((~np.isfinite(values)).sum()))


def codes(factors: int) -> np.ndarray:
    """Return (2^k, k) levels -1/+1 of all arms, in the order of Lattice.gains."""
    return np.array([[1 if arm >> i & 1 else -1 for i in range(factors)] for arm in range(2**factors)])


def arm_name(factors: Sequence[str], arm: int) -> str:
    """Name an arm by the factors that are on in it."""
    return " + ".join(factor for i, factor in enumerate(factors) if arm >> i & 1) or "all off"


Word = tuple[int, ...]
"""An effect, by the positions of its factors: (0,) is the first one's main effect, (0, 2) an interaction."""


def words(factors: int, order: int) -> list[Word]:
    """Return the effects of up to `order` factors, main effects first."""
    return [word for size in range(1, order + 1) for word in combinations(range(factors), size)]


def defining_relation(levels: np.ndarray) -> dict[Word, int]:
    """Return the words whose product is constant over the arms, with its sign; empty for a full factorial.

    levels: (arms, k) of -1/+1. A half fraction of four factors by I = ABCD gives {(0, 1, 2, 3): 1}.
    """
    k = levels.shape[1]
    products = {word: levels[:, word].prod(axis=1) for word in words(k, k)}
    return {word: int(column[0]) for word, column in products.items() if (column == column[0]).all()}


def aliases(word: Word, relation: dict[Word, int]) -> dict[Word, int]:
    """Return the effects that this one cannot be told from, with their signs; () is the mean."""
    return {tuple(sorted(set(word) ^ set(other))): sign for other, sign in relation.items()}


def word_name(factors: Sequence[str], word: Word, sign: int = 1) -> str:
    """Write an effect: "data:loss", "-data:loss"; "the mean" for the empty word."""
    return ("-" if sign < 0 else "") + (":".join(factors[i] for i in word) or "the mean")


def _on(column: "pd.Series[float]") -> np.ndarray:
    levels = set(column.astype(float).unique())
    if not any(levels <= allowed for allowed in LEVELS):
        raise IgnmError(
            f"column {column.name} has the levels {', '.join(map(str, sorted(levels)))}; "
            "a factor is off or on: bool, 0/1 or -1/+1"
        )
    return (column.astype(float) > 0).to_numpy().astype(int)
