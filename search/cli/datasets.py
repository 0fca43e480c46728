"""`ignm data`: bring images in, list them, look at them."""

from pathlib import Path

import typer
from rich.progress import Progress
from rich.table import Table

from search.cli.console import console, errors

SHOWN_SKIPS = 20

app = typer.Typer(no_args_is_help=True, help="Bring images in, list them, look at them.")

# The commands import what they run when they run: torch and Ray take seconds, and `ignm --help` must not.


@app.command("import")
def import_(
    source: str = typer.Argument(help="A folder or a zip of images; labels.csv inside it is read too."),
    name: str = typer.Option(..., help="What the dataset is called from now on."),
    resolution: int = typer.Option(..., help="Images become this many pixels square: 16, 32, 64, 128 or 256."),
    channels: int = typer.Option(None, help="1 for grey, 3 for colour; grey if all images are grey, when left out."),
    overwrite: bool = typer.Option(False, help="Replace a dataset of this name and resolution."),
) -> None:
    """Decode images once into an array that all trials share."""
    from ignm.data.importing import import_dataset
    from search.loading import COLUMNS

    with Progress(*COLUMNS, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"importing {Path(source).name}", total=None)
        report = import_dataset(
            source,
            name,
            resolution,
            channels=channels,
            overwrite=overwrite,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for skipped in report.skipped[:SHOWN_SKIPS]:
        errors.print(f"skipped {skipped.name}: {skipped.reason}", markup=False, highlight=False, soft_wrap=True)
    if len(report.skipped) > SHOWN_SKIPS:
        rest = len(report.skipped) - SHOWN_SKIPS
        errors.print(f"... and {rest} more; all are listed in {report.path / 'dataset.json'}", soft_wrap=True)
    for warning in report.warnings:
        errors.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=True)
    colour = "grey" if report.channels == 1 else "colour"
    console.print(
        f"{report.count} {colour} images as '{name}' at {resolution}x{resolution}"
        f"{f', {len(report.skipped)} skipped' if report.skipped else ''}"
        f" ({report.images_per_second:.0f} images/s, fingerprint {report.fingerprint})",
        highlight=False,
        soft_wrap=True,
    )


@app.command("list")
def list_() -> None:
    """List the datasets that are here."""
    from ignm.data.store import list_datasets, open_dataset

    table = Table("name", "resolution", "images", "channels", "fingerprint", box=None, padding=(0, 2, 0, 0))
    for name, resolutions in list_datasets().items():
        for resolution in resolutions:
            dataset = open_dataset(name, resolution)
            table.add_row(name, str(resolution), str(len(dataset)), str(dataset.channels), dataset.fingerprint)
    console.print(table)
    console.print("'embedded' needs no import: it is drawn when first used.", style="dim")


@app.command()
def show(
    name: str = typer.Argument(help="A dataset."),
    resolution: int = typer.Option(..., help="Its resolution."),
    out: Path = typer.Option(Path("dataset.png"), help="Where the grid goes."),
    count: int = typer.Option(96, min=1, help="How many images."),
) -> None:
    """Write a grid of a dataset's images."""
    from ignm.training.samples import grid, save_picture
    from search.loading import load_dataset

    dataset = load_dataset(console, name, resolution)
    step = max(1, len(dataset.images) // count)
    save_picture(grid(dataset.images[::step][:count], columns=12), out)
    console.print(f"{out}: {min(count, len(dataset.images))} of {len(dataset.images)} images of '{name}'")
