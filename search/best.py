"""A study's winner: its numbers, how sure they are, what it cost, where it lies."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ignm.errors import IgnmError
from ignm.files import read_json
from ignm.training.filenames import CONFIG, WEIGHTS
from search.designs.reporting import Reported, read_reported
from search.judging_best import Judged, cost_of, judge_best
from search.study.folder import StudyFolder

FILES = {"config": CONFIG, "generator": WEIGHTS, "samples": "samples.png"}
REQUIRED = ("parameters", "seeds", "mean", "sd", "metric", "kimg", "baseline", "name", "config_id")


@dataclass(frozen=True)
class Best:
    """What the confirm stage, and an ablation where there is one, say of the winner."""

    evidence: Mapping[str, Any]
    """`best/evidence.json`: name, parameters, seeds, qualities, mean, sd, metric, kimg, baseline ..."""
    reported: tuple[Reported, ...]
    """The winner beside the baselines on seeds that chose nothing, by dataset."""
    judged: tuple[Judged, ...]
    cost: Mapping[str, float] | None
    """Seconds of training, kimg, images a second of the run that was kept; None where it is gone."""
    files: Mapping[str, Path]
    """What there is to take away, by what it is."""

    def as_json(self) -> dict[str, Any]:
        """For programs: plain values; the evidence's own keys first."""
        return {
            **self.evidence,
            "reported": [asdict(each) for each in self.reported],
            "judged": [asdict(each) for each in self.judged],
            "cost": None if self.cost is None else dict(self.cost),
            "files": {name: str(place) for name, place in self.files.items()},
        }


def read_best(folder: StudyFolder) -> Best:
    """Read a study's winner; raise IgnmError where there is none yet."""
    if not folder.evidence.exists():
        raise IgnmError(f"{folder.path}: no winner yet; `ignm run` its study to the end of the confirm stage")
    evidence = read_json(folder.evidence, *REQUIRED)
    reported = read_reported(folder, evidence["config_id"])
    places = {each: folder.best / file for each, file in FILES.items()}
    places["its run"] = folder.trials / str(evidence.get("trial"))
    return Best(
        evidence=evidence,
        reported=tuple(reported),
        judged=tuple(judge_best(evidence, reported)),
        cost=cost_of(folder, evidence),
        files={name: place for name, place in places.items() if place.exists()},
    )
