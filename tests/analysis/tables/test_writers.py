import csv
import io
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.latex import faults

from analysis.statistics.estimates import NotEstimable, mean_estimate
from analysis.tables.markup import fold
from analysis.tables.table import Cell, Column, Table, estimate, letter, probability, share, whole, words
from analysis.tables.writers import to_csv, to_latex, to_markdown

COLUMNS = (Column("model", "Model"), Column("quality", "Quality", numeric=True), Column("n", "Runs", numeric=True))
SMALL = Table(
    "small",
    "A small table",
    "Means over seeds. Study a_b, 40 kimg.",
    COLUMNS,
    (
        (words("dcgan"), Cell(12.345, low=11.9, high=12.79, n=3, lost=1), whole(3)),
        (words("wgan_gp & co"), Cell(9.87, low=9.5, high=10.24, n=3, lost=0, mark="best"), whole(3)),
        (words("sagan"), Cell(9.9, n=1, mark="tied", why="only one seed: its spread is unknown"), whole(1)),
        (words(""), estimate(NotEstimable("no run has ended")), Cell()),
    ),
    ("100% of what there is.",),
)


def test_markdown_is_as_written_here():
    assert to_markdown(SMALL) == (
        "### A small table\n\n"
        "Means over seeds. Study a\\_b, 40 kimg.\n\n"
        "| Model | Quality | Runs |\n"
        "| --- | ---: | ---: |\n"
        "| dcgan | 12.35 \\[11.90, 12.79\\] | 3 |\n"
        "| wgan\\_gp & co | **9.87 \\[9.50, 10.24\\]** | 3 |\n"
        "| sagan | *9.90* (a) | 1 |\n"
        "| – | – (b) | – |\n\n"
        "Bold: best. Italic: not distinguishable from the best.\n\n"
        "(a) only one seed: its spread is unknown.\n\n"
        "(b) no run has ended.\n\n"
        "100% of what there is.\n"
    )


def test_latex_is_as_written_here():
    assert to_latex(SMALL) == (
        "% needs \\usepackage{booktabs}\n"
        "\\begin{table}\n\\centering\n"
        "\\caption{A small table. Means over seeds. Study a\\_b, 40 kimg.}\n"
        "\\label{tab:small}\n\\scriptsize\n\\setlength{\\tabcolsep}{2.5pt}\n"
        "\\makebox[\\linewidth][c]{%\n"
        "\\begin{tabular}{lrr}\n\\toprule\nModel & Quality & Runs \\\\\n\\midrule\n"
        "dcgan & \\begin{tabular}[t]{@{}r@{}}12.35 \\\\ {[}11.90, 12.79{]}\\end{tabular} & 3 \\\\\n"
        "wgan\\_gp \\& co & \\begin{tabular}[t]{@{}r@{}}\\textbf{9.87} \\\\ \\textbf{{[}9.50, 10.24{]}}\\end{tabular}"
        " & 3 \\\\\n"
        "sagan & \\textit{9.90} (a) & 1 \\\\\n"
        "-- & -- (b) & -- \\\\\n"
        "\\bottomrule\n\\end{tabular}\n}\n\n"
        "\\medskip\n\\begin{minipage}{\\linewidth}\n\\scriptsize\\raggedright\n"
        "Bold: best. Italic: not distinguishable from the best.\\par\n"
        "(a) only one seed: its spread is unknown.\\par\n"
        "(b) no run has ended.\\par\n"
        "100\\% of what there is.\\par\n"
        "\\end{minipage}\n\\end{table}\n"
    )


def test_csv_holds_numbers_in_full_and_what_is_known_of_them():
    rows = list(csv.DictReader(io.StringIO(to_csv(SMALL))))
    assert list(rows[0]) == [
        "model", "quality", "quality_low", "quality_high", "quality_n", "quality_lost", "quality_mark", "quality_why",
        "n",
    ]  # fmt: skip
    assert rows[0] | {"quality_why": ""} == rows[0]
    assert (rows[0]["quality"], rows[0]["quality_low"], rows[0]["quality_lost"]) == ("12.345", "11.9", "1")
    assert rows[1]["quality_mark"] == "best"
    assert (rows[3]["model"], rows[3]["quality"], rows[3]["quality_why"]) == ("", "", "no run has ended")


def test_a_table_without_rows_says_what_would_make_them():
    empty = Table("t", "Title", "Caption.", COLUMNS, (), empty="Run it.")
    assert to_csv(empty) == "model,quality,n\n"
    assert "Run it." in to_markdown(empty)
    assert "|" not in to_markdown(empty)
    assert "Run it." in to_latex(empty)
    assert "tabular" not in to_latex(empty)
    assert faults(to_latex(empty)) == []


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="3 cells"):
        Table("t", "Title", "Caption.", COLUMNS, ((words("a"),),))


def test_an_interval_has_two_digits_of_its_half():
    shown = estimate(mean_estimate([10.0, 11.0, 12.0])).shown
    # 11 +- 4.30265 / sqrt(3)
    assert shown == "11.0 [8.5, 13.5]"
    assert Cell(-0.001, low=-2.0, high=2.0).shown == "0.0 [−2.0, 2.0]"


def test_small_things_are_written_for_a_reader():
    assert [probability(p).shown for p in (None, 0.0004, 0.0234)] == ["–", "< 0.001", "0.023"]
    assert [share(value).shown for value in (None, -0.001, -0.5, 0.256)] == ["–", "0%", "−50%", "26%"]
    assert [letter(at) for at in (0, 25, 26, 27, 702)] == ["a", "z", "aa", "ab", "aaa"]


def test_text_is_folded_where_it_may_be():
    assert fold("generator.activation is wide", 12) == ["generator.", "activation", "is wide"]
    assert fold("unbreakableword", 5) == ["unbreakableword"]


def test_many_rows_go_into_several_floats():
    rows = tuple((words(f"model {at}"), Cell(float(at)), whole(at)) for at in range(30))
    text = to_latex(Table("t", "Title", "Caption.", COLUMNS, rows, ("Note.",)))
    assert text.count(r"\begin{table}") == 3
    assert text.count(r"\label") == 1
    assert text.count("(continued)") == 2
    assert text.index("Note.") > text.rindex(r"\end{table}")
    assert faults(text) == []


TEXTS = st.text(st.sampled_from("ab \\&%$#_{}~^<>|[]`*–−±×→\n.+-/é"), min_size=0, max_size=12)
CELLS = st.one_of(
    TEXTS.map(words),
    st.builds(
        Cell,
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)),
        TEXTS,
        st.one_of(st.none(), st.floats(-10, 0)),
        st.one_of(st.none(), st.floats(0, 10)),
        mark=st.sampled_from([None, "best", "tied"]),
        why=TEXTS,
    ),
)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=15), st.booleans(), TEXTS, TEXTS)
def test_no_text_can_break_a_table(cells, numeric, title, note):
    table = Table("t", title, note, (Column("a", title), Column("b", note, numeric)), tuple(cells), (note,))
    assert faults(to_latex(table)) == []
    lines = [line.replace(r"\|", "") for line in to_markdown(table).splitlines() if line.startswith("| ")]
    assert {line.count("|") for line in lines} <= {3}
    assert len(list(csv.reader(io.StringIO(to_csv(table))))) == 1 + len(cells)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_latex_compiles_with_a_plain_article(tmp_path):
    hard = Table(
        "hard", "50% & $3_{a}~^\\", "<|>[x] ± – − × → #1", COLUMNS,
        ((words("[begins so"), Cell(1.0, low=0.5, high=1.5, mark="best"), whole(1)), *SMALL.rows),
    )  # fmt: skip
    texts = "\n".join(map(to_latex, (SMALL, hard)))
    document = f"\\documentclass{{article}}\n\\usepackage{{booktabs}}\n\\begin{{document}}\n{texts}\\end{{document}}\n"
    (tmp_path / "tables.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "tables.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull \\hbox" not in done.stdout


@pytest.mark.parametrize(
    "broken",
    [
        r"\textbf{a",
        "a}",
        r"\begin{table}",
        r"\begin{table}\end{minipage}",
        "\\begin{tabular}{ll}\na & b & c \\\\\n\\end{tabular}",
        "50% of $3",
        "a_b",
    ],
)
def test_the_reader_of_latex_sees_what_is_wrong(broken):
    assert faults(broken)
