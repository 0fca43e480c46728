"""When trials stop before their time: a limit is used up, or somebody asked for it. Tune asks after each result."""

from typing import Any

from ray import tune

from search.study.folder import Status, StudyFolder
from search.study.requests import BY_HAND, stop_requested
from search.study.spending import Meter


class Orders(tune.Stopper):
    """What the driver has been told to stop; set by its watching thread, obeyed by Tune's.

    A trial always goes on to its next measurement, so that nothing is trained in vain. One that is stopped by a limit
    or by hand ends as pruned; when the whole study winds up, trials stay unfinished and go on in the next run.
    """

    def __init__(self, folder: StudyFolder, meter: Meter) -> None:
        """Begin with no orders; `meter` knows which trials are running."""
        self._folder, self._meter = folder, meter
        self._over: str | None = None
        self._awaited: frozenset[str] | None = None

    @property
    def winding_up(self) -> bool:
        """Whether the whole study was told to stop."""
        return self._awaited is not None

    @property
    def closed(self) -> bool:
        """Whether trials stop at their next measurement, for whatever reason."""
        return self.winding_up or self._over is not None

    def end_all(self, reason: str) -> None:
        """End every trial at its next measurement, for this reason."""
        self._over = reason

    def wind_up(self) -> None:
        """Stop every trial at its next measurement, unfinished, and then the run."""
        if self._awaited is None:
            self._awaited = self._meter.holding

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Whether the trial of this result is to stop; how it ended is written down first."""
        if result.get("done"):
            return True
        trial = self._folder.trial(result["config"]["trial"])
        if stop_requested(trial.path):
            trial.end(Status.PRUNED, BY_HAND)
            return True
        if self.winding_up:
            return True
        if self._over is not None:
            trial.end(Status.PRUNED, self._over)
            return True
        return False

    def stop_all(self) -> bool:
        """Whether the run is over: winding up, and all that ran then has come to a measurement."""
        # Trials that begin meanwhile have nothing to lose.
        return self._awaited is not None and not (self._awaited & self._meter.holding)

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its parts again and again, and a study is never restored from that."""
        return {}
