"""`ignm train`: one configuration, without a search."""

from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from search.cli import completing
from search.cli.console import SINGLE_PANEL, console, say, signals_stop, stopped


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel=SINGLE_PANEL)(train)


def metric_names(listed: str) -> list[str]:
    """Names of a list that is separated by commas."""
    return [name.strip() for name in listed.split(",") if name.strip()]


def train(
    preset: str = typer.Option(None, help="A preset's name.", autocompletion=completing.presets),
    config: Path = typer.Option(None, help="A config's YAML file."),
    data: str = typer.Option(
        None,
        help="A dataset: NAME, or NAME@RESOLUTION; the config's own, when left out.",
        autocompletion=completing.datasets_at,
    ),
    kimg: float = typer.Option(..., min=0.01, help="Budget in thousands of real images shown to the discriminator."),
    set_: list[str] = typer.Option(
        [],
        "--set",
        metavar="PATH=VALUE",
        help="Change a value of the config; may be repeated.",
        autocompletion=completing.config_assignments,
    ),
    seed: int = typer.Option(0, min=0, help="Of weights, data order and latents."),
    images: int = typer.Option(5_000, min=16, help="Generated images in each measurement."),
    split: str = typer.Option("train", help="The real images to compare with: train, or test where some are held out."),
    metrics: str = typer.Option("", help="What else to measure, as kd,precision,recall; docs/metrics.md lists them."),
    out: Path = typer.Option(..., help="Where checkpoints, measurements and samples go; run again to continue there."),
) -> None:
    """Train one configuration, measure it, keep its checkpoints."""
    import ignm
    from ignm.config import load_config, load_preset, override, parse_assignments
    from ignm.errors import IgnmError
    from ignm.training.device import default_device, describe
    from ignm.training.trainer import DivergedError
    from search.displaying.loading import load_dataset

    if (preset is None) == (config is None):
        raise IgnmError("train: give either --preset NAME or --config FILE")
    changes = parse_assignments(set_)
    chosen = load_preset(preset, changes) if config is None else load_config(config, changes)
    if data is not None:
        chosen = override(chosen, dataset_changes(data, chosen.data.resolution, "data.resolution" in changes))
    evaluation = {"images": images, "split": split, "metrics": metric_names(metrics)}
    dataset = load_dataset(console, chosen.data.name, chosen.data.resolution)
    columns = (TextColumn("{task.completed:.1f}/{task.total:g} kimg"), BarColumn(), TimeRemainingColumn())
    with (
        signals_stop() as sigterm,
        Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task("training", total=kimg)
        bar.console.print(
            f"config {chosen.config_id}, {len(dataset.images)} images, {describe(default_device())}", highlight=False
        )
        try:
            measurements = ignm.train(
                chosen, kimg, out, seed=seed, evaluation=evaluation, dataset=dataset,
                on_progress=lambda at: bar.update(task, completed=at),
            )  # fmt: skip
            for number, each in enumerate(measurements):
                if number == 0:
                    _tell_copied(bar.console, out)
                bar.update(task, completed=each.kimg)
                bar.console.print(
                    f"{each.kimg:8.1f} kimg  {each.metric} {each.quality:.3f}  diversity {each.diversity:.3f}  "
                    f"{each.images_per_second:.0f} images/s{_shown(each.defects)}",
                    highlight=False,
                    soft_wrap=not console.is_terminal,
                )
        except DivergedError as error:
            kept = "; the last good checkpoint is kept" if any(out.glob("checkpoint-*")) else ""
            raise IgnmError(f"{out}: the training diverged: {error}{kept}; try a lower learning rate") from None
        except KeyboardInterrupt:
            raise stopped(sigterm.came) from None
    say(f"samples: {out / 'samples.png'}")


def _shown(defects: tuple[str, ...]) -> str:
    return f"  defects: {', '.join(defects)}" if defects else ""


def _tell_copied(console: Console, out: Path) -> None:
    """Say what share of each network came from the checkpoint that init names, if it names one."""
    from ignm.files import read_json

    path = out / "initialisation.json"
    for name, each in (read_json(path) if path.exists() else {}).items():
        console.print(
            f"{name}: {each['share']:.0%} of {each['total']:,} parameters from init.checkpoint", highlight=False
        )


def dataset_changes(data: str, resolution: int, resolution_was_set: bool) -> dict[str, object]:
    """Turn NAME or NAME@RESOLUTION into config changes; a dataset with one resolution needs none said."""
    from ignm.config.data import parse_dataset
    from ignm.data.store import list_datasets
    from ignm.errors import IgnmError

    if "@" in data:
        try:
            name, resolution = parse_dataset(data)
        except IgnmError as error:
            raise IgnmError(f"--data: {error}, or NAME alone") from None
        return {"data.name": name, "data.resolution": resolution}
    name, here = data, list_datasets().get(data, ())
    if not resolution_was_set and resolution not in here and len(here) == 1:
        resolution = here[0]
    return {"data.name": name, "data.resolution": resolution}
