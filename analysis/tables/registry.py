"""The tables by name, in the order of a paper, and their files."""

from collections.abc import Callable, Mapping
from pathlib import Path

from analysis.tables.baselines import baselines
from analysis.tables.defects import defects
from analysis.tables.importance import importance
from analysis.tables.options import options
from analysis.tables.path import path
from analysis.tables.pretraining import pretraining
from analysis.tables.strategies import interactions, strategies
from analysis.tables.table import Table
from analysis.tables.verdicts import verdicts
from analysis.tables.writers import WRITERS
from analysis.view import View
from ignm.files import write_text

TABLES: Mapping[str, Callable[[View], Table]] = {
    "baselines": baselines,
    "strategies": strategies,
    "interactions": interactions,
    "path": path,
    "data-options": options("data", "Data quality and augmentation"),
    "structure-options": options("structure", "Options of the structure"),
    "init-options": options("init", "Where training begins"),
    "loss-options": options("loss", "Losses and how they are optimised"),
    "pretraining": pretraining,
    "defects": defects,
    "verdicts": verdicts,
    "importance": importance,
}
"""What each shows is a pure function of a study; each has at least a sentence for any of them."""


def make_tables(view: View) -> dict[str, Table]:
    """Return every table of a study, whatever of it is there."""
    return {name: make(view) for name, make in TABLES.items()}


def write_tables(tables: Mapping[str, Table], folder: Path) -> list[Path]:
    """Write each table that has a row as folder/NAME.csv, .md and .tex, each file atomically; return their paths.

    What an earlier report wrote of a table that has none now is removed.
    """
    files = {(name, suffix): folder / f"{name}.{suffix}" for name in tables for suffix in WRITERS}
    texts = {at: WRITERS[at[1]](tables[at[0]]) for at in files if tables[at[0]].rows}
    for at, file in files.items():
        if at in texts:
            write_text(file, texts[at])
        else:
            file.unlink(missing_ok=True)
    return [files[at] for at in texts]
