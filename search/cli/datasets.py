"""`ignm data`: bring images in, list them, look at them, check them."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.filesize import decimal
from rich.progress import Progress, TextColumn
from rich.table import Table

from search.cli import completing
from search.cli.console import BESIDE_PANEL, EXIT_INTERRUPTED, console, errors, say

if TYPE_CHECKING:
    from ignm.data.importing import ImportReport

NAME = typer.Argument(help="A dataset.", autocompletion=completing.datasets)
RESOLUTION = typer.Option(None, help="Its resolution.", show_default="the one that there is")
FEW = 2000
"""Images from which on a discriminator does not learn all of them by heart at once (docs/results/augmentation.md)."""
SHOWN_SKIPS = 20
EXIT_DIFFERENT = 1
SECONDS_BETWEEN_LINES = 10.0

data = typer.Typer(no_args_is_help=True, help="Bring images in, list them, look at them, check them.")


def register(app: typer.Typer) -> None:
    """Add the group to the application."""
    app.add_typer(data, name="data", rich_help_panel=BESIDE_PANEL)


# The commands import what they run when they run: torch and Ray take seconds, and `ignm --help` must not.


@data.command("import")
def import_(
    source: str = typer.Argument(
        help="A folder, a zip, parquet files or a URI; celeba:DIR, ffhq:DIR, lsun:DIR as published."
    ),
    name: str = typer.Option(..., help="What the dataset is called from now on."),
    resolution: int = typer.Option(..., help="Images become this many pixels square: 16, 32, 64, 128 or 256."),
    channels: int = typer.Option(None, help="1 for grey, 3 for colour; grey if all images are grey, when left out."),
    test_share: float = typer.Option(None, help="Share held out, by name; the source's own partition, when left out."),
    min_sharpness: float = typer.Option(None, help="Leave out images less sharp."),
    min_contrast: float = typer.Option(None, help="Leave out images of less contrast."),
    max_clipped: float = typer.Option(None, help="Leave out images with a larger share of black or white pixels."),
    drop_duplicates: int = typer.Option(
        None, metavar="BITS", help="Leave out near duplicates, whose hashes differ in at most so many bits of 64."
    ),
    licence: str = typer.Option(
        None, help="What the images may be used for, in words; it stands on the cards of models trained on them."
    ),
    overwrite: bool = typer.Option(False, help="Replace a dataset of this name and resolution."),
) -> None:
    """Decode images once into an array that all trials share; stopped or killed, the same command goes on."""
    from ignm.data.importing import import_dataset

    selection = {
        "min_sharpness": min_sharpness,
        "min_contrast": min_contrast,
        "max_clipped": max_clipped,
        "duplicate_distance": drop_duplicates,
    }
    filters, settings = _quality({key: value for key, value in selection.items() if value is not None})
    try:
        with _progress(f"importing {Path(source).name}") as progress:
            report = import_dataset(
                source,
                name,
                resolution,
                channels=channels,
                test_share=test_share,
                filters=filters,
                filter_settings=settings,
                licence=licence,
                overwrite=overwrite,
                progress=progress,
                tell=_tell,
            )
    except KeyboardInterrupt:
        _tell("stopped; what is done is kept, and the same command goes on from there")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    _print_report(name, resolution, report)


def _quality(wanted: dict[str, Any]) -> tuple[tuple[Callable[[Any], str | None], ...], dict[str, Any]]:
    if not wanted:
        return (), {}
    from dataclasses import asdict

    from ignm.data.quality import QualitySettings, quality_filters

    settings = QualitySettings(**wanted)
    return tuple(quality_filters(settings)), asdict(settings)


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what shows how far something is: a bar on a terminal, now and then a line elsewhere."""
    from search.displaying.loading import COLUMNS

    live = console.is_terminal
    started = told = time.monotonic()
    first: int | None = None
    with Progress(
        *COLUMNS, TextColumn("{task.fields[rate]}"), console=console, transient=True, disable=not live
    ) as bar:
        task = bar.add_task(title, total=None, rate="")

        def show(done: int, total: int) -> None:
            nonlocal first, told
            now = time.monotonic()
            first = done if first is None else first
            rate = f"{(done - first) / max(now - started, 1e-3):,.0f} images/s"
            bar.update(task, completed=done, total=total, rate=rate)
            if not live and now - told >= SECONDS_BETWEEN_LINES:
                told = now
                _tell(f"{title}: {done:,} of {total:,} ({rate})")

        yield show


def _tell(sentence: str) -> None:
    say(sentence, markup=False)


def _print_report(name: str, resolution: int, report: "ImportReport") -> None:
    for skipped in report.skipped[:SHOWN_SKIPS]:
        errors.print(
            f"skipped {skipped.name}: {skipped.reason}", markup=False, highlight=False, soft_wrap=not errors.is_terminal
        )
    if len(report.skipped) > SHOWN_SKIPS:
        rest = len(report.skipped) - SHOWN_SKIPS
        errors.print(
            f"... and {rest} more; all are listed in {report.path / 'dataset.json'}", soft_wrap=not errors.is_terminal
        )
    for warning in report.warnings:
        errors.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=not errors.is_terminal)
    for reason, count in sorted(report.left_out.items(), key=lambda item: -item[1]):
        _tell(f"left out {count}: {reason}")
    colour = "grey" if report.channels == 1 else "colour"
    held = f", {report.test} of them held out" if report.test else ""
    skips = f", {len(report.skipped)} skipped" if report.skipped else ""
    _tell(
        f"{report.count} {colour} images as '{name}' at {resolution}x{resolution}{held}{skips}"
        f" ({report.images_per_second:.0f} images/s, fingerprint {report.fingerprint})"
    )
    if report.count < FEW:
        _tell(f"{report.count} images are few: augmentation is the remedy (docs/data.md)")
    _tell(f"next: look at them, ignm data show {name} --resolution {resolution}; then a study's file: docs/tutorial.md")


@data.command("list")
def list_(as_json: bool = typer.Option(False, "--json", help="The same as JSON, for programs.")) -> None:
    """List the datasets that are here."""
    from ignm.data.cache import data_root
    from ignm.data.store import interrupted_imports, list_datasets

    here = [_described(name, size) for name, sizes in list_datasets().items() for size in sizes]
    if as_json:
        typer.echo(json.dumps(here, indent=2))
        return
    columns = ("name", "resolution", "images", "channels", "held_out", "labels", "fingerprint", "bytes")
    table = Table(box=None, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column.replace("_", " "), no_wrap=column != "name", overflow="fold")
    for each in here:
        shown = {**each, "bytes": decimal(each["bytes"])} if "bytes" in each else {**each, "images": "damaged"}
        table.add_row(*(str(shown.get(column, "")) for column in columns))
    console.print(table)
    for name, resolution in interrupted_imports():
        folder = data_root() / name
        _tell(
            f"'{name}' at {resolution}: an import is on its way or was cut short; it goes on when run again ({folder})"
        )
    console.print("'embedded' needs no import: it is drawn when first used.", style="dim")


def _resolution(name: str, given: int | None) -> int:
    """The resolution that was given, or the only one that there is."""
    from ignm.data.store import list_datasets
    from ignm.errors import IgnmError

    here = list_datasets().get(name, ())
    if given is not None or len(here) == 1:
        return given or here[0]
    if here:
        raise IgnmError(f"'{name}' is here at {', '.join(map(str, here))}. Say which with --resolution.")
    raise IgnmError(f"'{name}' is not here. `ignm data list` shows what is; say --resolution for one to be drawn.")


def _described(name: str, resolution: int) -> dict[str, Any]:
    """What is known of a dataset; its name and resolution alone where it is damaged."""
    from ignm.data.cache import DamagedDatasetError, data_root, read_dataset

    path = data_root() / name / str(resolution)
    known: dict[str, Any] = {"name": name, "resolution": resolution}
    try:
        dataset = read_dataset(path)
    except DamagedDatasetError:
        return {**known, "damaged": True}
    return {
        **known,
        "images": len(dataset),
        "channels": dataset.channels,
        "held_out": len(dataset.test_images),
        "labels": len(dataset.class_names) + len(dataset.continuous_names),
        "fingerprint": dataset.fingerprint,
        "bytes": sum(file.stat().st_size for file in path.iterdir()),
        "licence": dataset.licence,
    }


@data.command()
def show(
    name: str = NAME,
    resolution: int = RESOLUTION,
    split: Literal["train", "test"] = typer.Option("train", help="The images to train on, or those held out."),
    out: Path = typer.Option(Path("dataset.png"), help="Where the grid goes."),
    count: int = typer.Option(96, min=1, help="How many images."),
) -> None:
    """Write a grid of a dataset's images."""
    from ignm.errors import IgnmError
    from ignm.training.samples import grid, save_picture
    from search.displaying.loading import load_dataset

    resolution = _resolution(name, resolution)
    dataset = load_dataset(console, name, resolution)
    images = dataset.test_images if split == "test" else dataset.images
    if not len(images):
        raise IgnmError(
            f"'{name}' at {resolution} holds no image out. Import it with --test-share 0.1 to hold some out."
        )
    step = max(1, len(images) // count)
    save_picture(grid(images[::step][:count], columns=12), out)
    console.print(f"{out}: {min(count, len(images))} of {len(images)} images of '{name}' ({split})")


@data.command()
def verify(
    name: str = NAME,
    resolution: int = RESOLUTION,
) -> None:
    """Check that a dataset's pixels, labels and split are still those that were imported."""
    from ignm.data.cache import DamagedDatasetError
    from ignm.data.verifying import verify_dataset

    resolution = _resolution(name, resolution)
    try:
        with _progress(f"verifying {name}") as progress:
            found = verify_dataset(name, resolution, progress=progress)
    except DamagedDatasetError as error:
        errors.print(str(error), markup=False, highlight=False, soft_wrap=not errors.is_terminal)
        raise typer.Exit(EXIT_DIFFERENT) from None
    description = found.description
    if found.unchecked:
        _tell(
            f"'{name}' at {resolution}: {description.count} images of the right shape; not checked: {found.unchecked}"
        )
    else:
        _tell(
            f"'{name}' at {resolution}: {description.count} images as imported (fingerprint {description.fingerprint})"
        )


@data.command()
def pool(
    name: str = NAME,
    resolution: int = RESOLUTION,
    set_: list[str] = typer.Option(
        [], "--set", metavar="PATH=VALUE", help="A value under data.synthetic; may be repeated."
    ),
    out: Path = typer.Option(Path("pool.png"), help="Where the grid goes: originals, each with what was made of it."),
    count: int = typer.Option(48, min=1, help="How many images in the grid."),
) -> None:
    """Make a pool of synthetic images ahead of the trials that use it, and write a grid of it."""
    from PIL import Image

    from ignm.config import Config, override, parse_assignments
    from ignm.synthetic.pictures import pair_grid
    from ignm.synthetic.pool import open_pool
    from ignm.training.samples import save_picture
    from search.displaying.loading import load_dataset

    resolution = _resolution(name, resolution)
    # The fraction is a trial's; anything above 0 has the rest checked.
    changes = {"data.synthetic.fraction": 1.0, **parse_assignments(set_)}
    config = override(Config(), {**changes, "data.name": name, "data.resolution": resolution})
    dataset = load_dataset(console, name, resolution)
    with _progress(f"making {config.data.synthetic.count} images") as progress:
        made = open_pool(config.data.synthetic, dataset, dataset.path.parent.parent, progress)
    save_picture(Image.fromarray(pair_grid(dataset, made, count)), out)
    _tell(f"{out}: {len(made)} synthetic images for '{name}' at {resolution} (fingerprint {made.fingerprint})")
