"""`ignm sample`, `evaluate`, `leak`: what a checkpoint makes, how good it is, whether augmentations show in it."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from search import STUDIES
from search.cli import completing
from search.cli.console import TRAINED_PANEL, console, say

CHECKPOINT = typer.Argument(
    help="A study's best/, a trial's folder, a checkpoint, or the name of a study in studies/, whose winner is meant.",
    show_default=False,
    autocompletion=completing.begun_studies,
)
DATA = typer.Option(
    None,
    help="A dataset: NAME or NAME@RESOLUTION; the checkpoint's own, when left out.",
    autocompletion=completing.datasets_at,
)


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (sample, evaluate, leak):
        app.command(rich_help_panel=TRAINED_PANEL)(command)


def sample(
    checkpoint: Path = CHECKPOINT,
    count: int = typer.Option(None, min=1, help="How many images, or rows.", show_default="64, or 8 rows"),
    seed: int = typer.Option(0, min=0, help="Of the latents."),
    truncation: float = typer.Option(1.0, min=0.0, max=1.0, help="Latents times this; lower: safer, more alike."),
    steps: int = typer.Option(None, min=2, help="Each row goes from one latent to another in so many steps."),
    out: Path = typer.Option(Path("samples.png"), help="Where the grid goes."),
) -> None:
    """Write a grid of samples, or of the ways between pairs of them."""
    from ignm.training.generators import open_generator
    from ignm.training.samples import grid, save_picture

    opened = open_generator(_place(checkpoint))
    if steps is None:
        images = opened.sample(count or 64, seed, truncation)
        told = f"{len(images)} samples"
    else:
        rows = opened.interpolate(count or 8, steps, seed, truncation)
        images, told = rows.reshape(-1, *rows.shape[2:]), f"{len(rows)} rows of {steps} steps"
    save_picture(grid(images, steps), out)
    cut = f", truncation {truncation:g}" if truncation < 1 else ""
    say(f"{out}: {told}, seed {seed}{cut}")


def evaluate(
    checkpoint: Path = CHECKPOINT,
    data: str = DATA,
    images: int = typer.Option(None, help="Generated images.", show_default="as it was measured before"),
    extractor: str = typer.Option(None, help="Whose features are compared.", show_default="as it was measured before"),
    seed: int = typer.Option(None, help="Of the latents.", show_default="as it was measured before"),
    split: str = typer.Option(None, help="Real images: train or test.", show_default="as it was measured before"),
    metrics: str = typer.Option(None, help="More metrics, as kd,precision,recall.", show_default="as before"),
    as_json: bool = typer.Option(False, "--json", help="The numbers as JSON, for programs."),
) -> None:
    """Measure a checkpoint against a dataset; without options, just as its study or training did."""
    from ignm.training.generators import open_generator
    from search.cli.training import metric_names
    from search.displaying.loading import load_dataset

    opened = open_generator(_place(checkpoint))
    name, resolution = _dataset_of(opened.config, data)
    names = None if metrics is None else metric_names(metrics)
    given = {"images": images, "extractor": extractor, "seed": seed, "split": split, "metrics": names}
    changes = {key: value for key, value in given.items() if value is not None}
    dataset = load_dataset(console, name, resolution)
    with console.status("measuring"):
        score = opened.evaluate(dataset, **changes)
    if as_json:
        error = score.quality_error if math.isfinite(score.quality_error) else None
        told = {**asdict(score), "quality_error": error, "metrics": score.columns, "defects": opened.defects}
        typer.echo(json.dumps(told, indent=2))
        return
    say(
        f"{score.metric} {_with_error(score.quality, score.quality_error)}, diversity {score.diversity:.4f} "
        f"({score.count} images, reference {score.reference_id})",
    )
    for column, each in score.metrics.items():
        say(f"{column} {_with_error(each.value, each.error)}")
    for defect in opened.defects:
        say(f"defect in training at that point: {defect}")


def leak(
    checkpoint: Path = CHECKPOINT,
    data: str = DATA,
    images: int = typer.Option(1000, min=64, help="Generated images."),
    seed: int = typer.Option(0, min=0, help="Of the latents."),
) -> None:
    """Estimate the share of a checkpoint's images that look augmented, by each transformation."""
    from rich.table import Table

    from ignm.training.generators import open_generator
    from search.displaying.loading import load_dataset

    opened = open_generator(_place(checkpoint))
    dataset = load_dataset(console, *_dataset_of(opened.config, data))
    with console.status("looking for augmentations"):
        found = opened.leaks(dataset, images, seed)
    table = Table("transformation", "share", "standard error", box=None, padding=(0, 2, 0, 0))
    for name, each in found.items():
        known = not math.isnan(each.share)
        table.add_row(name, *((f"{each.share:.2f}", f"{each.error:.2f}") if known else ("not to be told", "")))
    console.print(table)


def _place(checkpoint: Path) -> Path:
    """What was given, or the study of that name, where there is no such folder here."""
    study = Path(STUDIES) / checkpoint
    return study if not checkpoint.exists() and study.exists() else checkpoint


def _with_error(value: float, error: float) -> str:
    """A value and its standard error, with digits that the error leaves meaning to."""
    if not math.isfinite(error):
        return f"{value:.4f}"
    digits = 4 if error <= 0 else max(4, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _dataset_of(config: Any, data: str | None) -> tuple[str, int]:
    """Name and resolution of the dataset that is asked for, or else of the config's own."""
    from search.cli.training import dataset_changes

    if data is None:
        return config.data.name, config.data.resolution
    changes = dataset_changes(data, config.data.resolution, resolution_was_set=False)
    return str(changes["data.name"]), int(str(changes["data.resolution"]))
