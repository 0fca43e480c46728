"""Quality against what it cost, arm by arm, with the range of the seeds."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import (
    ARM_COLOURS,
    BEST,
    GREY,
    INK,
    LOG_RATIO,
    WIDE,
    canvas,
    clip,
    log_ticks,
    scale_quality,
    styled,
)

DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)))
"""Lines are told apart without colour too."""

X_TITLES = {"point": "Real images shown to the discriminator (kimg)", "seconds": "Seconds of training"}
LABEL_GAP = 0.075
"""Of the axes' height, between labels at the right."""


@styled
def quality_curves(
    points: pd.DataFrame, order: Sequence[str], x: str, quality: str, improved: str | None = None
) -> Figure | None:
    """Draw each arm's mean quality over its seeds, with a band from its lowest seed to its highest.

    points: as `frames.curve_points`; order: labels as drawn; x: "point" (kimg) or "seconds"; improved: the label that
    stands out. Lost runs are thin, end in a cross, and count in no mean. None where no run has come to its end.
    """
    kept = points[~points["lost"]]
    summary = _summary(kept, x)
    if summary.empty:
        return None
    figure, axes = canvas(WIDE)
    drawn = [label for label in order if label in set(summary["label"])]
    ends: list[tuple[str, float, str]] = []
    for place, label in enumerate(drawn):
        mine = summary[summary["label"] == label]
        colour = BEST if label == improved else ARM_COLOURS[place % len(ARM_COLOURS)]
        dashes = "-" if label == improved else DASHES[place % len(DASHES)]
        axes.fill_between(mine["x"], mine["low"], mine["high"], color=colour, alpha=0.18, linewidth=0)
        axes.plot(mine["x"], mine["mean"], color=colour, linestyle=dashes, lw=2.4 if label == improved else 1.6)
        seeds = int(kept.loc[kept["label"] == label, "seed"].nunique())
        ends.append((f"{clip(label, 20)} (n={seeds})", float(mine["mean"].iloc[-1]), colour))
    _lost(axes, points[points["lost"]], x, summary["high"].max())
    scale_quality(axes, pd.concat([summary["low"], summary["high"]]))
    if x == "seconds" and summary["x"].max() > LOG_RATIO * max(summary["x"].min(), 1e-9):
        axes.set_xscale("log")
        log_ticks(axes.xaxis, summary["x"].min(), summary["x"].max())
    else:
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set(xlabel=X_TITLES[x], ylabel=f"{quality} (lower is better)")
    _label_ends(axes, ends)
    return figure


def _summary(kept: pd.DataFrame, x: str) -> pd.DataFrame:
    """Return label, x, mean, low and high at each point that all of an arm's runs were measured at."""
    grouped = kept.groupby(["label", "point"], sort=True)
    found = grouped.agg(
        x=(x, "mean"), mean=("quality", "mean"), low=("quality", "min"), high=("quality", "max"), n=("seed", "nunique")
    ).reset_index()
    # A mean over those that have come so far would jump where one of them ends.
    return found[found["n"] == found["label"].map(kept.groupby("label")["seed"].nunique())]


def _lost(axes: Any, points: pd.DataFrame, x: str, highest: float) -> None:
    for _, run in points.groupby(["label", "seed"], sort=False):
        values = run["quality"].clip(upper=1.5 * highest)
        axes.plot(run[x], values, color=GREY, lw=0.8, marker=None)
        axes.scatter(run[x].iloc[-1], values.iloc[-1], marker="X", color=GREY, s=28, zorder=3)


def _label_ends(axes: Any, ends: list[tuple[str, float, str]]) -> None:
    """Write each label beside its line's end, pushed apart where they would overlap."""
    places = sorted((axes.transAxes.inverted().transform(axes.transData.transform((1, y)))[1], n) for n, (_, y, _) in
                    enumerate(ends))  # fmt: skip
    spread = _apart([place for place, _ in places], LABEL_GAP)
    for height, (_, number) in zip(spread, places, strict=True):
        text, y, colour = ends[number]
        axes.annotate(
            text, (1, y), xycoords=("axes fraction", "data"), xytext=(1.02, height), textcoords="axes fraction",
            va="center", fontsize=8.5, color=INK, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0},
        )  # fmt: skip


def _apart(places: list[float], gap: float) -> list[float]:
    """Return heights at least `gap` apart, rising, and as near to the asked ones as one pass each way brings them."""
    found = list(places)
    for at in range(1, len(found)):
        found[at] = max(found[at], found[at - 1] + gap)
    beyond = (found[-1] - 1.0) if found else 0.0
    if beyond > 0:
        found[-1] -= beyond
        for at in range(len(found) - 2, -1, -1):
            found[at] = min(found[at], found[at + 1] - gap)
    return found
