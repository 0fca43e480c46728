"""Where user-facing text goes."""

import shlex
import sys

import typer
from rich.console import Console

EXIT_INTERRUPTED = 130

console = Console()
errors = Console(stderr=True)


def stopped() -> typer.Exit:
    """Say how to go on after Ctrl-C, and return what ends the command."""
    again = shlex.join(["ignm", *sys.argv[1:]])
    console.print(f"stopped; nothing measured is lost. Go on with: {again}", highlight=False, soft_wrap=True)
    return typer.Exit(EXIT_INTERRUPTED)
