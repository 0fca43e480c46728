"""What the driver does when Tune says that something happened to a trial."""

import logging
from typing import Any

from ray import tune

from ignm.training.attempts import read_attempts
from search.running.failures import Failures
from search.storage.studies import Keeping
from search.study.folder import StudyFolder
from search.study.spending import Meter
from search.tracking.showing import Showing

_log = logging.getLogger(__name__)


class _Forgetful(tune.Callback):
    """A callback that Tune may pickle, as it does again and again; a study is never restored from that."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class WriteEnds(_Forgetful):
    """Says when a trial's process died, and gives the trial up when that happened again and again at the same place.

    However a trial ends, its folder is brought from where its process wrote it, and its end written there.
    """

    def __init__(self, folder: StudyFolder, kept: Keeping, max_failures: int) -> None:
        """Write into the trials of this study, which `kept` mirrors."""
        self._folder, self._kept = folder, kept
        self._failures = Failures(max_failures)
        self._said: set[tuple[str, str]] = set()

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Say that it goes on, or write down that it has failed: its next process reads that and trains no more."""
        name = trial.config["trial"]
        self._kept.follow(name)
        line = self._failures.not_its_own(name, trial.error_file)
        if line is not None:
            if (name, line) not in self._said:
                self._said.add((name, line))
                _log.warning("%s: could not go on: %s; it is tried again", name, line)
        elif not self._failures.too_many(name, read_attempts(self._folder.trial(name).path)):
            _log.warning("%s: its process died; it goes on from its last checkpoint in a new one", name)
        else:
            self._folder.trial(name).end_failed()
            self._kept.end(name)
            # One that never got to begin has no end; Tune lets it be, and it is left for another run.
            trial.max_failures = 0

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It has ended, or was stopped."""
        self._kept.follow(trial.config["trial"])
        self._kept.end(trial.config["trial"])


class HoldSlots(_Forgetful):
    """Tells the meter which trials hold a slot: from the moment their process is up until they let it go."""

    def __init__(self, meter: Meter, cpus: float, gpus: float) -> None:
        """`cpus` and `gpus` are what one trial takes."""
        self._meter, self._cpus, self._gpus = meter, cpus, gpus

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It has a process."""
        self._meter.begin(trial.config["trial"], self._cpus, self._gpus)

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It has ended, or was stopped."""
        self._meter.end(trial.config["trial"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its process died for good."""
        self._meter.end(trial.config["trial"])

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Its process died; it waits for another."""
        self._meter.end(trial.config["trial"])


class ShowResults(_Forgetful):
    """Has each result shown where people look: TensorBoard and the like."""

    def __init__(self, showing: Showing) -> None:
        """Show by the trackers of `showing`."""
        self._showing = showing

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """It was measured, or has ended."""
        self._showing.tell(trial.config["trial"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """It has failed."""
        self._showing.tell(trial.config["trial"])
