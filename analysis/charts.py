"""Which figures a study gets, with their captions, and how they are written."""

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis import figures
from analysis.findings import Finding, quality_name
from analysis.formatting import count, short_names
from analysis.leaderboard import configuration_name
from analysis.results import Study
from ignm.files import atomic_file, write_text

AXIS_FIGURES = 24


@dataclass(frozen=True)
class Chart:
    """One figure, as the page and the figures folder need it."""

    name: str
    caption: str
    svg: Markup
    document: str
    png: bytes


def study_charts(study: Study, trials: pd.DataFrame, board: pd.DataFrame, finding: Finding) -> list[Chart]:
    """Draw the figures of the whole study, those for which there is data."""
    quality = quality_name(study)
    mine = trials[trials["yardstick"]]
    rows = study.rows[study.rows["trial"].isin(mine["trial"])]
    confirmed = board[board["section"] == "confirmed"]
    order = confirmed["config_id"].tolist()
    names = [configuration_name(study, config) for config in order]
    drawn = {
        "quality-by-kimg": (
            figures.learning_curves(rows, mine, quality, finding.config_id),
            f"Quality against training length of {count(int(mine['quality'].notna().sum()), 'measured trial')}; "
            "the last measurement of each carries its status. Lost trials that left the frame are drawn at its top.",
        ),
        "best-so-far": (
            figures.best_so_far(trials, quality),
            "The search's best quality against the training time spent, trials in order of their number. "
            "Only trials at full length count.",
        ),
        "confirmed-seeds": (
            figures.confirmed_seeds(trials, order, names, quality),
            "The confirmed configurations: one dot a seed, a bar at the mean; mean ± standard deviation at the right.",
        ),
        "statuses": (
            figures.statuses(trials),
            f"How {count(len(trials), 'trial')} ended, and the training time they took.",
        ),
    }
    return [_chart(name, figure, caption) for name, (figure, caption) in drawn.items() if figure is not None]


def axis_charts(study: Study, trials: pd.DataFrame) -> list[Chart]:
    """Draw final quality against each searched axis, at most AXIS_FIGURES of them."""
    charts: list[Chart] = []
    names = short_names([axis.path for axis in study.axes])
    quality = quality_name(study)
    for axis in study.axes:
        if len(charts) == AXIS_FIGURES:
            break
        figure = figures.axis_effect(trials, axis, names[axis.path], quality)
        if figure is not None:
            caption = f"{axis.path} ({axis.strategy})" if axis.strategy else axis.path
            charts.append(_chart(f"axis-{_file_name(axis.path)}", figure, caption))
    return charts


def _chart(name: str, figure: Any, caption: str) -> Chart:
    document = figures.to_svg(figure)
    svg = figures.inline_svg(document, name.replace(".", "-"), html.escape(caption))
    # The figure's own text was escaped when it was drawn, and the caption just above.
    return Chart(name, caption, Markup(svg), document, figures.to_png(figure))  # noqa: S704


def _file_name(path: str) -> str:
    return "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in path)


def write_charts(folder: Path, charts: list[Chart]) -> None:
    """Write each figure as SVG and PNG, and remove figures of an earlier report that no longer exist."""
    for chart in charts:
        write_text(folder / f"{chart.name}.svg", chart.document)
        with atomic_file(folder / f"{chart.name}.png") as temporary:
            temporary.write_bytes(chart.png)
    current = {chart.name for chart in charts}
    stale = [path for path in (*folder.glob("*.svg"), *folder.glob("*.png")) if path.name.startswith(_OWN)]
    for path in stale:
        if path.stem not in current:
            path.unlink(missing_ok=True)


_OWN = ("axis-", "quality-by-kimg.", "best-so-far.", "confirmed-seeds.", "statuses.")


def missing_charts(charts: list[Chart]) -> list[str]:
    """Say in words why a figure of study_charts is not there."""
    drawn = {chart.name for chart in charts}
    texts = {
        "quality-by-kimg": "No quality was measured, so there are no learning curves.",
        "best-so-far": "No search trial was measured at full length with its time, so there is no best-so-far curve.",
        "confirmed-seeds": "No configuration has been confirmed.",
        "statuses": "No trial has been recorded.",
    }
    return [text for name, text in texts.items() if name not in drawn]


def axis_note(study: Study, trials: pd.DataFrame, axis_charts: list[Chart]) -> str:
    """Say what the axis figures show, on how many trials, and what they cannot show."""
    kept = int(((trials["stage"] == "search") & trials["comparable"] & trials["yardstick"]).sum())
    note = (
        f"{count(kept, 'search trial')} measured at the same training length. The other parameters vary too, and the "
        "search tries good regions more often: a pattern here is a hint, not an effect. Bars are medians; the number "
        "of trials is in brackets."
    )
    left_out = len(study.axes) - len(axis_charts)
    return note + (f" {count(left_out, 'further parameter')} took one value only or found no room." if left_out else "")
