"""The report of a study: what was found, how far to trust it, how it was made; a page, tables, figures, notebooks."""

from pathlib import Path

from analysis.figures.chart import write_charts
from analysis.figures.registry import draw_ablation, draw_axes, draw_search
from analysis.leaderboard import to_latex, to_markdown
from analysis.notebooks.running import make_notebooks
from analysis.notebooks.showing import nothing_to_show
from analysis.page import Parts, render_page
from analysis.tables.registry import make_tables, write_tables
from analysis.view import View, open_view
from ignm.files import write_text


def build_report(study: Path, notebooks: bool = True) -> Path:
    """Write report/index.html, tables/, figures/ and notebooks/ of a study; return the page's path.

    study: the study's folder, finished or not; notebooks: execute them too, in a process of its own. Whatever can fail
    is made before the first file is written, and each file is written atomically; the same study gives the same bytes.
    A notebook that fails does not stop the others, and the page says so.

    Raises IgnmError when the folder is not a study or its files cannot be read.
    """
    view = open_view(Path(study))
    report = view.study.folder / "report"
    board = _leaderboard(view)
    parts = _parts(view)
    if notebooks:
        parts.notebooks.extend(make_notebooks(report, nothing_to_show(view)))
    page = render_page(view, parts)
    for suffix, text in board.items():
        write_text(report / "tables" / f"leaderboard.{suffix}", text)
    write_tables(parts.tables, report / "tables")
    write_charts(report / "figures", parts.charts)
    write_text(report / "index.html", page)
    return report / "index.html"


def _leaderboard(view: View) -> dict[str, str]:
    return {
        "csv": view.board.to_csv(index=False),
        "md": to_markdown(view.shown_board),
        "tex": to_latex(view.study, view.board, view.quality),
    }


def _parts(view: View) -> Parts:
    ablation, missing = draw_ablation(view)
    search, without = draw_search(view) if view.has_search else ([], [])
    return Parts(ablation, search, draw_axes(view), [*missing, *without], make_tables(view))
