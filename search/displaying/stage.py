"""What a person sees while a stage runs: a live table on a terminal, plain lines elsewhere."""

import logging
import threading
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from analysis.quantities import quantity
from ignm.words import clock
from search.running.watch import StageWatch
from search.study.folder import Status
from search.study.progress import StageProgress

_log = logging.getLogger(__name__)

REFRESH_SECONDS = 0.5
PLAIN_SECONDS = 15.0
PATIENCE = 10.0
"""Times what reading took is waited before it is done again."""
STOPPING = "stopping at each trial's next measurement"


class StageDisplay:
    """Shows a stage while it runs, as its watch sees it."""

    def __init__(self, console: Console, watch: StageWatch, metric: str, stages: Sequence[str] = ()) -> None:
        """Show `watch`'s stage, one of a study's `stages`, on `console`."""
        self._console, self._watch, self._metric = console, watch, metric
        known = watch.stage in stages
        self._place = f", stage {stages.index(watch.stage) + 1} of {len(stages)}" if known else ""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_showing, daemon=True, name=f"display-{watch.stage}")
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
        self._console.print(
            self._summary(self._watch.progress()), highlight=False, soft_wrap=not self._console.is_terminal
        )

    def _keep_showing(self) -> None:
        pause = REFRESH_SECONDS
        while not self._stop.wait(pause):
            started = time.monotonic()
            try:
                self._show(self._watch.progress())
            except Exception:
                # A torn file must cost the picture, never the study.
                _log.warning("the display could not be brought up to date", exc_info=True)
            # Thousands of folders are read at leisure.
            pause = max(REFRESH_SECONDS, PATIENCE * (time.monotonic() - started))

    def _show(self, progress: StageProgress) -> None:
        if self._live:
            self._live.update(self._picture(progress))
        else:
            self._plain(progress)

    def _plain(self, progress: StageProgress) -> None:
        watched = self._watch.clock
        due = watched.session - self._plain_at >= PLAIN_SECONDS
        if not due and progress.count_ended == self._announced:
            return
        self._announced, self._plain_at = progress.count_ended, watched.session
        running = ", ".join(
            f"{t.what or t.name.split('-')[1]} at {quantity(t.kimg)}/{t.budget:g} kimg" for t in progress.running
        )
        self._console.print(
            f"{progress.stage} {progress.count_ended}/{progress.total}  running: {running or 'none yet'}  "
            f"{self._best(progress, 'best: ', '  ')}elapsed {clock(watched.seconds)}, {self._left(progress)}"
            f"{self._orders()}",
            highlight=False,
            soft_wrap=not self._console.is_terminal,
        )

    def _picture(self, progress: StageProgress) -> RenderableType:
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_column(no_wrap=True)
        head.add_column(ratio=1)
        head.add_column(justify="right", no_wrap=True)
        head.add_row(
            Text.assemble((f"{progress.stage} {progress.count_ended}/{progress.total}", "bold"), (self._place, "dim")),
            ProgressBar(total=max(progress.kimg_done + progress.kimg_left, 1e-9), completed=progress.kimg_done),
            f"{clock(self._watch.clock.seconds)} elapsed, {self._left(progress)}",
        )
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
        for name, justify in (("running", "left"), ("kimg", "right"), ("", "left"), (self._metric, "right")):
            table.add_column(name, justify=justify, no_wrap=True, ratio=1 if name == "" else None)  # type: ignore[arg-type]
        for trial in progress.running:
            table.add_row(
                trial.what or trial.name,
                f"{trial.kimg:.1f} / {trial.budget:g}",
                ProgressBar(total=trial.budget, completed=trial.kimg),
                f"{trial.quality:.2f}" if trial.quality is not None else "–",
            )
        if not progress.running:
            table.add_row("starting ...", "", "", "")
        best = Text.assemble(
            ("best so far  ", "dim"), (self._best(progress), "bold green"), ("  lower is better", "dim")
        )
        counts = Text(count_text(progress) + self._spending() + self._orders(), style="dim")
        return Group(head, table, *([best] if progress.compares else []), counts)

    def _left(self, progress: StageProgress) -> str:
        left = self._watch.remaining(progress)
        return "? left" if left is None else f"about {clock(left.seconds)} left"

    def _spending(self) -> str:
        return "".join(f"; {limit}" for limit in self._watch.limits())

    def _orders(self) -> str:
        return f"; {STOPPING}" if self._watch.orders.closed else ""

    def _best(self, progress: StageProgress, before: str = "", after: str = "") -> str:
        """The best so far between two words; nothing where trials on several datasets have no best one."""
        if not progress.compares:
            return ""
        if progress.best is None:
            return f"{before}none yet{after}"
        name, quality, kimg = progress.best
        return f"{before}{self._metric} {quality:.2f} ({name}, {quantity(kimg)} kimg){after}"

    def _summary(self, progress: StageProgress) -> Text:
        return Text.assemble(
            (f"{progress.stage}: ", "bold"),
            f"{progress.count_ended} of {progress.total} trials ended ({count_text(progress)}) in ",
            f"{clock(self._watch.clock.seconds)}{self._best(progress, '; best ')}",
        )


def count_text(progress: StageProgress) -> str:
    """How many trials ended how."""
    parts = [
        f"{progress.ended[status]} {str(status).replace('_', ' ')}" for status in Status if status in progress.ended
    ]
    return ", ".join(parts) or "none ended yet"
