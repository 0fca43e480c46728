"""Parallel coordinates lying on their side: a row for each parameter, so that names and values have room."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from analysis.axes import LOG_RANGE, Axis
from analysis.figures.style import (
    BEST,
    GREY,
    INK,
    MANY,
    PALETTE,
    PAPER,
    RULE,
    WIDE,
    canvas,
    choices_in_order,
    clip,
    styled,
)
from analysis.formatting import ABSENT, axis_value

MOST_AXES = 12
"""Rows that still can be read."""

ROW = 0.46
"""Inches for one."""

BEST_SHARE = 0.1
"""Of the trials, drawn in colour."""

ENOUGH = 20
"""Trials from which on a tenth of them is more than the best one or two."""

SPREAD = 0.5
"""Of the room of a choice that its trials take: side by side, the best at the left."""

_Row = tuple[np.ndarray, list[tuple[float, str]]]


@styled
def parallel_coordinates(
    trials: pd.DataFrame, axes_shown: Sequence[Axis], labels: Mapping[str, str], quality: str
) -> Figure | None:
    """Draw each trial as a line down through its values to its quality, the last row; the best of all thick.

    trials: one row a trial, with quality and one column an axis. A trial without an axis passes at "not set". The best
    tenth is coloured where there are enough trials. None with fewer than two axes that vary, or three trials.
    """
    shown = varying(trials, axes_shown)[:MOST_AXES]
    if len(shown) < 2 or len(trials) < 3:
        return None
    ordered = trials.sort_values("quality", kind="stable")
    rows = [_placed(ordered[axis.path], axis) for axis in shown]
    rows.append(_measured(ordered["quality"]))
    figure, axes = canvas((WIDE[0] + 0.6, 0.7 + ROW * len(rows)))
    for at, (_, ticks) in enumerate(rows):
        axes.axhline(at, color=RULE, lw=1.0, zorder=0)
        for place, text in ticks:
            axes.plot(place, at, marker="|", ms=5, color=INK, zorder=4)
            axes.annotate(
                clip(text, 16), (place, at), xytext=(0, -5), textcoords="offset points", fontsize=7.5, va="top",
                ha=_anchored(place), zorder=5, bbox={"facecolor": PAPER, "alpha": 0.85, "lw": 0, "pad": 0.4},
            )  # fmt: skip
    _lines(axes, np.column_stack([places for places, _ in rows]))
    names = [*(clip(labels[axis.path], 30) for axis in shown), f"{quality} (left is better)"]
    axes.set_yticks(range(len(rows)), names)
    axes.set_xticks([])
    axes.set_ylim(len(rows) - 0.35, -0.4)
    axes.set_xlim(-0.04, 1.04)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return figure


def varying(trials: pd.DataFrame, axes: Sequence[Axis]) -> list[Axis]:
    """Return the axes that took more than one value, "not set" among them."""
    return [axis for axis in axes if trials[axis.path].nunique(dropna=False) > 1]


def coloured(trials: int) -> int:
    """Return how many of so many trials are drawn in colour beside the best; 0 where they are few."""
    return round(BEST_SHARE * trials) if trials >= ENOUGH else 0


def _lines(axes: Any, places: np.ndarray) -> None:
    """Draw the trials, the best first in `places`: the many below, the best on top."""
    tenth = coloured(len(places))
    many = len(places) > MANY
    drawn = (
        (places[max(tenth, 1) :], GREY, 0.25 if many else 0.6, 0.8),
        (places[1:tenth], PALETTE[0], 0.85, 1.1),
        (places[:1], BEST, 1.0, 2.6),
    )
    for height, (group, colour, alpha, width) in enumerate(drawn, 1):
        if len(group):
            lines = [np.column_stack([row, np.arange(len(row))]) for row in group]
            axes.add_collection(
                LineCollection(
                    lines, colors=colour, alpha=alpha, linewidths=width, rasterized=len(lines) > MANY, zorder=height
                )
            )


def _placed(values: "pd.Series[Any]", axis: Axis) -> _Row:
    """Return places in [0, 1] of an axis' values, and its labelled places; what is not set stands at the left."""
    if axis.kind == "choice":
        return _chosen(values)
    known = values.astype(float)
    log = axis.kind == "log" and bool((known.dropna() > 0).all())
    missing = values.isna().to_numpy()
    begin = 0.25 if missing.any() else 0.0
    places, ticks = _scaled(known, log, begin)
    if missing.any():
        places, ticks = np.where(missing, 0.0, places), [(0.0, "not set"), *ticks]
    return places, ticks


def _chosen(values: "pd.Series[Any]") -> _Row:
    """Give each choice a part of the row, and each trial a place of its own in it: a bundle shows how many chose it."""
    names = values.map(axis_value).replace(ABSENT, "not set")
    order = [*(["not set"] if values.isna().any() else []), *choices_in_order(values)]
    room = 1 / len(order)
    places = np.empty(len(names))
    for at, name in enumerate(order):
        mine = np.flatnonzero((names == name).to_numpy())
        width = SPREAD * room * min(1.0, len(mine) / 10)
        places[mine] = (at + 0.5) * room + (np.linspace(-width / 2, width / 2, len(mine)) if len(mine) > 1 else 0.0)
    return places, [((at + 0.5) * room, name) for at, name in enumerate(order)]


def _measured(quality: "pd.Series[float]") -> _Row:
    """Place qualities, the smallest at the left, on a logarithmic scale where they span much."""
    log = bool(quality.min() > 0) and bool(quality.max() > LOG_RANGE * quality.min())
    return _scaled(quality.astype(float), log, 0.0)


def _scaled(values: "pd.Series[float]", log: bool, begin: float) -> _Row:
    """Place numbers between `begin` and 1, with both ends and the middle labelled."""
    scaled = np.log(values) if log else values
    low, high = float(scaled.min()), float(scaled.max())
    places = begin + (1 - begin) * (np.asarray(scaled, dtype=float) - low) / (high - low or 1.0)
    middle = float(np.exp((low + high) / 2)) if log else (low + high) / 2
    marks = ((begin, float(values.min())), ((1 + begin) / 2, middle), (1.0, float(values.max())))
    return places, [(place, axis_value(float(f"{value:.3g}"))) for place, value in marks]


def _anchored(place: float) -> str:
    return "left" if place < 0.02 else "right" if place > 0.98 else "center"
