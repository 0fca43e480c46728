"""While a stage runs, a thread of the driver keeps its clock and its meter, its limits, and obeys requests to stop."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any

from search.running.orders import Orders
from search.study.clock import CLOCK, StageClock
from search.study.folder import StudyFolder
from search.study.heartbeat import Heartbeat
from search.study.progress import ProgressReader, StageProgress
from search.study.question import Question
from search.study.remaining import Remaining, remaining
from search.study.requests import stop_requested
from search.study.spending import Limit, Meter, Spent, limits_of

_log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
WRITE_SECONDS = 3.0


class StageWatch:
    """Watches over a stage that runs.

    `on_close` is called once, when nothing new is to begin: with what ends the trials, where a limit is used up; with
    None where the study was asked to stop. Only the search has limits.
    """

    def __init__(
        self,
        folder: StudyFolder,
        question: Question,
        reader: ProgressReader,
        heartbeat: Heartbeat,
        on_close: Callable[[str | None], None] = lambda over: None,
    ) -> None:
        """Watch the stage of `reader`."""
        self._folder, self._question, self._reader = folder, question, reader
        self._heartbeat, self._on_close = heartbeat, on_close
        self.cluster: Callable[[], dict[str, Any]] = dict
        """Tells the heartbeat `nodes` and `slots`."""
        self.clock = StageClock(folder.path / CLOCK, reader.stage)
        self.meter = Meter(folder, reader.stage)
        self.orders = Orders(folder, self.meter)
        self._kimg_before = reader.read().kimg_done
        self._training: tuple[float, float, list[Limit]] | None = None
        """Seconds of this run, kimg and limits when the first of its trials was seen to train."""
        self._closed = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name=f"watch-{reader.stage}")

    def __enter__(self) -> "StageWatch":
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the last of it down."""
        self._stop.set()
        self._thread.join()
        self._write()

    @property
    def stage(self) -> str:
        """`search`, `confirm` or `ablate`."""
        return self._reader.stage

    def progress(self) -> StageProgress:
        """How the stage stands."""
        return self._reader.read()

    def spent(self) -> Spent:
        """What the stage has cost so far, all its runs together."""
        return Spent(self.clock.seconds / 60, self.meter.held, self._question.resources.price)

    def limits(self) -> list[Limit]:
        """The limits on the stage, and what is used of them."""
        return limits_of(self._question, self.spent()) if self.stage == "search" else []

    def remaining(self, progress: StageProgress) -> Remaining | None:
        """How long the stage will still take, by its speed since trials train: starting up is not drawn out."""
        now, limits = self.clock.session, self.limits()
        if self._training is None:
            if progress.kimg_done <= self._kimg_before:
                return None
            self._training = (now, progress.kimg_done, limits)
        began, kimg, before = self._training
        return remaining(progress, progress.kimg_done - kimg, now - began, before, limits)

    def _watch(self) -> None:
        written = time.monotonic()
        while not self._stop.wait(LOOK_SECONDS):
            try:
                # First what must not fail: a full disk or a torn file may cost the rest, never a limit.
                self._give_orders()
                if time.monotonic() - written >= WRITE_SECONDS:
                    self._write()
                    written = time.monotonic()
            except Exception:
                _log.warning("watching the stage failed once; it is tried again", exc_info=True)

    def _give_orders(self) -> None:
        over = next((limit for limit in self.limits() if limit.over), None)
        if over is not None:
            self.orders.end_all(over.reason)
        if stop_requested(self._folder.path):
            self.orders.wind_up()
        if not self._closed and (over is not None or self.orders.winding_up):
            self._closed = True
            self._on_close(None if self.orders.winding_up or over is None else over.reason)

    def _write(self) -> None:
        try:
            self.clock.tick()
            self.meter.tick()
            left = self.remaining(self.progress())
        except OSError as error:
            _log.warning("%s: the search's spending cannot be written: %s", self._folder.path, error)
            return
        self._heartbeat.note(
            stage=self.stage,
            spent=self.spent().as_json(),
            limits=[asdict(limit) for limit in self.limits()],
            left=None if left is None else asdict(left),
            **self.cluster(),
        )
