"""What the page shows, and its rendering."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.ablation.loading import NO_PLAN
from analysis.conclusions import conclude
from analysis.figures.chart import Chart
from analysis.figures.of_search import axis_note
from analysis.formatting import ABSENT, amount, axis_value, duration
from analysis.gallery import best_pictures, top_trials
from analysis.leaderboard import RANKED, SECTIONS, short_id
from analysis.made import blocks, commands
from analysis.notebooks.running import Executed
from analysis.parameters import parameter_table
from analysis.results import Study, dig
from analysis.tables.registry import TABLES
from analysis.tables.table import Table
from analysis.tables.writers import WRITERS, sentences
from analysis.view import View
from ignm.training.filenames import CONFIG, EVIDENCE, WEIGHTS
from ignm.words import capital

RANKED_ROWS, OTHER_ROWS = 25, 10
"""Rows of one leaderboard section that the page shows; the tables hold all of them."""

WINNER_FILES = ("README.md", CONFIG, WEIGHTS, "samples.png", EVIDENCE)
"""Of best/, as far as they are there."""

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Parts:
    """What was made for the page: figures, and why others are not there; tables; executed notebooks."""

    ablation_charts: list[Chart] = field(default_factory=list)
    search_charts: list[Chart] = field(default_factory=list)
    axis_charts: list[Chart] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    tables: Mapping[str, Table] = field(default_factory=dict)
    notebooks: list[Executed] = field(default_factory=list)

    @property
    def charts(self) -> list[Chart]:
        """Every figure."""
        return [*self.ablation_charts, *self.search_charts, *self.axis_charts]


def render_page(view: View, parts: Parts) -> str:
    """Render report/index.html as one self-contained document."""
    study, conclusions = view.study, conclude(view)
    shown = view.shown_board
    tables = [table for name, table in parts.tables.items() if conclusions or not TABLES[name].judges]
    board = _board_columns(shown)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("report.html.j2").render(
        name=study.name,
        parts=_contents(view, parts),
        open_tables=[name for name, entry in TABLES.items() if entry.stands_open],
        subtitle=_subtitle(study),
        conclusions=conclusions,
        searched=view.has_search,
        finding=view.finding,
        winner_files=[file for file in WINNER_FILES if (study.folder / "best" / file).is_file()],
        facts=_facts(view),
        tables=[table.said_once() for table in tables if table.rows],
        empty_tables=[table for table in tables if not table.rows],
        suffixes=tuple(WRITERS),
        no_ablation="" if conclusions else NO_PLAN,
        sentences=sentences,
        pictures=best_pictures(study),
        pictures_title=_pictures_title(study),
        parameters=parameter_table(study, view.searched, view.finding.config_id),
        winner_config=study.winner_config,
        quality=view.quality,
        board_columns=board.columns,
        board_same=board.same,
        board_sections=list(_board_sections(shown, board.columns)),
        ablation_charts=parts.ablation_charts,
        charts=parts.search_charts,
        missing_charts=parts.missing,
        axis_charts=parts.axis_charts,
        axis_note=axis_note(view, len(parts.axis_charts)),
        gallery=top_trials(view),
        notebooks=parts.notebooks,
        made=list(blocks(view)),
        commands=commands(view),
    )


def _contents(view: View, parts: Parts) -> list[tuple[str, str]]:
    """What stands on the page, by its anchor."""
    there = {
        "tables": ("Tables", bool(parts.tables)),
        "ablation": ("What was switched", bool(parts.ablation_charts)),
        "leaderboard": ("Leaderboard", view.has_search),
        "figures": ("Trials", True),
        "notebooks": ("Notebooks", bool(parts.notebooks)),
        "how": ("How it was made", True),
    }
    return [(target, title) for target, (title, is_there) in there.items() if is_there]


def _subtitle(study: Study) -> str:
    question = study.asked.get("question")
    data, resolution = dig(question, "data", "name"), dig(question, "data", "resolution")
    parts = [f"{data}" + (f" at {resolution}×{resolution}" if resolution else "")] if data else []
    parts += [f"space {Path(dig(question, 'space')).name}"] if dig(question, "space") else []
    parts += [f"preset {axis_value(dig(question, 'preset'))}"] if dig(question, "preset") else []
    parts += [f"created {study.asked['created']}"] if study.asked.get("created") else []
    return " · ".join(parts)


def _facts(view: View) -> list[tuple[str, str]]:
    trials = view.trials
    if trials.empty:
        return []
    stages = trials["stage"].value_counts()
    facts = [(f"{stage} trials", f"{amount:,}") for stage, amount in stages.sort_index(ascending=False).items()]
    facts = [(capital(label), value) for label, value in facts]
    facts.append(("Completed", f"{int((trials['status'] == 'completed').sum()):,} of {len(trials):,}"))
    facts.append(("Training time", duration(trials["seconds"].sum()) if trials["seconds"].notna().any() else ABSENT))
    facts.append(("Images shown", f"{amount(trials['kimg'].sum())} kimg" if trials["kimg"].notna().any() else ABSENT))
    return facts


def _pictures_title(study: Study) -> str:
    config = study.evidence.get("config_id")
    return f"Samples of configuration {short_id(str(config))}" if config else "Samples of the best configuration"


@dataclass(frozen=True)
class _Columns:
    """Those that the leaderboard shows, and what all its rows have in common, in words."""

    columns: list[str]
    same: str


def _board_columns(shown: pd.DataFrame) -> _Columns:
    """Leave out what every row says; never what a row is known by, nor its quality."""
    columns = [column for column in shown.columns if column not in ("section", "dim")]
    same = {
        column: shown[column].iloc[0]
        for column in columns
        if len(shown) > 1 and column not in ("Rank", "Configuration", "Quality") and shown[column].nunique() == 1
    }
    told = ", ".join(f"{column} {'none' if value == ABSENT else value}" for column, value in same.items())
    return _Columns([column for column in columns if column not in same], told)


@dataclass(frozen=True)
class _Section:
    key: str
    title: str
    rows: list[dict[str, Any]]
    hidden: int


def _board_sections(shown: pd.DataFrame, columns: list[str]) -> Iterator[_Section]:
    for key, title in SECTIONS.items():
        mine = shown[shown["section"] == key]
        cells = mine[columns].head(RANKED_ROWS if key in RANKED else OTHER_ROWS)
        rows = [{"cells": list(row), "dim": key not in RANKED} for row in cells.itertuples(index=False)]
        if rows:
            yield _Section(key, title, rows, len(mine) - len(rows))
