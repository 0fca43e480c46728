"""Where strategies need each other: main effects and interactions as a matrix."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from analysis.figures.style import INK, canvas, styled
from analysis.formatting import number


@styled
def interaction_matrix(table: pd.DataFrame, levels: Sequence[str], unit: str) -> Figure | None:
    """Draw main effects on the diagonal and interactions of two below it; above 0 is better, bold excludes 0.

    table: as `frames.interaction_table`. None without a value.
    """
    known = table[table["value"].notna()]
    if known.empty:
        return None
    size = len(levels)
    values = np.full((size, size), np.nan)
    texts = np.full((size, size), "", dtype=object)
    sure = np.zeros((size, size), dtype=bool)
    for row in known.to_dict("records"):
        first, second = sorted((levels.index(row["one"]), levels.index(row["other"])))
        values[second, first] = row["value"]
        texts[second, first] = number(row["value"], 2)
        sure[second, first] = pd.notna(row["low"]) and not row["low"] <= 0 <= row["high"]
    figure, axes = canvas((4.2, 0.9 + 0.62 * size))
    reach = np.nanmax(np.abs(values)) or 1.0
    colours = sns.diverging_palette(35, 245, s=85, l=62, as_cmap=True)
    axes.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=-1.4 * reach, vmax=1.4 * reach, aspect="auto")
    for at in range(size):
        for other in range(at + 1):
            bold = "bold" if sure[at, other] else "normal"
            axes.text(
                other, at, texts[at, other], ha="center", va="center", fontsize=9.5, fontweight=bold, color="#1f2934"
            )
    axes.set_xticks(range(size), levels)
    axes.set_yticks(range(size), levels)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xlabel(f"Improvement in {unit}", color=INK)
    return figure
