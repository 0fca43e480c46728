"""The leaderboard: which configurations did best, in an order that never mixes numbers that cannot be compared."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from analysis.baseline import baseline_id, baseline_name
from analysis.formatting import ABSENT, amount, axis_value, mean_sd, number, short_names, status_words
from analysis.results import LOST, Study, summarise_trials
from analysis.tables.markup import escape_latex, escape_markdown, latex_tabular, markdown_table
from ignm.words import count

SECTIONS = {
    "confirmed": "Confirmed on their own seeds: these numbers are the result",
    "searched": "Search: used only to choose what to confirm",
    "unfinished": "Stopped early or still running: not ranked",
    "lost": "Lost: diverged, out of memory or failed",
    "elsewhere": "Measured with another metric or against another reference: not comparable with the rest",
}
"""Sections of the leaderboard, in order; a rank counts within its section only."""

RANKED = ("confirmed", "searched")
TEX_ROWS = 20
TEX_CONFIGURATIONS = 5

_MEASURES = {
    "diversity": "Diversity",
    "stability": "Stability",
    "images_per_second": "Images/s",
    "seconds": "Seconds",
}


def leaderboard(study: Study, trials: pd.DataFrame | None = None) -> pd.DataFrame:
    """Rank the study's configurations; one row per configuration within each section of SECTIONS.

    The ablation's arms are not among them: they were not chosen, and `analysis.tables` tells of them.
    quality is the mean over the row's seeds and sd their sample standard deviation (n-1; NaN for one seed).
    diversity, stability, images_per_second and seconds are means over the same seeds; kimg is the shortest of them.
    defects are those that the last measurement of any of them showed. seeds_lost counts the seeds of the same
    configuration and stage that diverged, ran out of memory or failed. A confirmed configuration with fewer finished
    seeds than the fullest is ranked after those with all, and one that lost a seed after those that lost none. Unranked
    rows have a missing rank.
    """
    trials = summarise_trials(study) if trials is None else trials
    trials = trials[trials["stage"] != "ablate"]
    if trials.empty:
        return _empty(study)
    trials = trials.assign(section=_sections(trials))
    # Trials that are not ranked stay one row each; a mean over them would mix training lengths.
    alone = ~trials["section"].isin(RANKED)
    rows = _rows(study, trials.assign(single=trials["trial"].where(alone, "")))
    fullest = max((row["n"] for row in rows if row["section"] == "confirmed"), default=0)
    rows.sort(key=lambda row: _order(row, fullest))
    board = pd.DataFrame(rows)
    ranked = board["section"].isin(RANKED)
    board["rank"] = (board.groupby("section").cumcount() + 1).where(ranked).astype("Int64")
    return board[list(_empty(study).columns)]


def display_table(study: Study, board: pd.DataFrame) -> pd.DataFrame:
    """Turn the leaderboard into text for readers; the columns `section` and `dim` stay for the layout."""
    shown = pd.DataFrame(index=board.index)
    shown["section"] = board["section"]
    shown["Rank"] = board["rank"].map(lambda rank: ABSENT if pd.isna(rank) else str(rank))
    shown["Configuration"] = board["config_id"].map(lambda config: configuration_name(study, config))
    shown["Quality"] = [mean_sd(mean, sd, 4) for mean, sd in zip(board["quality"], board["sd"], strict=True)]
    shown["Status"] = [_status_text(row) for row in board.to_dict("records")]
    shown["Seeds"] = [row["seeds"] or ABSENT for row in board.to_dict("records")]
    shown["kimg"] = board["kimg"].map(amount)
    for column, title in _MEASURES.items():
        shown[title] = board[column].map(amount if column == "seconds" else number)
    if board["defects"].ne("").any():
        shown["Defects"] = board["defects"].map(lambda names: names or ABSENT)
    names = short_names([axis.path for axis in study.axes])
    for axis in study.axes:
        shown[names[axis.path]] = board[axis.path].map(axis_value)
    if board["section"].eq("elsewhere").any():
        shown["Metric"] = board["metric"]
        shown["Reference"] = board["reference_id"]
    shown["Trials"] = board["trials"]
    shown["dim"] = ~board["section"].isin(RANKED)
    return shown.astype({column: object for column in shown.columns if column != "dim"})


def to_markdown(shown: pd.DataFrame) -> str:
    """Write the display table as GitHub-flavoured Markdown, one table per section."""
    parts = []
    for section, rows in _by_section(shown):
        table = rows.drop(columns=["section", "dim"])
        written = [[escape_markdown(cell) for cell in row] for row in table.itertuples(index=False)]
        lines = markdown_table([escape_markdown(column) for column in table.columns], written)
        parts.append(f"### {SECTIONS[section]}\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts) or "Nothing has been measured yet.\n"


def to_latex(study: Study, board: pd.DataFrame, quality_name: str) -> str:
    r"""Write two booktabs tabulars: the ranked rows (at most 20), and the values the first five chose.

    Needs only \usepackage{booktabs}; every cell is escaped.
    """
    ranked = board[board["section"].isin(RANKED)].head(TEX_ROWS)
    if ranked.empty:
        return "% Nothing has been measured to the end yet.\n"
    shown = display_table(study, ranked)
    columns = ["Rank", "Configuration", "Quality", "Seeds", "kimg", "Diversity", "Stability", "Images/s"]
    header = [quality_name if column == "Quality" else column for column in columns]
    blocks = [
        (escape_latex(SECTIONS[section]), map(_latex_cells, rows[columns].itertuples(index=False)))
        for section, rows in _by_section(shown)
    ]
    # Into both margins alike, where it is wider than the text.
    middle = r"\noindent\makebox[\linewidth][c]{%"
    lines = [middle, *latex_tabular("rlrlrrrr", _latex_cells(header), blocks), "}"]
    if study.axes:
        lines += ["", middle, *_latex_values(study, ranked.head(TEX_CONFIGURATIONS)), "}"]
    small = r"{\scriptsize\setlength{\tabcolsep}{2pt}%"
    return "\n".join(["% needs \\usepackage{booktabs}", small, *lines, "}"]) + "\n"


def short_id(identity: str) -> str:
    """Shorten a content hash for a reader; short names stay whole."""
    return identity if len(identity) <= 16 else identity[:10]


def configuration_name(study: Study, config: str) -> str:
    """Shorten a config_id for a reader, with the baseline's name beside it if it is the baseline."""
    if config and config == baseline_id(study):
        return f"{short_id(config)} ({baseline_name(study)})"
    return short_id(config)


def _sections(trials: pd.DataFrame) -> "pd.Series[str]":
    measured = trials["quality"].notna()
    conditions = [
        trials["status"].isin(LOST) | ((trials["status"] == "completed") & ~measured),
        measured & ~trials["yardstick"],
        trials["comparable"] & (trials["stage"] == "confirm"),
        trials["comparable"],
    ]
    names = np.select(conditions, ["lost", "elsewhere", "confirmed", "searched"], default="unfinished")
    return pd.Series(names, index=trials.index)


_KEYS = ["section", "stage", "config_id", "metric", "reference_id", "status", "single"]


def _rows(study: Study, trials: pd.DataFrame) -> list[dict[str, Any]]:
    """Return one row a group of trials, all groups at once: there may be ten thousand."""
    ordered = trials.sort_values("seed", kind="stable")
    texts = {
        "seeds": ordered["seed"].map(lambda seed: "" if pd.isna(seed) else str(seed)),
        "qualities": ordered["quality"].map(lambda value: "" if pd.isna(value) else f"{value:.6g}"),
    }
    grouped = ordered.assign(**texts).groupby(_KEYS, sort=False)
    table = grouped.agg(
        trials=("trial", ", ".join), seeds=("seeds", _joined), qualities=("qualities", _joined), n=("quality", "count"),
        mean=("quality", "mean"), sd=("quality", "std"), kimg=("kimg", "min"), defects=("defects", _all_names),
        **{column: (column, "mean") for column in _MEASURES},
    )  # fmt: skip
    # Not `first`, which takes the next trial's value where the first has none.
    firsts = grouped.head(1).set_index(_KEYS)[[axis.path for axis in study.axes]]
    lost = trials[trials["status"].isin(LOST)].groupby(["stage", "config_id"]).size().rename("seeds_lost")
    table = table.join(firsts).reset_index().join(lost, on=["stage", "config_id"]).rename(columns={"mean": "quality"})
    table["seeds_lost"] = table["seeds_lost"].fillna(0).astype(int)
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _joined(texts: "pd.Series[str]") -> str:
    return ", ".join(text for text in texts if text)


def _all_names(told: "pd.Series[str]") -> str:
    return ", ".join(sorted({name for names in told for name in names.split(", ") if name}))


def _order(row: dict[str, Any], fullest: int) -> tuple[Any, ...]:
    """Sort key: section; missing and lost seeds last; ranked rows by quality, stopped ones by how far they came."""
    quality = np.inf if pd.isna(row["quality"]) else row["quality"]
    reached = 0.0 if pd.isna(row["kimg"]) else row["kimg"]
    section = list(SECTIONS).index(row["section"])
    if row["section"] in RANKED:
        # A configuration with seeds missing shows only its lucky or its early ones. A search has one seed each.
        missing = row["section"] == "confirmed" and row["n"] < fullest
        return (section, missing, row["seeds_lost"] > 0, quality, row["trials"])
    if row["section"] == "elsewhere":
        return (section, row["metric"], row["reference_id"], quality, row["trials"])
    return (section, -reached, quality, row["trials"])


def _empty(study: Study) -> pd.DataFrame:
    columns = ["section", "rank", "config_id", "trials", "stage", "status", "seeds", "n", "seeds_lost", "kimg"]
    columns += ["quality", "sd", "qualities", *_MEASURES, "defects", "metric", "reference_id"]
    return pd.DataFrame(columns=[*columns, *(axis.path for axis in study.axes)])


def _status_text(row: dict[Hashable, Any]) -> str:
    text = status_words(row["status"])
    if row["section"] == "confirmed" and row["seeds_lost"]:
        return f"{text}, {count(row['seeds_lost'], 'seed')} lost"
    return text


def _by_section(shown: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    return [(section, rows) for section in SECTIONS if len(rows := shown[shown["section"] == section])]


def _latex_cells(cells: Iterable[Any]) -> list[str]:
    return [escape_latex(cell) for cell in cells]


def _latex_values(study: Study, rows: pd.DataFrame) -> list[str]:
    names = short_names([axis.path for axis in study.axes])
    heading = ["Parameter", *(f"{section} {rank}" for section, rank in zip(rows["section"], rows["rank"], strict=True))]
    values = [_latex_cells([names[axis.path], *map(axis_value, rows[axis.path])]) for axis in study.axes]
    return latex_tabular("l" * len(heading), _latex_cells(heading), [("", values)])
