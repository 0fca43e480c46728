"""Text in Markdown and LaTeX: what is special is escaped, and no cell can break its table."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

Blocks = Iterable[tuple[str, Iterable[Sequence[str]]]]
"""Rows under headings of their own, which may be empty; of cells that are escaped already."""


def escape_latex(text: Any) -> str:
    r"""Escape text for LaTeX's text mode: \ & % $ # _ { } ~ ^ < > | and the report's own signs."""
    return str(text).translate(_LATEX)


def escape_markdown(text: Any) -> str:
    """Escape text for a cell or a paragraph of GitHub-flavoured Markdown."""
    return str(text).translate(_MARKDOWN)


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], numeric: Sequence[bool] = ()) -> list[str]:
    """Return the lines of a GitHub-flavoured table; cells and header are escaped already."""
    aligned = [" ---: |" if at < len(numeric) and numeric[at] else " --- |" for at in range(len(header))]
    return [_row(header), "|" + "".join(aligned), *(_row(row) for row in rows)]


def latex_tabular(columns: Sequence[str], header: Sequence[str], blocks: Blocks) -> list[str]:
    """Return the lines of a booktabs tabular; `columns` is each one's alignment, as "l" or "p{3cm}"."""
    lines = [rf"\begin{{tabular}}{{{''.join(columns)}}}", r"\toprule", _latex_row(header)]
    for heading, rows in blocks:
        lines.append(r"\midrule")
        if heading:
            lines.append(rf"\multicolumn{{{len(columns)}}}{{l}}{{\textit{{{heading}}}}} \\")
        lines += [_latex_row(row) for row in rows]
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def fold(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` characters, at spaces and after . + - _ /; a longer word stays whole."""
    lines = [""]
    for piece in re.split(r"(?<=[ .+_/-])", text):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def stacked_lines(lines: Iterable[str], numeric: bool) -> str:
    """Return a cell of several lines, one above the other; they are escaped already."""
    every = list(lines)
    if len(every) == 1:
        return every[0]
    side = "r" if numeric else "l"
    return rf"\begin{{tabular}}[t]{{@{{}}{side}@{{}}}}" + r" \\ ".join(every) + r"\end{tabular}"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _latex_row(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"


_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
        "|": r"\textbar{}", "±": r"$\pm$", "–": "--", "−": r"$-$", "×": r"$\times$", "→": r"$\to$", "\n": " ",
        # A row that begins with one would be taken for an argument of the line break before it.
        "[": "{[}", "]": "{]}",
    }
)  # fmt: skip
_MARKDOWN = str.maketrans({sign: "\\" + sign for sign in "\\`*_|[]"} | {"<": "&lt;", ">": "&gt;", "\n": " ", "\r": " "})
