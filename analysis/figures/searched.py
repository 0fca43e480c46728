"""What the search saw as a whole: importance, and quality against cost."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    BEST,
    GREY,
    INK,
    LOG_RATIO,
    MANY,
    PALETTE,
    WIDE,
    canvas,
    clip,
    log_ticks,
    scale_quality,
    styled,
)
from analysis.formatting import duration, number

LABEL_ROOM = (150, 18)
"""Pixels, across and up, within which two labels would touch."""


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
