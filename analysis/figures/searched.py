"""What the search saw as a whole: parallel coordinates, importance, and quality against cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.axes import Axis
from analysis.figures.style import (
    BEST,
    GREY,
    INK,
    LOG_RATIO,
    MANY,
    PALETTE,
    WIDE,
    canvas,
    choices_in_order,
    clip,
    log_ticks,
    scale_quality,
    styled,
)
from analysis.formatting import ABSENT, axis_value, duration, number

MOST_AXES = 7
"""Parallel axes that still can be read."""

MOST_TICKS = 6
LABEL_ROOM = (150, 18)
"""Pixels, across and up, within which two labels would touch."""

BEST_SHARE = 0.1
"""Of the trials, drawn in colour."""


@styled
def parallel_coordinates(
    trials: pd.DataFrame, axes_shown: Sequence[Axis], labels: Mapping[str, str], quality: str
) -> Figure | None:
    """Draw each trial as a line through its values; the best tenth in colour, the best of all thick.

    trials: one row a trial, with quality and one column an axis. A trial without an axis passes below it, at "not set".
    None with fewer than two axes or three trials.
    """
    shown = [axis for axis in axes_shown if trials[axis.path].nunique(dropna=False) > 1][:MOST_AXES]
    if len(shown) < 2 or len(trials) < 3:
        return None
    figure, axes = canvas((WIDE[0] + 0.6, 3.6))
    places = [_placed(trials[axis.path], axis) for axis in shown]
    heights = np.column_stack([place for place, _ in places])
    best = trials["quality"].rank(method="first") <= max(1, round(BEST_SHARE * len(trials)))
    for chosen, colour, alpha, width in ((~best, GREY, 0.35, 0.7), (best, PALETTE[0], 0.85, 1.1)):
        _lines(axes, heights[chosen.to_numpy()], colour, alpha, width)
    winner = int(np.argmin(trials["quality"].to_numpy()))
    _lines(axes, heights[[winner]], BEST, 1.0, 2.6)
    for at, (_, ticks) in enumerate(places):
        axes.axvline(at, color=INK, lw=0.8)
        for height, text in ticks:
            axes.annotate(
                clip(text, 12), (at, height), xytext=(3, 0), textcoords="offset points", fontsize=7.5, va="center",
                bbox={"facecolor": "#ffffff", "alpha": 0.75, "lw": 0, "pad": 0.6},
            )  # fmt: skip
    axes.set_xticks(range(len(shown)), [clip(labels[axis.path], 24) for axis in shown], rotation=28, ha="right",
                    rotation_mode="anchor")  # fmt: skip
    axes.set_yticks([])
    axes.set_ylim(-0.2, 1.06)
    axes.set_xlim(-0.1, len(shown) - 0.55)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_title(f"orange: best {quality}; blue: best tenth", loc="left", fontsize=8.5, color=INK)
    return figure


@styled
def importances(shares: pd.DataFrame) -> Figure | None:
    """Draw parameters by their share of the importance. shares: name, importance (fraction), the highest first."""
    if shares.empty:
        return None
    top = shares.head(12)
    figure, axes = canvas((WIDE[0], 0.9 + 0.28 * len(top)))
    axes.barh(range(len(top)), 100 * top["importance"], height=0.6, color=PALETTE[0])
    for at, value in enumerate(top["importance"]):
        axes.annotate(
            f"{100 * value:.0f}%",
            (100 * value, at),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    axes.set_yticks(range(len(top)), [clip(name, 30) for name in top["name"]])
    axes.set_ylim(len(top) - 0.5, -0.5)
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("Importance (%), not an effect")
    return figure


@styled
def pareto(points: pd.DataFrame, quality: str) -> Figure | None:
    """Draw quality against seconds of training; those that none beats in both are joined and named.

    points: label, cost (seconds), quality, kind ("improved", "baseline" or another). None with fewer than two.
    """
    known = points[points["quality"].notna() & (points["cost"] > 0)]
    if len(known) < 2:
        return None
    figure, axes = canvas(WIDE)
    front = known.loc[_front(known)]
    raster = len(known) > MANY
    axes.scatter(known["cost"], known["quality"], s=20, color=GREY, alpha=0.7, linewidths=0, rasterized=raster)
    axes.step(front["cost"], front["quality"], where="post", color=PALETTE[0], lw=1.4)
    axes.scatter(front["cost"], front["quality"], s=26, color=PALETTE[0], zorder=3)
    for kind, colour, marker in (("baseline", INK, "s"), ("improved", BEST, "D")):
        mine = known[known["kind"] == kind]
        axes.scatter(mine["cost"], mine["quality"], s=34, color=colour, marker=marker, zorder=4)
    named = pd.concat([known[known["kind"].isin(("improved", "baseline"))], front.iloc[[0, -1]]])
    scale_quality(axes, known["quality"])
    if known["cost"].max() > LOG_RATIO * known["cost"].min():
        axes.set_xscale("log")
        log_ticks(axes.xaxis, known["cost"].min(), known["cost"].max())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(x=0.12)
    _name(axes, named[~named.index.duplicated()])
    axes.set(xlabel="Seconds of training", ylabel=f"{quality} (lower is better)")
    return figure


def _name(axes: Any, points: pd.DataFrame) -> None:
    """Write labels beside points, the first of those that would lie on each other."""
    taken: list[np.ndarray] = []
    middle = np.mean(axes.transAxes.transform([(0, 0), (1, 1)])[:, 0])
    for row in points.to_dict("records"):
        place = axes.transData.transform((row["cost"], row["quality"]))
        if any(
            abs(place[0] - other[0]) < LABEL_ROOM[0] and abs(place[1] - other[1]) < LABEL_ROOM[1] for other in taken
        ):
            continue
        taken.append(place)
        left = place[0] < middle
        axes.annotate(
            clip(row["label"], 24), (row["cost"], row["quality"]), xytext=(6 if left else -6, 6), fontsize=8, color=INK,
            textcoords="offset points", ha="left" if left else "right",
        )  # fmt: skip


def front_words(points: pd.DataFrame) -> str:
    """Say the two ends of the front: the quickest, and the best."""
    known = points[points["quality"].notna() & (points["cost"] > 0)]
    ends = known.loc[_front(known)].iloc[[0, -1]].to_dict("records")
    if ends[0] == ends[1]:
        return f"{ends[0]['label']} ({number(ends[0]['quality'])} in {duration(ends[0]['cost'])}) alone"
    told = [f"{row['label']} ({number(row['quality'])} in {duration(row['cost'])})" for row in ends]
    return f"the quickest is {told[0]}, the best {told[1]}"


def _front(points: pd.DataFrame) -> list[Any]:
    """Return the index of the points that no other beats in both, by rising cost."""
    ordered = points.sort_values(["cost", "quality"], kind="stable")
    lowest = ordered["quality"].cummin().shift(fill_value=np.inf)
    return ordered.index[ordered["quality"] < lowest].tolist()


def _placed(values: "pd.Series[Any]", axis: Axis) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Return heights in [0, 1] of an axis' values, -0.12 for what is not set, and its labelled heights."""
    missing = values.isna().to_numpy()
    if axis.kind == "choice":
        names = values.map(axis_value).replace(ABSENT, "not set")
        order = choices_in_order(values)
        step = max(len(order) - 1, 1)
        heights = {name: at / step for at, name in enumerate(order)}
        found = names.map(heights).to_numpy(dtype=float)
        ticks = [(heights[name], name) for name in order[:: max(1, len(order) // MOST_TICKS)]]
    else:
        known = values.astype(float)
        log = axis.kind == "log" and bool((known.dropna() > 0).all())
        scaled = np.log(known) if log else known
        low, high = scaled.min(), scaled.max()
        found = (np.asarray(scaled, dtype=float) - low) / (high - low or 1.0)
        ticks = [(0.0, axis_value(float(known.min()))), (1.0, axis_value(float(known.max())))]
    if missing.any():
        ticks = [(-0.12, "not set"), *ticks]
    return np.where(missing, -0.12, found), ticks


def _lines(axes: Any, heights: np.ndarray, colour: str, alpha: float, width: float) -> None:
    if len(heights):
        lines = [np.column_stack([np.arange(len(row)), row]) for row in heights]
        axes.add_collection(
            LineCollection(lines, colors=colour, alpha=alpha, linewidths=width, rasterized=len(heights) > MANY)
        )
