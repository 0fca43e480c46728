"""What a person sees while a stage runs: a live table on a terminal, plain lines elsewhere."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.study.clock import StageClock
from search.study.folder import Status
from search.study.progress import ProgressReader, StageProgress

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.5
PLAIN_SECONDS = 15.0


class StageDisplay:
    """Shows a stage while it runs and keeps its clock; `on_time_over` is called once when its minutes are used up."""

    def __init__(
        self,
        console: Console,
        reader: ProgressReader,
        clock: StageClock,
        metric: str,
        minutes: float | None = None,
        on_time_over: Callable[[], None] = lambda: None,
    ) -> None:
        """Show `reader`'s stage on `console`."""
        self._console, self._reader, self._clock, self._metric = console, reader, clock, metric
        self._minutes, self._on_time_over = minutes, on_time_over
        self._kimg_before = reader.read().kimg_done
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name=f"display-{reader.stage}")
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self._announced = 0
        self._plain_at = 0.0

    def __enter__(self) -> "StageDisplay":
        """Begin to show."""
        if self._live:
            self._live.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop showing, and leave one line of what came of it."""
        self._stop.set()
        self._thread.join()
        if self._live:
            self._live.stop()
        self._clock.tick()
        progress = self._reader.read()
        self._console.print(self._summary(progress), highlight=False, soft_wrap=True)

    def _watch(self) -> None:
        over = False
        while not self._stop.wait(REFRESH_SECONDS):
            if self._minutes is not None and self._clock.seconds > self._minutes * 60 and not over:
                over = True
                self._on_time_over()
            try:
                self._clock.tick()
                self._show(self._reader.read())
            except Exception:
                # A full disk or a torn file must cost the picture, never the time limit or the study.
                _log.warning("the display could not be brought up to date", exc_info=True)

    def _show(self, progress: StageProgress) -> None:
        if self._live:
            self._live.update(self._picture(progress))
        else:
            self._plain(progress)

    def _plain(self, progress: StageProgress) -> None:
        due = self._clock.session - self._plain_at >= PLAIN_SECONDS
        if not due and progress.count_ended == self._announced:
            return
        self._announced, self._plain_at = progress.count_ended, self._clock.session
        running = ", ".join(f"{t.name.split('-')[1]} at {t.kimg:.0f}/{t.budget:g} kimg" for t in progress.running)
        left = self.seconds_left(progress)
        self._console.print(
            f"{progress.stage} {progress.count_ended}/{progress.total}  running: {running or 'none yet'}  "
            f"best: {self._best(progress)}  elapsed {_clock_text(self._clock.seconds)}"
            f", {_about(left)} left",
            highlight=False,
            soft_wrap=True,
        )

    def seconds_left(self, progress: StageProgress) -> float | None:
        """An estimate from the speed of this run so far; None while nothing is known."""
        gained = progress.kimg_done - self._kimg_before
        by_speed = progress.kimg_left / gained * self._clock.session if gained > 0 else None
        if self._minutes is None:
            return by_speed
        by_limit = max(0.0, self._minutes * 60 - self._clock.seconds)
        return by_limit if by_speed is None else min(by_speed, by_limit)

    def _picture(self, progress: StageProgress) -> RenderableType:
        left = self.seconds_left(progress)
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(justify="right", no_wrap=True)
        head.add_row(
            Text(f"{progress.stage} {progress.count_ended}/{progress.total}", style="bold"),
            ProgressBar(total=max(progress.kimg_done + progress.kimg_left, 1e-9), completed=progress.kimg_done),
            f"{_clock_text(self._clock.seconds)} elapsed, {_about(left)} left",
        )
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
        for name, justify in (("running", "left"), ("kimg", "right"), ("", "left"), (self._metric, "right")):
            table.add_column(name, justify=justify, no_wrap=True, ratio=1 if name == "" else None)  # type: ignore[arg-type]
        for trial in progress.running:
            table.add_row(
                trial.name,
                f"{trial.kimg:.1f} / {trial.budget:g}",
                ProgressBar(total=trial.budget, completed=trial.kimg),
                f"{trial.quality:.2f}" if trial.quality is not None else "–",
            )
        if not progress.running:
            table.add_row("starting ...", "", "", "")
        best = Text.assemble(("best so far  ", "dim"), (self._best(progress), "bold green"))
        return Group(head, table, best, Text(_counts(progress), style="dim"))

    def _best(self, progress: StageProgress) -> str:
        if progress.best is None:
            return "none yet"
        name, quality, kimg = progress.best
        return f"{self._metric} {quality:.2f} ({name}, {kimg:.0f} kimg)"

    def _summary(self, progress: StageProgress) -> Text:
        return Text.assemble(
            (f"{progress.stage}: ", "bold"),
            f"{progress.count_ended} of {progress.total} trials ended ({_counts(progress)}) in ",
            f"{_clock_text(self._clock.seconds)}; best {self._best(progress)}",
        )


def _counts(progress: StageProgress) -> str:
    parts = [
        f"{progress.ended[status]} {str(status).replace('_', ' ')}" for status in Status if status in progress.ended
    ]
    return ", ".join(parts) or "none ended yet"


def _about(seconds: float | None) -> str:
    return "?" if seconds is None else f"about {_clock_text(seconds)}"


def _clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
