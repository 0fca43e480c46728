import pandas as pd
import pytest

from analysis.leaderboard import display_table, leaderboard, to_latex, to_markdown
from analysis.results import load_study
from analysis.tables.markup import escape_latex


def board_of(maker, **kwargs):
    study = load_study(maker.write(**kwargs))
    return study, leaderboard(study)


def test_order_and_numbers_match_a_hand_computed_truth(maker):
    maker.trial("s0", "aaa", [50, 20.0])
    maker.trial("s1", "bbb", [50, 18.0])
    maker.trial("s2", "ccc", [70.0], status="pruned", kimg=10)
    maker.trial("s3", "ddd", [60, float("nan")], status="diverged", kimg=20)
    maker.trial("s4", "eee", [], status="out_of_memory")
    maker.trial("s5", "fff", [65.0], status="running", kimg=20)
    maker.trial("c0", "aaa", [30, 12.0], stage="confirm", seed=11, kimg=120)
    maker.trial("c1", "aaa", [30, 13.0], stage="confirm", seed=12, kimg=120)
    maker.trial("c2", "bbb", [30, 11.0], stage="confirm", seed=11, kimg=120)
    maker.trial("c3", "bbb", [30, 16.0], stage="confirm", seed=12, kimg=120)
    _, board = board_of(maker)
    assert list(zip(board["section"], board["config_id"], strict=True)) == [
        ("confirmed", "aaa"), ("confirmed", "bbb"), ("searched", "bbb"), ("searched", "aaa"),
        ("unfinished", "fff"), ("unfinished", "ccc"), ("lost", "ddd"), ("lost", "eee"),
    ]  # fmt: skip
    assert board["rank"].fillna(-1).tolist() == [1, 2, 1, 2, -1, -1, -1, -1]
    assert board.loc[0, "quality"] == 12.5
    assert board.loc[0, "sd"] == pytest.approx(0.5**0.5)
    assert board.loc[1, "sd"] == pytest.approx(12.5**0.5)
    assert (board.loc[0, "seeds"], board.loc[0, "n"], board.loc[0, "kimg"]) == ("11, 12", 2, 120)
    assert board.loc[6, "quality"] == 60
    assert pd.isna(board.loc[2, "sd"])
    assert pd.isna(board.loc[7, "quality"])


def test_the_last_measurement_counts_not_the_luckiest(maker):
    maker.trial("s0", "aaa", [5.0, 9.0])
    maker.trial("s1", "bbb", [7.0, 8.0])
    _, board = board_of(maker)
    assert board["config_id"].tolist() == ["bbb", "aaa"]
    assert board["quality"].tolist() == [8.0, 9.0]


def test_defects_of_any_seed_at_its_last_measurement_are_named(maker):
    maker.trial("c0", "aaa", [30, 12.0], stage="confirm", seed=1, defects="oscillation, mode-collapse")
    maker.trial("c1", "aaa", [30, 13.0], stage="confirm", seed=2, defects="oscillation")
    maker.trial("c2", "bbb", [30, 14.0], stage="confirm", seed=1, defects="")
    study, board = board_of(maker)
    assert board["defects"].tolist() == ["mode-collapse, oscillation", ""]
    assert "mode-collapse" in to_markdown(display_table(study, board))


def test_a_study_without_defects_shows_no_column_of_them(maker):
    maker.trial("s0", "aaa", [20.0])
    study, board = board_of(maker)
    assert "Defects" not in display_table(study, board).columns


def test_another_reference_or_metric_is_never_ranked_with_the_rest(maker):
    maker.trial("s0", "aaa", [20.0])
    maker.trial("s1", "bbb", [1.0], reference_id="other-faces")
    maker.trial("s2", "ccc", [2.0], metric="fd_other")
    study, board = board_of(maker)
    assert board["section"].tolist() == ["searched", "elsewhere", "elsewhere"]
    assert board["rank"].isna().tolist() == [False, True, True]
    assert "other-faces" in to_markdown(display_table(study, board))


def test_trials_completed_at_another_length_are_not_ranked_together(maker):
    maker.trial("s0", "aaa", [20.0], kimg=40)
    maker.trial("s1", "bbb", [19.0], kimg=39.5)
    maker.trial("s2", "ccc", [10.0], kimg=20)
    _, board = board_of(maker)
    assert board["section"].tolist() == ["searched", "searched", "unfinished"]
    assert board["config_id"].tolist() == ["bbb", "aaa", "ccc"]


def test_a_configuration_that_lost_a_seed_ranks_after_those_that_lost_none(maker):
    maker.trial("c0", "aaa", [10.0], stage="confirm", seed=1)
    maker.trial("c1", "aaa", [90.0], stage="confirm", seed=2, status="diverged", kimg=8)
    maker.trial("c2", "bbb", [12.0], stage="confirm", seed=1)
    maker.trial("c3", "bbb", [12.5], stage="confirm", seed=2)
    study, board = board_of(maker)
    assert board["config_id"].tolist() == ["bbb", "aaa", "aaa"]
    assert board["seeds_lost"].tolist() == [0, 1, 1]
    assert display_table(study, board)["Status"].tolist() == ["completed", "completed, 1 seed lost", "diverged"]


def test_missing_seeds_rank_after_all_that_are_there(maker):
    for config, qualities in {
        "aaa": [11.9],
        "bbb": [12.0, 12.1, 12.2],
        "ccc": [12.3, 12.3, 12.3],
        "ddd": [1, 1],
    }.items():
        for seed, quality in enumerate(qualities):
            maker.trial(f"{config}-{seed}", config, [quality], stage="confirm", seed=seed)
    maker.trial("aaa-1", "aaa", [40.0], stage="confirm", seed=1, status="running", kimg=8)
    maker.trial("ddd-2", "ddd", [40.0], stage="confirm", seed=2, status="diverged", kimg=8)
    _, board = board_of(maker)
    confirmed = board[board["section"] == "confirmed"]
    assert confirmed["config_id"].tolist() == ["bbb", "ccc", "aaa", "ddd"]


def test_an_ablations_arms_are_not_ranked(maker):
    maker.trial("s0", "aaa", [20.0])
    maker.trial("ablate-00-bbb-s2000", "bbb", [1.0], stage="ablate", seed=2000)
    _, board = board_of(maker)
    assert board["config_id"].tolist() == ["aaa"]


def test_a_configuration_that_the_search_tried_twice_has_no_precedence(maker):
    maker.trial("s0", "aaa", [20.0])
    maker.trial("s1", "aaa", [20.0], seed=1)
    maker.trial("s2", "bbb", [15.0])
    _, board = board_of(maker)
    assert board["config_id"].tolist() == ["bbb", "aaa"]


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a_b & 50% of $3 #1", r"a\_b \& 50\% of \$3 \#1"),
        ("{x}~^\\", r"\{x\}\textasciitilde{}\textasciicircum{}\textbackslash{}"),
        ("<|>", r"\textless{}\textbar{}\textgreater{}"),
        ("12.3 ± 0.4 – −1", r"12.3 $\pm$ 0.4 -- $-$1"),
    ],
)
def test_latex_is_escaped(text, escaped):
    assert escape_latex(text) == escaped


def test_latex_table_has_equal_cells_in_every_row_and_only_escaped_text(maker):
    maker.trial("s_0", "a_b&c%", [20.0], **{"generator.kind": r"50%_{\evil}"})
    maker.trial("s_1", "plain", [21.0], **{"generator.kind": "x$"})
    study, board = board_of(maker)
    text = to_latex(study, board, "fd_tiny")
    assert r"a\_b\&c\%" in text
    assert r"50\%\_\{\textbackslash{}evil\}" in text
    assert r"x\$" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert [line.replace(r"\&", "").count("&") for line in rows] == [7, 7, 7, 2, 2]
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 2


def test_markdown_cells_cannot_break_the_table(maker):
    maker.trial("s0", "a|b\n<i>", [20.0])
    study, board = board_of(maker)
    table = to_markdown(display_table(study, board))
    assert r"a\|b &lt;i&gt;" in table
    lines = [line.replace(r"\|", "") for line in table.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_nothing_measured_gives_tables_that_say_so(maker):
    study, board = board_of(maker)
    assert board.empty
    assert "Nothing" in to_markdown(display_table(study, board))
    assert to_latex(study, board, "fd").startswith("%")
