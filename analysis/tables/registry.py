"""The tables by name, and their files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.tables.baselines import baselines
from analysis.tables.defects import defects
from analysis.tables.importance import importance
from analysis.tables.metrics import metrics
from analysis.tables.options import options
from analysis.tables.path import path
from analysis.tables.pretraining import pretraining
from analysis.tables.strategies import interactions, strategies
from analysis.tables.table import Table
from analysis.tables.verdicts import verdicts
from analysis.tables.writers import WRITERS
from analysis.view import View
from ignm.files import write_text


@dataclass(frozen=True)
class Entry:
    """A table's maker, a pure function of a study, and how the page shows it.

    stands_open: a reader opens the others; judges: the page leaves it out where there is nothing to judge.
    """

    make: Callable[[View], Table]
    stands_open: bool = False
    judges: bool = False

    def __call__(self, view: View) -> Table:
        """Make it."""
        return self.make(view)


TABLES: Mapping[str, Entry] = {
    "verdicts": Entry(verdicts, stands_open=True, judges=True),
    "baselines": Entry(baselines, stands_open=True),
    "strategies": Entry(strategies, stands_open=True),
    "interactions": Entry(interactions),
    "path": Entry(path),
    "data-options": Entry(options("data", "Data quality and augmentation")),
    "structure-options": Entry(options("structure", "Options of the structure")),
    "init-options": Entry(options("init", "Where training begins")),
    "loss-options": Entry(options("loss", "Losses and how they are optimised")),
    "pretraining": Entry(pretraining),
    "metrics": Entry(metrics),
    "defects": Entry(defects),
    "importance": Entry(importance),
}
"""In the order of the page; each has at least a sentence for any study."""


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
