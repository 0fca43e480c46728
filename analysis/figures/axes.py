"""Final quality against a single searched axis."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.axes import Axis
from analysis.figures.style import (
    BEST,
    MANY,
    MOST_CHOICES,
    PANEL,
    STATUS_COLOURS,
    canvas,
    choices_in_order,
    clip,
    log_ticks,
    scale_quality,
    styled,
)
from analysis.formatting import ABSENT, axis_value


@styled
def axis_effect(trials: pd.DataFrame, axis: Axis, label: str, quality: str) -> Figure | None:
    """Draw final quality against one axis: a scatter for numbers (log where it spans decades), a strip for choices.

    Only search trials measured at the same full length are shown. None when the axis took fewer than two values.
    """
    kept = (trials["stage"] == "search") & trials["comparable"] & trials["yardstick"]
    points = trials.loc[kept, [axis.path, "quality"]]
    if points[axis.path].nunique(dropna=axis.kind != "choice") < 2:
        return None
    figure, axes = canvas(PANEL)
    if axis.kind == "choice":
        _strip(axes, points[axis.path], points["quality"])
    else:
        _scatter(axes, points.dropna(), axis)
    scale_quality(axes, points["quality"])
    axes.set(xlabel=label, ylabel=quality)
    return figure


def _scatter(axes: Any, points: pd.DataFrame, axis: Axis) -> None:
    raster = len(points) > MANY
    x = points[axis.path]
    sns.scatterplot(
        x=x, y=points["quality"], ax=axes, color=STATUS_COLOURS["completed"], s=24, alpha=0.8, rasterized=raster
    )
    if axis.kind == "log" and (x > 0).all():
        axes.set_xscale("log")
        log_ticks(axes.xaxis, x.min(), x.max())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))


def _strip(axes: Any, values: "pd.Series[Any]", quality: "pd.Series[float]") -> None:
    """Points side by side for each choice, the commonest ten, with their number and a bar at the median."""
    names = values.map(axis_value).replace(ABSENT, "not set")
    common = set(names.value_counts().index[:MOST_CHOICES])
    shown = [name for name in [*choices_in_order(values), "not set"] if name in common]
    noise = np.random.default_rng(0)
    colour = STATUS_COLOURS["completed"]
    for position, name in enumerate(shown):
        y = quality[names == name]
        x = position + noise.uniform(-0.16, 0.16, len(y))
        sns.scatterplot(x=x, y=y, ax=axes, color=colour, s=24, alpha=0.8, rasterized=len(y) > MANY)
        axes.hlines(y.median(), position - 0.3, position + 0.3, color=BEST, lw=2, zorder=4)
    crowded = max(map(len, shown)) * len(shown) > 34
    texts = [f"{clip(name)} ({int((names == name).sum())})" for name in shown]
    if not crowded:
        texts = [text.replace(" (", "\n(") for text in texts]
    turn = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(len(shown)), texts, **turn)
    axes.set_xlim(-0.6, len(shown) - 0.4)
    axes.grid(visible=False, axis="x")
