"""How the trials of a study went: curves, the best so far, the confirmed, and how they ended."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    BEST,
    GREY,
    INK,
    MANY,
    MOST_CHOICES,
    STATUS_COLOURS,
    STATUS_MARKERS,
    WIDE,
    blank,
    canvas,
    clip,
    legend,
    scale_quality,
    styled,
)
from analysis.formatting import duration, mean_sd, status_words
from analysis.results import LOST, STATUSES


@styled
def learning_curves(rows: pd.DataFrame, trials: pd.DataFrame, quality: str, best: str | None = None) -> Figure | None:
    """Draw quality against kimg, one line a trial; the configuration `best` stands out, pruned trials are grey.

    Diverged, failed and out-of-memory trials are drawn at most 1.5 times above the highest of the others.

    rows: measurements; trials: summarise_trials; quality: the metric's name; best: a config_id.
    """
    kept = rows["quality"].notna() & rows["kimg"].notna() & rows["trial"].isin(trials["trial"])
    points = rows[kept].sort_values(["trial", "kimg"])
    if points.empty:
        return None
    figure, axes = canvas(WIDE)
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
    scale_quality(axes, points["quality"])
    axes.set_xlim(left=0)
    axes.set(xlabel="Real images shown to the discriminator (kimg)", ylabel=f"{quality} (lower is better)")
    legend(axes)
    return figure


@styled
def best_so_far(trials: pd.DataFrame, quality: str) -> Figure | None:
    """Draw the search's best quality so far against the training time spent, trials taken in order of number."""
    search = trials[trials["stage"] == "search"].sort_values("number", kind="stable")
    spent = search["seconds"].fillna(0).cumsum()
    reached = search["comparable"] & search["yardstick"]
    if not reached.any() or not spent.iloc[-1] > 0:
        return None
    size, unit = (3600.0, "hours") if spent.iloc[-1] >= 7200 else (60.0, "minutes")
    figure, axes = canvas(WIDE)
    x, y = spent[reached] / size, search.loc[reached, "quality"]
    sns.scatterplot(x=x, y=y, ax=axes, color=STATUS_COLOURS["completed"], s=22, alpha=0.7, label="trial at full length")
    best = y.cummin()
    axes.step([*x, spent.iloc[-1] / size], [*best, best.iloc[-1]], where="post", color=BEST, lw=2, label="best so far")
    scale_quality(axes, y)
    axes.set_xlim(left=0)
    axes.set(xlabel=f"Training time of all trials so far ({unit})", ylabel=f"{quality} (lower is better)")
    legend(axes)
    return figure


@styled
def confirmed_seeds(trials: pd.DataFrame, order: list[str], names: list[str], quality: str) -> Figure | None:
    """Draw every seed of the confirmed configurations and a bar at their means.

    order: config_ids, best first, at most ten are drawn; names: their names on the axis.
    """
    kept = (trials["stage"] == "confirm") & trials["comparable"] & trials["yardstick"]
    points = trials.loc[kept & trials["config_id"].isin(order[:MOST_CHOICES]), ["config_id", "quality"]]
    if points.empty:
        return None
    rows = points["config_id"].map({config: row for row, config in enumerate(order)})
    figure, axes = canvas((WIDE[0], max(1.6, 1 + 0.42 * rows.nunique())))
    colours = [BEST if row == 0 else STATUS_COLOURS["completed"] for row in rows]
    axes.scatter(points["quality"], rows, color=colours, s=30, alpha=0.8, linewidths=0, zorder=3)
    for row, values in points["quality"].groupby(rows):
        axes.vlines(values.mean(), row - 0.3, row + 0.3, color=INK, lw=2)
        text = mean_sd(values.mean(), values.std(ddof=1)) + f"  (n={len(values)})"
        axes.annotate(text, (1, row), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points",
                      va="center", fontsize=8.5)  # fmt: skip
    axes.set_yticks(range(rows.nunique()), [clip(name, 28) for name in names[: rows.nunique()]])
    axes.set_ylim(rows.nunique() - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlabel=f"{quality} (lower is better)", ylabel="")
    return figure


@styled
def statuses(trials: pd.DataFrame) -> Figure | None:
    """Draw how many trials ended in each status, and how much training time each status took."""
    if trials.empty:
        return None
    table = trials.groupby("status").agg(trials=("trial", "size"), seconds=("seconds", "sum"))
    table = table.reindex([*(s for s in STATUSES if s in table.index), *sorted(set(table.index) - set(STATUSES))])
    size, unit = (3600.0, "hours") if table["seconds"].sum() >= 7200 else (60.0, "minutes")
    figure = blank((WIDE[0], 1.2 + 0.36 * len(table)))
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
    # Each trial's rows stand together.
    begins = np.flatnonzero(points["trial"].to_numpy()[1:] != points["trial"].to_numpy()[:-1]) + 1
    lines = np.split(points[["kimg", "quality"]].to_numpy(), begins)
    faint = 0.25 if raster else 0.75
    axes.add_collection(LineCollection(lines, colors=colour, linewidths=width, alpha=faint, rasterized=raster))
    ends = points.groupby("trial", sort=False).tail(1)
    axes.scatter(
        ends["kimg"], ends["quality"], color=colour, marker=marker, s=14 + 8 * width, label=label, rasterized=raster,
        linewidths=0, zorder=3, alpha=0.9,
    )  # fmt: skip
