"""The three ways to write a table: CSV for machines, Markdown for readers, LaTeX for papers."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from analysis.formatting import ABSENT
from analysis.tables.markup import (
    escape_latex,
    escape_markdown,
    fold,
    latex_tabular,
    markdown_table,
    stacked_lines,
)
from analysis.tables.table import Cell, Column, Table

HEADER, WORDS = 10, 15
"""Characters in a line of a heading, and of a cell of words, in LaTeX."""

FLOAT_ROWS, FLOAT_SENTENCES = 12, 14
"""Rows in one float, and sentences below them, in LaTeX."""

LEGEND = "Bold: best. Italic: not distinguishable from the best."


def to_csv(table: Table) -> str:
    """Write numbers in full, each with what is known of it in columns of its own: KEY_low, KEY_high, KEY_n and so on.

    A column of these is there where any row has it. Empty is what is not known.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    parts = [_parts(table.column(column.key)) for column in table.columns]
    writer.writerow(
        [f"{c.key}_{part}" if part else c.key for c, of in zip(table.columns, parts, strict=True) for part in of]
    )
    for row in table.rows:
        cells = zip(table.columns, row, parts, strict=True)
        writer.writerow([_plain(column, cell, part) for column, cell, of in cells for part in of])
    return file.getvalue()


def to_markdown(table: Table) -> str:
    """Write a GitHub-flavoured table under its title and caption; the best is bold, what is tied with it italic."""
    lines = [f"### {escape_markdown(table.title)}", "", escape_markdown(table.caption), ""]
    if table.rows:
        header = [escape_markdown(column.title) for column in table.columns]
        reasons = table.reasons
        rows = [[_markdown_cell(cell, reasons) for cell in row] for row in table.rows]
        lines += markdown_table(header, rows, [column.numeric for column in table.columns])
        lines.append("")
    for sentence in sentences(table):
        lines += [escape_markdown(sentence), ""]
    return "\n".join(lines)


def to_latex(table: Table) -> str:
    r"""Write floating tables with caption and label; needs only \usepackage{booktabs}, and every cell is escaped.

    So that it fits a page, long words are broken, intervals stand below their values, a column of words that says the
    same in every row goes into the caption, and many rows go into several floats, with the sentences behind them.
    """
    table = table.said_once()
    below = sentences(table)
    notes = [r"\scriptsize\raggedright", *(rf"{escape_latex(sentence)}\par" for sentence in below)]
    parts = [table.rows[at : at + FLOAT_ROWS] for at in range(0, len(table.rows), FLOAT_ROWS)]
    # Whatever stands in a float must fit one page; long sentences do not.
    inside = len(parts) < 2 and len(below) <= FLOAT_SENTENCES
    lines = ["% needs \\usepackage{booktabs}"]
    for at, rows in enumerate(parts or [()]):
        lines += [
            r"\begin{table}",
            r"\centering",
            *_heading(table, at),
            r"\scriptsize",
            r"\setlength{\tabcolsep}{2.5pt}",
        ]
        if rows:
            # Into both margins alike, where it is wider than the text.
            lines += [r"\makebox[\linewidth][c]{%", *_tabular(table, rows), "}"]
        if inside and below:
            lines += ["", r"\medskip", r"\begin{minipage}{\linewidth}", *notes, r"\end{minipage}"]
        lines.append(r"\end{table}")
    if below and not inside:
        lines += ["", "{", *notes, "}"]
    return "\n".join(lines) + "\n"


def _heading(table: Table, at: int) -> list[str]:
    if at == 0:
        caption = escape_latex(f"{table.title}. {table.caption}")
        return [rf"\caption{{{caption}}}", rf"\label{{tab:{table.name}}}"]
    return [r"\addtocounter{table}{-1}", rf"\caption{{{escape_latex(table.title)} (continued).}}"]


def _tabular(table: Table, rows: Sequence[tuple[Cell, ...]]) -> list[str]:
    columns, reasons = table.columns, table.reasons
    header = [stacked_lines(map(escape_latex, fold(column.title, HEADER)), column.numeric) for column in columns]
    written = [[_latex_cell(cell, of, reasons) for cell, of in zip(row, columns, strict=True)] for row in rows]
    return latex_tabular(["r" if column.numeric else "l" for column in columns], header, [("", written)])


def sentences(table: Table) -> list[str]:
    """Return what stands below a table: why it is empty, what the marks mean, the reasons by letter, the notes."""
    return [
        *([f"No row: {table.empty}."] if table.empty and not table.rows else []),
        *([LEGEND] if table.marked else []),
        *(f"({name}) {why}." if not why.endswith(".") else f"({name}) {why}" for why, name in table.reasons.items()),
        *table.notes,
    ]


WRITERS: Mapping[str, Callable[[Table], str]] = {"csv": to_csv, "md": to_markdown, "tex": to_latex}
"""By the suffix of the file."""

_MARKDOWN_MARKS = {"best": ("**", "**"), "tied": ("*", "*")}
_LATEX_MARKS = {"best": (r"\textbf{", "}"), "tied": (r"\textit{", "}")}
_DETAILS = ("low", "high", "n", "lost", "mark", "why")


def _markdown_cell(cell: Cell, reasons: Mapping[str, str]) -> str:
    before, after = _MARKDOWN_MARKS[cell.mark] if cell.mark else ("", "")
    return f"{before}{escape_markdown(cell.shown)}{after}{_reference(cell, reasons)}"


def _latex_cell(cell: Cell, column: Column, reasons: Mapping[str, str]) -> str:
    before, after = _LATEX_MARKS[cell.mark] if cell.mark else ("", "")
    # One above the other, or no page is wide enough.
    parts = cell.shown.split(" [", 1)
    lines = [parts[0], *(f"[{rest}" for rest in parts[1:])] if column.numeric else fold(cell.shown, WORDS)
    written = [f"{before}{escape_latex(line)}{after}" for line in lines]
    written[0] += _reference(cell, reasons)
    return stacked_lines(written, column.numeric)


def _reference(cell: Cell, reasons: Mapping[str, str]) -> str:
    return f" ({reasons[cell.why]})" if cell.why else ""


def _parts(cells: Sequence[Cell]) -> list[str]:
    return ["", *(part for part in _DETAILS if any(getattr(cell, part) not in (None, "") for cell in cells))]


def _plain(column: Column, cell: Cell, part: str) -> str:
    if part:
        value = getattr(cell, part)
    else:
        value = cell.value if column.numeric else cell.text.replace(ABSENT, "")
    return "" if value is None else f"{value:.10g}" if isinstance(value, float) else str(value)
