"""The way from a baseline to the improved model, step by step."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analysis.figures.style import BEST, GREY, INK, PALETTE, WIDE, canvas, clip, styled
from analysis.formatting import number


@styled
def waterfall(steps: pd.DataFrame, quality: str) -> Figure | None:
    """Draw where the path starts and, below it, what each step took away from the quality or added to it.

    steps: as `frames.path_steps`. A step whose interval excludes 0 is coloured, the others are grey; the number beside
    it is its improvement. None without a step.
    """
    if len(steps) < 2 or steps["after"].isna().all():
        return None
    figure, axes = canvas((WIDE[0], 1.0 + 0.34 * len(steps)))
    for at, row in enumerate(steps.to_dict("records")):
        if at == 0:
            axes.plot(row["after"], at, marker="o", ms=7, color=INK)
            text = number(row["after"])
        else:
            sure = pd.notna(row["low"]) and not row["low"] <= 0 <= row["high"]
            colour = (PALETTE[0] if row["value"] > 0 else BEST) if sure else GREY
            axes.barh(at, row["after"] - row["before"], left=row["before"], height=0.56, color=colour, zorder=2)
            text = f"{'+' if row['value'] > 0 else ''}{number(row['value'])}  → {number(row['after'])}"
        axes.annotate(
            text, (1, at), xycoords=("axes fraction", "data"), xytext=(4, 0), textcoords="offset points", va="center",
            fontsize=8.5, color=INK,
        )  # fmt: skip
        if at + 1 < len(steps):
            axes.vlines(row["after"], at, at + 1, color=INK, lw=0.8, linestyles=":")
    names = [str(steps["name"].iloc[0]), *(f"+ {name}" for name in steps["name"].iloc[1:])]
    axes.set_yticks(range(len(steps)), [clip(name, 26) for name in names])
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.use_sticky_edges = False
    axes.margins(x=0.06)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(f"{quality} (lower is better)")
    return figure
