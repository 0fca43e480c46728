"""The report's figures: pure functions from tables to matplotlib figures; None where there is nothing to draw."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from analysis.formatting import ABSENT, axis_value, duration, mean_sd, status_words
from analysis.results import LOST, STATUSES, Axis

INK, RULE, PAPER, GREY = "#1f2933", "#d5dbe1", "#ffffff", "#97a3b0"
PALETTE = sns.color_palette("colorblind").as_hex()
BEST = PALETTE[1]
STATUS_COLOURS = {
    "completed": PALETTE[0], "running": PALETTE[9], "pruned": GREY,
    "diverged": PALETTE[3], "out_of_memory": PALETTE[4], "failed": INK,
}  # fmt: skip
STATUS_MARKERS = {"diverged": "X", "out_of_memory": "s", "failed": "P", "pruned": "v", "running": ">"}

WIDE, PANEL = (4.8, 3.3), (3.6, 2.7)
LOG_RATIO = 10.0
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


@contextmanager
def _style() -> Iterator[None]:
    with mpl.rc_context(_STYLE):
        yield


def _styled(draw: Callable[P, Figure | None]) -> Callable[P, Figure | None]:
    @wraps(draw)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure | None:
        with _style():
            return draw(*args, **kwargs)

    return styled


@_styled
def learning_curves(rows: pd.DataFrame, trials: pd.DataFrame, quality: str, best: str | None = None) -> Figure | None:
    """Draw quality against kimg, one line a trial; the configuration `best` stands out, pruned trials are grey.

    Diverged, failed and out-of-memory trials are drawn at most 1.5 times above the highest of the others.

    rows: measurements; trials: summarise_trials; quality: the metric's name; best: a config_id.
    """
    kept = rows["quality"].notna() & rows["kimg"].notna() & rows["trial"].isin(trials["trial"])
    points = rows[kept].sort_values(["trial", "kimg"])
    if points.empty:
        return None
    figure, axes = _canvas(WIDE)
    status = trials.set_index("trial")["status"]
    points["quality"] = _within_frame(points["quality"], points["trial"].map(status).isin(LOST))
    points = points.assign(
        status=points["trial"].map(status), best=(points["config_id"] == best) & (points["stage"] == "confirm")
    )
    if best is not None and not points["best"].any():
        points["best"] = points["config_id"] == best
    groups = [(name, points[(points["status"] == name) & ~points["best"]]) for name in _drawing_order(points["status"])]
    for name, group in groups:
        _curves(axes, group, STATUS_COLOURS.get(name, GREY), status_words(name), STATUS_MARKERS.get(name, "o"), 0.9)
    _curves(axes, points[points["best"]], BEST, "best configuration", "o", 2.2)
    _scale_quality(axes, points["quality"])
    axes.set_xlim(left=0)
    axes.set(xlabel="Real images shown to the discriminator (kimg)", ylabel=f"{quality} (lower is better)")
    _legend(axes)
    return figure


@_styled
def best_so_far(trials: pd.DataFrame, quality: str) -> Figure | None:
    """Draw the search's best quality so far against the training time spent, trials taken in order of number."""
    search = trials[trials["stage"] == "search"].sort_values("number", kind="stable")
    spent = search["seconds"].fillna(0).cumsum()
    reached = search["comparable"] & search["yardstick"]
    if not reached.any() or not spent.iloc[-1] > 0:
        return None
    size, unit = (3600.0, "hours") if spent.iloc[-1] >= 7200 else (60.0, "minutes")
    figure, axes = _canvas(WIDE)
    x, y = spent[reached] / size, search.loc[reached, "quality"]
    sns.scatterplot(x=x, y=y, ax=axes, color=STATUS_COLOURS["completed"], s=22, alpha=0.7, label="trial at full length")
    best = y.cummin()
    axes.step([*x, spent.iloc[-1] / size], [*best, best.iloc[-1]], where="post", color=BEST, lw=2, label="best so far")
    _scale_quality(axes, y)
    axes.set_xlim(left=0)
    axes.set(xlabel=f"Training time of all trials so far ({unit})", ylabel=f"{quality} (lower is better)")
    _legend(axes)
    return figure


@_styled
def confirmed_seeds(trials: pd.DataFrame, order: list[str], names: list[str], quality: str) -> Figure | None:
    """Draw every seed of the confirmed configurations and a bar at their means.

    order: config_ids, best first, at most ten are drawn; names: their names on the axis.
    """
    kept = (trials["stage"] == "confirm") & trials["comparable"] & trials["yardstick"]
    points = trials.loc[kept & trials["config_id"].isin(order[:MOST_CHOICES]), ["config_id", "quality"]]
    if points.empty:
        return None
    rows = points["config_id"].map({config: row for row, config in enumerate(order)})
    figure, axes = _canvas((WIDE[0], max(1.6, 1 + 0.42 * rows.nunique())))
    colours = [BEST if row == 0 else STATUS_COLOURS["completed"] for row in rows]
    axes.scatter(points["quality"], rows, color=colours, s=30, alpha=0.8, linewidths=0, zorder=3)
    for row, values in points["quality"].groupby(rows):
        axes.vlines(values.mean(), row - 0.3, row + 0.3, color=INK, lw=2)
        text = mean_sd(values.mean(), values.std(ddof=1)) + f"  (n={len(values)})"
        axes.annotate(text, (1, row), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=8.5)  # fmt: skip
    axes.set_yticks(range(rows.nunique()), [_clip(name, 28) for name in names[: rows.nunique()]])
    axes.set_ylim(rows.nunique() - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlabel=f"{quality} (lower is better)", ylabel="")
    return figure


@_styled
def axis_effect(trials: pd.DataFrame, axis: Axis, label: str, quality: str) -> Figure | None:
    """Draw final quality against one axis: a scatter for numbers (log where it spans decades), a strip for choices.

    Only search trials measured at the same full length are shown. None when the axis took fewer than two values.
    """
    kept = (trials["stage"] == "search") & trials["comparable"] & trials["yardstick"]
    points = trials.loc[kept, [axis.path, "quality"]]
    if points[axis.path].nunique(dropna=axis.kind != "choice") < 2:
        return None
    figure, axes = _canvas(PANEL)
    if axis.kind == "choice":
        _strip(axes, points[axis.path], points["quality"])
    else:
        _scatter(axes, points.dropna(), axis)
    _scale_quality(axes, points["quality"])
    axes.set(xlabel=label, ylabel=quality)
    return figure


@_styled
def statuses(trials: pd.DataFrame) -> Figure | None:
    """Draw how many trials ended in each status, and how much training time each status took."""
    if trials.empty:
        return None
    table = trials.groupby("status").agg(trials=("trial", "size"), seconds=("seconds", "sum"))
    table = table.reindex([*(s for s in STATUSES if s in table.index), *sorted(set(table.index) - set(STATUSES))])
    size, unit = (3600.0, "hours") if table["seconds"].sum() >= 7200 else (60.0, "minutes")
    figure = Figure(figsize=(WIDE[0], 1.2 + 0.36 * len(table)), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, sharey=True)
    names = [status_words(name) for name in table.index]
    colours = {status_words(name): STATUS_COLOURS.get(name, GREY) for name in table.index}
    spent = [duration(seconds) for seconds in table["seconds"]]
    for axes, values, texts in (
        (left, table["trials"], [f"{ended:,}" for ended in table["trials"]]),
        (right, table["seconds"] / size, spent),
    ):
        sns.barplot(x=values.to_numpy(), y=names, hue=names, palette=colours, legend=False, ax=axes, saturation=1)
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.3)
        for row, (value, text) in enumerate(zip(values, texts, strict=True)):
            axes.annotate(text, (value, row), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8.5)
    left.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    right.xaxis.set_major_locator(MaxNLocator(4))
    left.set(xlabel="Trials", ylabel="")
    right.set(xlabel=f"Training time ({unit})", ylabel="")
    return figure


def to_svg(figure: Figure) -> str:
    """Render as SVG text; the same figure gives the same bytes."""
    buffer = io.StringIO()
    with _style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return buffer.getvalue()


def to_png(figure: Figure) -> bytes:
    """Render as PNG at 160 dots an inch."""
    buffer = io.BytesIO()
    with _style():
        figure.savefig(buffer, format="png", dpi=160, metadata={"Software": None})
    return buffer.getvalue()


def inline_svg(svg: str, prefix: str, description: str) -> str:
    """Make an SVG document part of an HTML page: no header, ids of its own, colours that follow the page's theme.

    description: plain text for readers who cannot see it; must already be escaped for an HTML attribute.
    """
    body = svg[svg.index("<svg") :]
    width = float(re.search(r'width="([\d.]+)pt"', body)[1])  # type: ignore[index]
    head, rest = body.split(">", 1)
    view = re.search(r'viewBox="[^"]+"', head)[0]  # type: ignore[index]
    for pattern in (r'(\bid=")', r'(href="#)', r"(url\(#)"):
        rest = re.sub(pattern, rf"\g<1>{prefix}-", rest)
    rest = re.sub(r'style="[^"]*"', _follow_theme, rest)
    style = f"width:100%;max-width:{width * 4 / 3 * 1.15:.0f}px"
    return f'<svg {view} style="{style}" role="img" aria-label="{description}">{rest}'


def _follow_theme(style: re.Match[str]) -> str:
    text = style[0]
    for colour, variable in ((INK, "ink"), (RULE, "rule"), (PAPER, "paper"), (GREY, "grey"), (PALETTE[0], "blue")):
        text = text.replace(colour, f"var(--{variable})")
    return text


def _canvas(size: tuple[float, float]) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _within_frame(quality: "pd.Series[float]", lost: "pd.Series[bool]") -> "pd.Series[float]":
    """Hold lost trials within sight of the others: one explosion must not flatten every other curve."""
    return quality if lost.all() else quality.mask(lost, quality.clip(upper=1.5 * quality[~lost].max()))


def _drawing_order(status: "pd.Series[str]") -> list[str]:
    """Grey and lost trials go below, completed ones above."""
    order = ["pruned", *LOST, "running", "completed"]
    return [*sorted(set(status) - set(order)), *(name for name in order if name in set(status))]


def _curves(axes: Any, points: pd.DataFrame, colour: str, label: str, marker: str, width: float) -> None:
    if points.empty:
        return
    # Thousands of vector lines make a page that no phone opens.
    raster = points["trial"].nunique() > MANY
    lines = [group[["kimg", "quality"]].to_numpy() for _, group in points.groupby("trial", sort=False)]
    faint = 0.25 if raster else 0.75
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, alpha=faint, rasterized=raster))
    ends = points.groupby("trial", sort=False).tail(1)
    axes.scatter(
        ends["kimg"], ends["quality"], color=colour, marker=marker, s=14 + 8 * width, label=label, rasterized=raster,
        linewidths=0, zorder=3, alpha=0.9,
    )  # fmt: skip


def _scale_quality(axes: Any, values: "pd.Series[float]") -> None:
    low, high = values.min(), values.max()
    if low > 0 and high / low >= LOG_RATIO:
        axes.set_yscale("log")
        _log_ticks(axes.yaxis, low, high)
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5))


def _log_ticks(axis: Any, low: float, high: float) -> None:
    # The default labels are written as mathematics, which user text must not be parsed as.
    few = high / low < 100
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,), numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if 1 <= value < 1e6 else f"{value:.3g}"))
    axis.set_minor_formatter(NullFormatter())


def _scatter(axes: Any, points: pd.DataFrame, axis: Axis) -> None:
    raster = len(points) > MANY
    x = points[axis.path]
    sns.scatterplot(
        x=x, y=points["quality"], ax=axes, color=STATUS_COLOURS["completed"], s=24, alpha=0.8, rasterized=raster
    )
    if axis.kind == "log" and (x > 0).all():
        axes.set_xscale("log")
        _log_ticks(axes.xaxis, x.min(), x.max())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))


def _strip(axes: Any, values: "pd.Series[Any]", quality: "pd.Series[float]") -> None:
    """Points side by side for each choice, the commonest ten, with their number and a bar at the median."""
    names = values.map(axis_value).replace(ABSENT, "not set")
    shown = sorted(names.value_counts().index[:MOST_CHOICES])
    noise = np.random.default_rng(0)
    colour = STATUS_COLOURS["completed"]
    for position, name in enumerate(shown):
        y = quality[names == name]
        x = position + noise.uniform(-0.16, 0.16, len(y))
        sns.scatterplot(x=x, y=y, ax=axes, color=colour, s=24, alpha=0.8, rasterized=len(y) > MANY)
        axes.hlines(y.median(), position - 0.3, position + 0.3, color=BEST, lw=2, zorder=4)
    crowded = max(map(len, shown)) * len(shown) > 34
    texts = [f"{_clip(name)} ({int((names == name).sum())})" for name in shown]
    if not crowded:
        texts = [text.replace(" (", "\n(") for text in texts]
    turn = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(len(shown)), texts, **turn)
    axes.set_xlim(-0.6, len(shown) - 0.4)
    axes.grid(visible=False, axis="x")


def _clip(text: str, longest: int = 18) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _legend(axes: Any) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if axes.get_legend() is not None:
        axes.get_legend().remove()
    axes.figure.legend(handles, labels, loc="outside upper left", ncols=3, handletextpad=0.3, columnspacing=1.2)
