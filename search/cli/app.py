"""The `ignm` command: its groups, and how errors end it."""

import logging
import sys
from pathlib import Path
from typing import NoReturn

import typer
from rich.logging import RichHandler

from ignm import __version__
from ignm.errors import IgnmError
from search.cli import checkpoints, clusters, datasets, describing, stopping, studies, training, watching
from search.cli.console import console, errors

EXIT_USER_ERROR = 2

_log = logging.getLogger(__name__)

app = typer.Typer(
    name="ignm",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Find the best face-generating GAN for your images and your budget, and say which change mattered.\n\n"
    "Begin with [bold]ignm run quick[/bold], a whole study of a few minutes. With faces of your own: "
    "[bold]ignm data import FOLDER --name NAME --resolution 32[/bold], a study's file (docs/tutorial.md shows one), "
    "[bold]ignm run FILE[/bold]. Whatever is stopped or killed goes on with the same command.",
    epilog="Each command tells more: [bold]ignm run --help[/bold]. Documentation: README.md and docs/.",
)
# As they are met: bring images, run, watch, take away, look closer.
datasets.register(app)
studies.register(app)
watching.register(app)
stopping.register(app)
checkpoints.register(app)
training.register(app)
describing.register(app)
clusters.register(app)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ignm {__version__}")
        raise typer.Exit


@app.callback()
def options(
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Log what is being done."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Say nothing but errors, and what --json is asked for."),
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Set up what all commands share."""
    console.quiet = quiet
    logging.basicConfig(
        level=logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=errors, show_path=False, show_time=verbose)],
    )


def main() -> None:
    """Run the command line; a problem that the user can mend ends it with a message and no traceback."""
    try:
        app()
    except IgnmError as error:
        _end(str(error))
    except OSError as error:
        # The rest of it is for whoever asks with --verbose.
        _log.info("where it came from", exc_info=True)
        _end(_told(error))


def _end(problem: str) -> NoReturn:
    errors.print(f"[bold red]error:[/bold red] {_escaped(problem)}", highlight=False, soft_wrap=not errors.is_terminal)
    sys.exit(EXIT_USER_ERROR)


def _told(error: OSError) -> str:
    """FILE: reason; of two files, as when one is renamed, the one that was to be."""
    name = error.filename if error.filename2 is None else error.filename2
    reason = error.strerror or str(error) or type(error).__name__
    if isinstance(error, FileExistsError) and isinstance(name, str) and Path(name).is_file():
        reason = "a file, where a folder is needed"
    return reason if name is None else f"{name}: {reason}"


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
