"""The ablation's figures show what was planted."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.ablated import STRATEGIES, Ablated

from analysis.ablation.comparing import compare
from analysis.ablation.contrasts import contrast
from analysis.ablation.effects import lattice_effects
from analysis.figures import frames, of_ablation
from analysis.figures.curves import _apart, quality_curves
from analysis.figures.effects import effects
from analysis.figures.interactions import interaction_matrix
from analysis.figures.registry import ABLATION, draw_ablation, draw_one
from analysis.figures.samples import Strip, read_strip, sample_rows
from analysis.figures.searched import _front, front_words, pareto
from analysis.figures.waterfall import waterfall
from analysis.view import open_view

PLANTED = {"data": 0.0, "structure": 20.0, "init": 5.0, "loss": 10.0, ("structure", "loss"): 8.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted") / "study"
    levels = {"wgan-gp": 90.0, "sagan": 80.0}
    return Ablated(folder, PLANTED, levels=levels, noise=0.2, shared=0.5).everything().axes()


@pytest.fixture(scope="module")
def view(made):
    return open_view(made.write())


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in (*axes.texts, *axes.get_yticklabels())]


def only(view, name):
    (design,) = view.ablation.of(name)
    return design


def test_every_figure_is_drawn_of_a_study_that_has_everything(view, made):
    for name in {run["trial"] for run in made.rows()}:
        path = view.study.folder / "trials" / name / "samples.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2 * 33 - 1, 4 * 33 - 1), 90, np.uint8)).save(path)
    charts, missing = draw_ablation(view)
    assert [chart.name for chart in charts] == [f"{figure.name}-faces_32" for figure in ABLATION]
    assert missing == []
    assert all("faces@32" in chart.caption for chart in charts)


def test_effects_are_those_that_were_planted(view):
    rows = frames.effects_frame(frames.effect_rows(view.ablation, only(view, "add_one_in"), "added"))
    values = rows.set_index("name")["value"]
    for name in STRATEGIES:
        assert values[name] == pytest.approx(PLANTED[name], abs=0.6)
    assert (rows["low"] < rows["value"]).all()
    assert (rows["n"] == 5).all()
    figure = effects(rows, "fd_tiny")
    dots = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots, rows["value"])


def test_an_effect_without_an_interval_is_an_open_dot_and_one_without_a_number_says_so():
    rows = frames.effects_frame(
        [
            {"group": "g", "name": "bare", "value": 3.0, "low": np.nan, "high": np.nan, "n": 1, "lost": 0, "why": "w"},
            {"group": "g", "name": "gone", "value": None, "low": np.nan, "high": np.nan, "n": 0, "lost": 3, "why": "w"},
        ]
    )
    figure = effects(rows, "fd")
    assert [line.get_marker() for line in figure.axes[0].lines].count("D") == 1
    assert "no number (n=0)" in texts(figure)
    assert effects(rows.iloc[1:], "fd") is None


def test_an_interval_of_two_seeds_does_not_flatten_the_others():
    rows = [
        {"group": "g", "name": name, "value": value, "low": value - half, "high": value + half, "n": 2, "lost": 0}
        for name, value, half in (("wide", 5.0, 1e6), ("narrow", 10.0, 1.0))
    ]
    low, high = effects(frames.effects_frame(rows), "fd").axes[0].get_xlim()
    assert high - low < 150


def test_the_matrix_holds_main_effects_and_the_planted_interaction(view):
    found = lattice_effects(view.ablation, only(view, "factorial"))
    table = frames.interaction_table(found, STRATEGIES).set_index(["one", "other"])
    assert len(table) == 4 + 6
    assert table.loc[("structure", "loss"), "value"] == pytest.approx(4.0, abs=0.3)
    assert table.loc[("structure", "structure"), "value"] == pytest.approx(24.0, abs=0.3)
    figure = interaction_matrix(table.reset_index(), list(STRATEGIES), "fd")
    shown = {text.get_position(): text for text in figure.axes[0].texts}
    assert len(shown) == 10
    assert shown[(1, 3)].get_fontweight() == "bold"
    assert float(shown[(1, 3)].get_text()) == pytest.approx(4.0, abs=0.3)
    assert interaction_matrix(table.iloc[:0].reset_index(), list(STRATEGIES), "fd") is None


def test_main_effects_are_those_of_the_matrix(view):
    design = only(view, "factorial")
    rows = frames.effects_frame(frames.main_rows(view.ablation, design, "main")).set_index("name")
    matrix = frames.interaction_table(lattice_effects(view.ablation, design), STRATEGIES).set_index(["one", "other"])
    for name in STRATEGIES:
        judged = compare(view.ablation, contrast(design, name)).improvement
        for found in (rows.loc[name], matrix.loc[(name, name)]):
            wanted = (judged.value, judged.low, judged.high)
            assert (found["value"], found["low"], found["high"]) == pytest.approx(wanted, rel=1e-9)
    assert (rows["smallest"] > 0).all()
    shares = frames.effects_frame(frames.share_rows(view.ablation, design, "share")).set_index("name")["value"]
    # A planted interaction belongs to both halves alike.
    assert shares["structure"] == pytest.approx(20 + 8 / 2, abs=0.6)


def test_the_steps_of_a_path_add_up(view):
    steps = frames.path_steps(view.ablation, only(view, "path"))
    assert steps["name"].tolist() == ["dcgan", "structure", "loss", "init", "data"]
    assert steps["after"].iloc[0] - steps["value"].iloc[1:].sum() == pytest.approx(steps["after"].iloc[-1])
    figure = waterfall(steps, "fd_tiny")
    bars = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in figure.axes[0].patches]
    np.testing.assert_allclose(bars, steps[["before", "after"]].iloc[1:])
    assert waterfall(steps.iloc[:1], "fd_tiny") is None


def test_curves_are_means_with_the_seeds_range_and_lost_runs_count_in_none(tmp_path):
    made = Ablated(tmp_path / "s", {"structure": 20.0}).factorial()
    number = made.number([])
    made.lose(number, 2001, after=0.5)
    view = open_view(made.write())
    points = frames.curve_points(view.ablation, {number: "dcgan", made.number(STRATEGIES): "ignm"})
    figure = quality_curves(points, ["dcgan", "ignm"], "point", "fd", "ignm")
    line = next(line for line in figure.axes[0].lines if len(line.get_xdata()) == 8)
    rows = pd.DataFrame(made.rows())
    mine = rows[(rows["arm"] == number) & (rows["seed"] != 2001)]
    np.testing.assert_allclose(line.get_ydata(), mine.groupby("point")["quality"].mean())
    assert {"dcgan (n=4)", "ignm (n=5)"} <= set(texts(figure))
    assert quality_curves(points[points["lost"]], ["dcgan"], "point", "fd") is None


def test_labels_are_pushed_apart_and_stay_in_order():
    noise = np.random.default_rng(0)
    for size in range(1, 7):
        asked = sorted(noise.uniform(0, 1, size))
        found = _apart(asked, 0.075)
        assert np.diff(found).min(initial=1.0) >= 0.075 - 1e-9
        assert max(found) <= 1.0 + 1e-9
    assert _apart([0.1, 0.5, 0.9], 0.075) == [0.1, 0.5, 0.9]


def test_the_front_is_what_no_other_beats_in_both():
    noise = np.random.default_rng(1)
    points = pd.DataFrame({"cost": noise.uniform(1, 9, 60), "quality": noise.uniform(1, 9, 60), "kind": "arm"})
    points["label"] = [f"p{at}" for at in points.index]
    best = {
        at
        for at, one in points.iterrows()
        if not ((points["cost"] <= one["cost"]) & (points["quality"] < one["quality"])).any()
        and not ((points["cost"] < one["cost"]) & (points["quality"] <= one["quality"])).any()
    }
    assert set(_front(points)) == best
    cheapest = points.loc[points["cost"].idxmin(), "label"]
    assert front_words(points).startswith(f"the quickest is {cheapest} ")
    assert pareto(points, "fd") is not None
    assert pareto(points.iloc[:1], "fd") is None


def test_strips_hold_the_first_samples_of_a_grid(tmp_path):
    grid = np.full((3 * 17 - 1, 3 * 17 - 1, 3), 255, np.uint8)
    for at in range(9):
        top, left = at // 3 * 17, at % 3 * 17
        grid[top : top + 16, left : left + 16] = 10 * at
    Image.fromarray(grid).save(tmp_path / "samples.png")
    strip = read_strip(tmp_path / "samples.png", "one", 16, count=5)
    assert strip.pixels.shape == (16, 5 * 17 - 1, 3)
    assert [int(strip.pixels[3, at * 17 + 3, 0]) for at in range(5)] == [0, 10, 20, 30, 40]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert read_strip(tmp_path / "broken.png", "one", 16) is None
    assert read_strip(tmp_path / "samples.png", "one", 64) is None
    assert sample_rows([]) is None


def test_the_labels_of_samples_lie_within_the_figure():
    pixels = np.zeros((32, 8 * 33 - 1), np.uint8)
    labels = ("dcgan", "data + structure + init", "structure + init + loss and more than fits")
    figure = sample_rows([Strip(label, pixels) for label in labels])
    figure.canvas.draw()
    for axes in figure.axes:
        place = axes.yaxis.label.get_window_extent()
        assert place.x0 >= 0
        assert place.x1 <= axes.get_window_extent().x0


def test_what_was_not_asked_for_is_said(tmp_path):
    view = open_view(Ablated(tmp_path / "s", {"structure": 20.0}).leave_one_out().write())
    charts, missing = draw_ablation(view)
    assert [chart.name for chart in charts] == ["strategies-faces_32", "cost-faces_32"]
    assert (
        "No figure of each swept option against the improved model's own: not asked for (ablate.designs: sweeps)."
        in (missing)
    )
    assert list(draw_one(view, "sweeps")) == []
    with pytest.raises(KeyError):
        draw_one(view, "nothing")


def test_half_of_the_lattice_names_what_it_cannot_tell_apart(tmp_path):
    view = open_view(Ablated(tmp_path / "s", PLANTED).factorial(half=True).write())
    assert "data:structure:init:loss is constant" in of_ablation.interactions(view, "faces@32").caption
