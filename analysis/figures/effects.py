"""Effects with their intervals, one row each, in groups."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import BEST, GREY, INK, PALETTE, RULE, WIDE, blank, clip, styled
from analysis.formatting import number

ROW, HEAD = 0.27, 0.62
"""Inches for a row, and for a group's own."""


@styled
def effects(frame: pd.DataFrame, unit: str) -> Figure | None:
    """Draw improvements with their intervals, group by group on one scale; right of 0 is better.

    frame: as `frames.effects_frame`; unit: what they are measured in. The grey box of a row spans what is smaller,
    either way, than the least that matters. A dot without a line has no interval, "no number" neither.
    """
    if frame["value"].notna().sum() == 0:
        return None
    groups = [(str(name), rows) for name, rows in frame.groupby("group", sort=False)]
    heights = [HEAD + ROW * len(rows) for _, rows in groups]
    figure = blank((WIDE[0], sum(heights) + 0.35))
    panels = figure.subplots(len(groups), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    reach = _reach(frame)
    for axes, (name, rows) in zip(panels, groups, strict=True):
        _group(axes, rows, reach)
        axes.set_title(name, loc="left", fontsize=9.5, color=INK)
    panels[-1].set_xlabel(f"Improvement in {unit} (right of 0 is better)")
    return figure


def _group(axes: Any, rows: pd.DataFrame, reach: tuple[float, float]) -> None:
    axes.axvline(0, color=INK, lw=0.9)
    for at, row in enumerate(rows.to_dict("records")):
        if pd.notna(row["smallest"]):
            box = Rectangle((-row["smallest"], at - 0.36), 2 * row["smallest"], 0.72, color=RULE, lw=0, zorder=0.5)
            axes.add_patch(box)
        _effect(axes, at, row)
    axes.set_yticks(range(len(rows)), [clip(str(name), 26) for name in rows["name"]])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(*reach)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _effect(axes: Any, at: int, row: Mapping[Hashable, Any]) -> None:
    value, low, high = row["value"], row["low"], row["high"]
    if pd.isna(value):
        text = "no number"
    else:
        sure = pd.notna(low) and not low <= 0 <= high
        colour = (PALETTE[0] if value > 0 else BEST) if sure else GREY
        if pd.notna(low):
            axes.hlines(at, low, high, color=colour, lw=2.2, zorder=2)
        axes.plot(
            value, at, marker="o" if pd.notna(low) else "D", ms=6, color=colour, zorder=3,
            markerfacecolor=colour if pd.notna(low) else "none",
        )  # fmt: skip
        text = number(value)
    axes.annotate(
        f"{text} (n={row['n']})", (1, at), xycoords=("axes fraction", "data"), xytext=(4, 0), fontsize=8,
        textcoords="offset points", va="center", color=INK,
    )  # fmt: skip


def _reach(frame: pd.DataFrame) -> tuple[float, float]:
    """Limits that show every value, and of the intervals as much as leaves the values readable."""
    values = frame["value"].dropna()
    ends = pd.concat([values, frame["low"].dropna(), frame["high"].dropna(), frame["smallest"].dropna()])
    size = max(values.abs().max(), frame["smallest"].dropna().max() if frame["smallest"].notna().any() else 0.0)
    widest = 6 * size or 1.0
    low, high = max(min(ends.min(), 0), -widest), min(max(ends.max(), 0), widest)
    margin = 0.05 * (high - low or 1.0)
    return low - margin, high + margin
