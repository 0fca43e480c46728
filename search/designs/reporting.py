"""What the winner and the baselines reach on the seeds of the ablation, which have chosen neither."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.ablation.plan import IMPROVED
from search.designs.known import read_known
from search.designs.plan import read_plan
from search.study.folder import StudyFolder
from search.study.sections import WINNER


@dataclass(frozen=True)
class ReportedArm:
    """A model, and its runs that came to their end."""

    name: str
    qualities: tuple[float, ...]
    lost: int
    seeds: tuple[int, ...] = ()
    """Of the qualities."""

    @property
    def mean(self) -> float | None:
        """None where every run was lost."""
        return statistics.fmean(self.qualities) if self.qualities else None

    @property
    def sd(self) -> float | None:
        """None with fewer than two runs."""
        return statistics.stdev(self.qualities) if len(self.qualities) > 1 else None


@dataclass(frozen=True)
class Reported:
    """The winner and the baselines on a dataset."""

    dataset: str
    kimg: float
    arms: tuple[ReportedArm, ...]
    """The winner first."""


def read_reported(folder: StudyFolder, winner: str) -> list[Reported]:
    """Read them by dataset; nothing where there is no ablation of this winner, known by its config_id."""
    if not folder.ablation.exists():
        return []
    plan, known = read_plan(folder), read_known(folder, ()).qualities
    if plan["improved"]["config_id"] != winner:
        return []
    identities = {arm["number"]: arm["config_id"] for arm in plan["arms"]}
    found = []
    for design in (each for each in plan["designs"] if each["design"] == "baselines"):
        placed = sorted(design["arms"], key=lambda each: each["preset"] != IMPROVED)
        arms = tuple(_reported(each["preset"], known.get(identities[each["arm"]], {})) for each in placed)
        if any(arm.qualities or arm.lost for arm in arms):
            found.append(Reported(design["dataset"], plan["kimg"], arms))
    return found


def _reported(preset: str, ended: Mapping[int, float | None]) -> ReportedArm:
    measured = {seed: value for seed, value in sorted(ended.items()) if value is not None}
    name = WINNER if preset == IMPROVED else preset
    return ReportedArm(name, tuple(measured.values()), len(ended) - len(measured), tuple(measured))
