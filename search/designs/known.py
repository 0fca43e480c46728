"""What the ablation's runs have measured so far, as designs and decisions read it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search.study.folder import Status, StudyFolder

Qualities = Mapping[str, Mapping[int, float | None]]
"""By config_id and seed: the quality at the end of the budget, None for a run that was lost."""


@dataclass(frozen=True)
class Known:
    """Results of the runs that have ended."""

    qualities: Qualities
    seeds: Sequence[int]
    """Those that every arm is run on."""

    def standing(self, config_id: str) -> tuple[int, float] | None:
        """Runs lost on `seeds`, and the mean quality of the others (infinite where there is none).

        None while one of the runs has yet to end.
        """
        ended = self.qualities.get(config_id, {})
        if any(seed not in ended for seed in self.seeds):
            return None
        measured = [value for seed in self.seeds if (value := ended[seed]) is not None]
        return len(self.seeds) - len(measured), statistics.fmean(measured) if measured else math.inf


class Foretold(Known):
    """Stands in for results before there are any: all arms are alike."""

    def __init__(self) -> None:
        """Nothing is known."""
        super().__init__({}, ())

    def standing(self, config_id: str) -> tuple[int, float]:
        """Nothing lost, and no arm better than another."""
        return 0, 0.0


def read_known(folder: StudyFolder, seeds: Sequence[int]) -> Known:
    """Read how the ablation's runs ended; one that did not come to its budget is lost."""
    found: dict[str, dict[int, float | None]] = {}
    for trial in folder.all_trials("ablate"):
        status = trial.status()
        if status is not Status.RUNNING:
            ended = trial.measurements()[-1]["quality"] if status is Status.COMPLETED else None
            found.setdefault(trial.label()["config_id"], {})[trial.spec().seed] = ended
    return Known(found, seeds)
