"""Where user-facing text goes."""

from rich.console import Console

console = Console()
errors = Console(stderr=True)
