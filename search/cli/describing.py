"""`ignm describe`: what a space varies, or what a configuration is, before anything is run."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from ignm.words import count
from search.cli import completing
from search.cli.console import SINGLE_PANEL, WIDE, console

if TYPE_CHECKING:
    from ignm.config import Config
    from spaces.space import Space

COUNTED = 10**6
"""Numbers of combinations from here on are told as powers of ten."""

NAME = typer.Argument(
    help="A preset, a space, or the YAML file of a config or of a space.",
    show_default=False,
    autocompletion=completing.describable,
)
SET = typer.Option(
    [],
    "--set",
    metavar="PATH=VALUE",
    help="Change a value of the config; may be repeated.",
    autocompletion=completing.config_assignments,
)
PRESET = typer.Option(
    "dcgan",
    help="What a space is described on top of: its conditions depend on it.",
    autocompletion=completing.presets,
)


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(rich_help_panel=SINGLE_PANEL)(describe)


def describe(name: str = NAME, set_: list[str] = SET, preset: str = PRESET) -> None:
    """Show the axes of a space, or the networks of a configuration."""
    from ignm.config import load_config, load_preset, parse_assignments
    from spaces.reading import load_space

    changes = parse_assignments(set_)
    if _kind(name) == "space":
        base = load_preset(preset, changes)
        describe_space(load_space(name, base), base)
        return
    from search.cli.describing_model import describe_model

    describe_model(console, load_config(Path(name), changes) if _is_file(name) else load_preset(name, changes))


def describe_space(space: "Space", base: "Config") -> None:
    """Print a space's size and axes, as `base` lets them be; those that do not exist on top of it are dimmed."""
    from spaces.size import size_of
    from spaces.strategies import STRATEGIES

    possible = {axis.path: axis for axis in space.possible(base).axes}
    size = size_of(space, base)
    counts = {strategy: sum(axis.strategy == strategy for axis in space.axes) for strategy in STRATEGIES}
    told = f": {escape(space.description)}" if space.description else ""
    console.print(f"space [bold]{escape(space.name)}[/bold]{told}", highlight=False)
    parts = ", ".join(f"{strategy} {number}" for strategy, number in counts.items() if number)
    left_out = len(space.axes) - len(possible)
    note = f"; {left_out} of them do not exist on this base" if left_out else ""
    console.print(f"{count(len(space.axes), 'axis', 'axes')}: {parts}{note}", highlight=False)
    console.print(
        f"{_count(size.combinations)} discrete {'combination' if size.combinations == 1 else 'combinations'}, "
        f"{count(size.continuous, 'continuous dimension')}",
        highlight=False,
    )
    sourced = console.width >= WIDE
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("axis", "strategy", "values", "exists with", *(("source",) if sourced else ())):
        table.add_column(heading, no_wrap=heading in ("axis", "strategy"), overflow="fold")
    for axis in space.axes:
        domain = possible.get(axis.path, axis).domain
        cells = [axis.path, axis.strategy, domain.describe(), axis.describe_condition()]
        cells += [axis.source] if sourced else []
        table.add_row(*map(escape, cells), style=None if axis.path in possible else "dim")
    console.print(table)
    if not sourced:
        console.print(f"sources are in docs/reference.md, and here from {WIDE} columns on", style="dim")


def _kind(name: str) -> str:
    """`space` or `config`; raises IgnmError for a name that is neither."""
    from ignm.config import nearest, preset_names, read_yaml
    from ignm.errors import IgnmError
    from spaces.reading import space_names

    if _is_file(name):
        keys: dict[str, Any] = read_yaml(Path(name))
        if {"budget", "question"} & keys.keys():
            raise IgnmError(f"{name}: is a study; describe its space, or its preset")
        return "space" if {"axes", "include"} & keys.keys() else "config"
    presets, spaces = preset_names(), space_names()
    if name not in (*presets, *spaces):
        raise IgnmError(
            f"describe {name}: neither a preset nor a space{nearest(name, [*presets, *spaces])}; presets: "
            f"{', '.join(presets)}; spaces: {', '.join(spaces)}; or give a .yaml file"
        )
    return "space" if name in spaces else "config"


def _is_file(name: str) -> bool:
    return name.endswith((".yaml", ".yml"))


def _count(number: int) -> str:
    if number < COUNTED:
        return f"{number:,}"
    mantissa, _, exponent = f"{number:.1e}".partition("e+")
    return f"{mantissa} x 10^{int(exponent)}"
