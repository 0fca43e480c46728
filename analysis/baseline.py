"""The baseline of a study: which configuration it is, and what its runs on fresh seeds measured."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.formatting import amount
from analysis.results import LOST, Study, dig, same_length


@dataclass(frozen=True)
class Baseline:
    """The configuration that the winner is compared with; `problem` says why the two may not be compared.

    qualities: one value a confirm run that came to its end, indexed by seed; seeds_lost: runs that did not, for good.
    """

    name: str
    qualities: "pd.Series[float]"
    seeds_lost: int = 0
    problem: str | None = None

    @property
    def mean(self) -> float:
        """Mean quality over its seeds."""
        return float(self.qualities.mean())


def baseline_id(study: Study) -> str | None:
    """Return the config_id of the configuration that the search started from; None where nothing names it."""
    told = (
        study.asked.get("base_config_id"),
        study.evidence.get("baseline_config_id"),
        dig(study.evidence, "baseline", "config_id"),
    )
    return next((str(config) for config in told if config), None)


def baseline_name(study: Study) -> str:
    """Return the preset's name, which is what a reader knows the baseline by."""
    # Evidence may call it by the search trial that happened to try the preset.
    return str(dig(study.asked, "question", "preset") or dig(study.evidence, "baseline", "name") or "baseline")


def find_baseline(study: Study, trials: pd.DataFrame, kimg: float) -> Baseline | None:
    """Return the baseline by its confirm runs alone; None where it has none.

    Its search trial is one noisy number at another length, that a confirmed mean may not be compared with.
    kimg: the length that the winner was measured at.
    """
    runs = trials[(trials["config_id"] == baseline_id(study)) & (trials["stage"] == "confirm")]
    if runs.empty:
        return None
    ended = runs[(runs["status"] == "completed") & runs["quality"].notna()]
    usable = ended[ended["yardstick"] & ended["comparable"]]
    lost = int(runs["status"].isin(LOST).sum())
    return Baseline(baseline_name(study), by_seed(usable), lost, _problem(runs, ended, usable, kimg))


def by_seed(runs: pd.DataFrame) -> "pd.Series[float]":
    """Return the runs' qualities, indexed by their seeds."""
    return runs.set_index("seed")["quality"].astype(float).sort_index()


def _problem(runs: pd.DataFrame, ended: pd.DataFrame, usable: pd.DataFrame, kimg: float) -> str | None:
    if runs["status"].isin(LOST).all():
        return "all its confirm seeds were lost"
    if ended.empty:
        return "none of its confirm runs has come to its end"
    if not ended["yardstick"].any():
        return "it was measured with another metric or against another reference"
    reached = _length(usable if len(usable) else ended)
    if usable.empty or not same_length(reached, kimg):
        return f"it was measured at {amount(reached)} kimg, the best at {amount(kimg)} kimg"
    return None


def _length(runs: pd.DataFrame) -> Any:
    return runs["measured_kimg"].min()
