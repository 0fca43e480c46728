"""The command line: `ignm`."""

from search.cli.app import main

__all__ = ["main"]
