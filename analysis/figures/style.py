"""How all figures look: colours, sizes, scales; quiet, and told apart without colour too."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from analysis.formatting import axis_value

INK, RULE, PAPER, GREY = "#1f2933", "#d5dbe1", "#ffffff", "#97a3b0"
PALETTE = sns.color_palette("colorblind").as_hex()
BEST = PALETTE[1]
ARM_COLOURS = (PALETTE[0], PALETTE[2], PALETTE[4], PALETTE[5], PALETTE[9], GREY)
STATUS_COLOURS = {
    "completed": PALETTE[0], "running": PALETTE[9], "pruned": GREY,
    "diverged": PALETTE[3], "out_of_memory": PALETTE[4], "failed": INK,
}  # fmt: skip
STATUS_MARKERS = {"diverged": "X", "out_of_memory": "s", "failed": "P", "pruned": "v", "running": ">"}

WIDE, PANEL = (4.4, 3.2), (3.6, 2.7)
LOG_RATIO = 10.0
"""What is measured is drawn on a logarithmic scale where it spans so much; of parameters: `results.LOG_RANGE`."""
MANY = 300
MOST_CHOICES = 10

_STYLE: dict[str, Any] = {
    **sns.axes_style("ticks"), "axes.edgecolor": GREY, "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.grid": True, "grid.color": RULE, "grid.linewidth": 0.6, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False, "axes.facecolor": "none", "figure.facecolor": PAPER,
    "font.size": 9.5, "axes.labelsize": 9.5, "legend.fontsize": 8.5, "legend.frameon": False,
    "xtick.labelsize": 8.5, "ytick.labelsize": 8.5, "text.parse_math": False, "font.family": ["DejaVu Sans"],
    "svg.fonttype": "none", "svg.hashsalt": "ignm", "savefig.facecolor": PAPER,
}  # fmt: skip

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def style() -> Iterator[None]:
    """Draw and save with the figures' own settings, whatever the caller's are."""
    with mpl.rc_context(_STYLE):
        yield


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Make a drawing function use the figures' settings."""

    @functools.wraps(draw)
    def within(*args: P.args, **kwargs: P.kwargs) -> T:
        with style():
            return draw(*args, **kwargs)

    return within


def canvas(size: tuple[float, float]) -> tuple[Figure, Any]:
    """Return a figure of this size in inches, and its axes."""
    figure = blank(size)
    return figure, figure.subplots()


def blank(size: tuple[float, float]) -> Figure:
    """Return a figure of this size in inches, without axes."""
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def scale_quality(axes: Any, values: "pd.Series[float]") -> None:
    """Give quality a logarithmic scale where it spans a decade or more."""
    low, high = values.min(), values.max()
    if low > 0 and high / low >= LOG_RATIO:
        axes.set_yscale("log")
        log_ticks(axes.yaxis, low, high)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def choices_in_order(values: "pd.Series[Any]") -> list[str]:
    """Return the choices that were taken, numbers by size, before words by the alphabet; None is not among them."""
    taken = values.dropna().unique()
    return list(dict.fromkeys(axis_value(value) for value in sorted(taken, key=_rank)))


def _rank(value: Any) -> tuple[bool, float, str]:
    number = isinstance(value, int | float)
    return not number, float(value) if number else 0.0, axis_value(value)


def log_ticks(axis: Any, low: float, high: float) -> None:
    """Label a logarithmic axis with plain numbers."""
    # The default labels are written as mathematics, which user text must not be parsed as.
    span = high / low
    # Across, there is less room for numbers than upwards.
    between: tuple[float, ...] = (1, 3) if axis.axis_name == "x" and span > 10 else (1, 2, 5)
    if span < 4:
        between = (1, 1.5, 2, 3, 4, 6)
    axis.set_major_locator(LogLocator(subs=between if span < 100 else (1,), numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if 1 <= value < 1e6 else f"{value:.3g}"))
    axis.set_minor_formatter(NullFormatter())


def clip(text: str, longest: int = 18) -> str:
    """Shorten a text for a tick."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def legend(axes: Any) -> None:
    """Put the legend above the figure, where it hides nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if axes.get_legend() is not None:
        axes.get_legend().remove()
    axes.figure.legend(handles, labels, loc="outside upper left", ncols=3, handletextpad=0.3, columnspacing=1.2)
