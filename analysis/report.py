"""The one-page report of a study: what was found, how far to trust it, and how it was made."""

from pathlib import Path

from analysis.charts import axis_charts, study_charts, write_charts
from analysis.findings import find, quality_name
from analysis.leaderboard import display_table, leaderboard, to_latex, to_markdown
from analysis.page import render_page
from analysis.results import load_study, summarise_trials
from ignm.files import write_text


def build_report(study: Path) -> Path:
    """Write report/index.html, report/tables/ and report/figures/ of a study; return the page's path.

    study: the study's folder, finished or not. Everything is made before the first file is written, and each file is
    written atomically; the same study gives the same bytes.

    Raises IgnmError when the folder is not a study or its files cannot be read.
    """
    loaded = load_study(Path(study))
    trials = summarise_trials(loaded)
    board = leaderboard(loaded, trials)
    finding = find(loaded, trials, board)
    charts = study_charts(loaded, trials, board, finding)
    panels = axis_charts(loaded, trials)
    page = render_page(loaded, trials, board, finding, charts, panels)
    tables = {
        "csv": board.to_csv(index=False),
        "md": to_markdown(display_table(loaded, board)),
        "tex": to_latex(loaded, board, quality_name(loaded)),
    }
    report = loaded.folder / "report"
    for suffix, text in tables.items():
        write_text(report / "tables" / f"leaderboard.{suffix}", text)
    write_charts(report / "figures", charts + panels)
    write_text(report / "index.html", page)
    return report / "index.html"
