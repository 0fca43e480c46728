"""Where user-facing text goes, and what is said when a command is stopped."""

import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import typer
from rich.console import Console, RenderableType

STUDY_PANEL, TRAINED_PANEL, SINGLE_PANEL = "A study", "What was trained", "One configuration, or a space"
BESIDE_PANEL = "Images and machines"
"""Headings of the commands in the help."""
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

WIDE = 130
"""Columns of what is written into files and pipes, and from which on tables show all they have."""

# Rich would break lines at 80 where nobody sees a terminal's edge.
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE)
errors = Console(stderr=True)


@dataclass
class Sigterm:
    """Whether SIGTERM has come."""

    came: bool = False


@contextmanager
def signals_stop() -> Iterator[Sigterm]:
    """While it is entered, Ctrl-C is answered at once, and SIGTERM (`kill`, `ray job stop`) stops as Ctrl-C does."""
    sigterm = Sigterm()

    def stop(number: int, frame: FrameType | None) -> None:
        # What it raises may be another KeyboardInterrupt by the time it has come through Ray.
        sigterm.came = sigterm.came or number == signal.SIGTERM
        console.print("stopping ...", style="dim")
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield sigterm
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say(text: RenderableType, *, markup: bool = True) -> None:
    """Print a sentence: on a terminal its lines break between words, elsewhere it is one line."""
    console.print(text, markup=markup, highlight=False, soft_wrap=not console.is_terminal)


def stopped(terminated: bool = False) -> typer.Exit:
    """Say how to go on after Ctrl-C, SIGTERM or `ignm stop`, and return what ends the command."""
    again = shlex.join(["ignm", *sys.argv[1:]])
    say(f"stopped; nothing measured is lost. Go on with: {again}")
    return typer.Exit(EXIT_TERMINATED if terminated else EXIT_INTERRUPTED)
