"""Shows results by the study's trackers, in a thread of its own: a slow server keeps no trial waiting."""

import logging
import queue
import threading
from collections.abc import Mapping
from types import TracebackType

from search.study.folder import StudyFolder
from search.tracking.tracker import Tracker

_log = logging.getLogger(__name__)
CLOSING_SECONDS = 60.0
HURRIED_SECONDS = 1.0


class Showing:
    """While it is entered, brings the trackers up to date with every trial that it is told of.

    A tracker that fails costs a warning, never the study: what it missed is shown with the trial's next result, or by
    the next run.
    """

    def __init__(self, folder: StudyFolder, trackers: Mapping[str, Tracker]) -> None:
        """Show the trials of this study; without trackers, nothing."""
        self._folder, self._trackers = folder, trackers
        self._waiting: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._told: set[str] = set()
        self._hurried = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="tracking")

    def __enter__(self) -> "Showing":
        """Begin, with what earlier runs may have left unshown."""
        if self._trackers:
            for trial in self._folder.all_trials():
                self.tell(trial.name)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show what is still to be shown, for a minute at most; after an error, leave that to the next run."""
        if self._trackers:
            self._hurried = error is not None
            self._waiting.put(None)
            self._thread.join(HURRIED_SECONDS if self._hurried else CLOSING_SECONDS)

    def tell(self, name: str) -> None:
        """There is something new of a trial."""
        if self._trackers:
            self._waiting.put(name)

    def _work(self) -> None:
        while (name := self._waiting.get()) is not None:
            for each in () if self._hurried else self._trackers:
                self._try(each, name)
        for each, tracker in self._trackers.items():
            try:
                tracker.close()
            except Exception:
                self._complain(each)

    def _try(self, tracker: str, name: str) -> None:
        try:
            self._trackers[tracker].show(self._folder.trial(name))
        except Exception:
            self._complain(tracker)

    def _complain(self, tracker: str) -> None:
        """Say it once for each tracker; with --verbose each time, with its cause."""
        if tracker not in self._told:
            self._told.add(tracker)
            _log.warning("tracking.%s: a result could not be shown; the study goes on, and shows it later", tracker)
        _log.info("tracking.%s", tracker, exc_info=True)
