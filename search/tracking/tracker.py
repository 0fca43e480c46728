"""What a tracker is: it brings what it shows of a trial up to date with the trial's folder."""

from typing import Any, Protocol

from search.study.folder import Trial
from spaces.axis import value_text

_LEFT_OUT = ("point", "metric", "precision", "reference_id", "defects", "metrics")


class Tracker(Protocol):
    """Shows trials somewhere. Each call may find several new measurements, or none; no point is shown twice."""

    def show(self, trial: Trial) -> None:
        """Show what is new of a trial."""

    def close(self) -> None:
        """Let everything arrive."""


def step_of(measurement: dict[str, Any]) -> int:
    """Real images of the schedule: the same for every batch size, so that curves lie over each other."""
    return round(measurement["point"] * 1000)


def scalars(measurement: dict[str, Any]) -> dict[str, float]:
    """The numbers of a measurement by name, each extra metric among them; what was not measured is left out."""
    numbers = {name: value for name, value in measurement.items() if name not in _LEFT_OUT}
    found = numbers | measurement.get("metrics", {})
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def parameters(trial: Trial) -> dict[str, bool | str | float | int]:
    """What the search chose for a trial, and what the trial is; plain values by name."""
    chosen = trial.label()["parameters"].items()
    about = {"seed": trial.spec().seed, "stage": trial.stage, "config_id": trial.label()["config_id"]}
    return {name: value_text(value) if value is None else value for name, value in chosen} | about
