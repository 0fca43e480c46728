"""`ignm describe` of a config: its networks, layer by layer."""

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from ignm.config import Config
    from ignm.models.description import NetworkDescription
    from ignm.models.shape import DataShape


def describe_model(console: Console, config: "Config") -> None:
    """Print both networks' layers for one image, and what a batch of training keeps."""
    from ignm.models.description import describe_config

    shape, note = _shape(config)
    described = describe_config(config, shape)
    for name, network in described.items():
        _print_layers(console, name, network)
    batch = config.optim.batch
    table = Table("", "parameters", "multiply-adds", "activations of a batch", box=None, padding=(0, 2, 0, 0))
    for name, network in described.items():
        megabytes = network.activation_bytes * batch / 2**20
        table.add_row(
            name,
            f"{network.parameters:,}",
            _millions(network.multiply_adds),
            f"{megabytes:,.0f} MiB in fp32, half in bf16",
        )
    console.print(table)
    size = f"{config.data.resolution}x{config.data.resolution}"
    console.print(
        f"config {config.config_id}, {shape.channels}-channel images of {size}, "
        f"batch {batch}{_labels(config, shape)}{note}",
        highlight=False,
        soft_wrap=not console.is_terminal,
    )


def _shape(config: "Config") -> tuple["DataShape", str]:
    """What the config's dataset makes of its networks; colour images where it is not here and no labels are asked."""
    from ignm.data import faces
    from ignm.data.store import EMBEDDED, list_datasets, open_dataset
    from ignm.models.shape import DataShape, shape_of

    name, resolution = config.data.name, config.data.resolution
    if name == EMBEDDED and config.data.labels is None:
        # Known without drawing them.
        counts = tuple(len(names) for names in faces.CLASS_NAMES.values()) if config.uses_labels else ()
        return DataShape(3, counts, len(faces.CONTINUOUS_NAMES) if config.uses_labels else 0), ""
    if resolution not in list_datasets().get(name, ()) and name != EMBEDDED and not config.uses_labels:
        return DataShape(3), f"; {name} at {resolution} is not here: colour images are assumed"
    return shape_of(config, open_dataset(name, resolution)), ""


def _print_layers(console: Console, name: str, network: "NetworkDescription") -> None:
    table = Table(title=name, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("layer", no_wrap=True)
    table.add_column("kind", overflow="fold")
    for heading in ("output", "parameters", "multiply-adds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for layer in network.layers:
        table.add_row(
            layer.name,
            layer.kind,
            "x".join(map(str, layer.output)),
            f"{layer.parameters:,}" if layer.parameters else "",
            _millions(layer.multiply_adds) if layer.multiply_adds else "",
        )
    console.print(table)
    console.print()


def _millions(count: int) -> str:
    return f"{count / 1e6:,.2f} M"


def _labels(config: "Config", shape: "DataShape") -> str:
    if not config.uses_labels:
        return ""
    classes = ", ".join(map(str, shape.classes)) or "none"
    return f"; labels: class attributes of {classes} classes, {shape.continuous} continuous"
