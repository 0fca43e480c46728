from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from analysis.figures import axes as axis_figures
from analysis.figures import trials as trial_figures
from analysis.figures.rendering import inline_svg, to_svg
from analysis.figures.style import INK, PANEL, canvas, choices_in_order, log_ticks
from analysis.leaderboard import leaderboard
from analysis.results import load_study, summarise_trials


def tables(maker, **kwargs):
    study = load_study(maker.write(**kwargs))
    return study, summarise_trials(study)


def axis_of(study, path):
    return next(axis for axis in study.axes if axis.path == path)


def test_axis_kinds_follow_the_domain_then_the_values(maker):
    for number_, rate in enumerate([1e-5, 2e-5, 1e-3]):
        maker.trial(f"s{number_}", f"c{number_}", [20.0], **{
            "optim.generator.lr": rate, "generator.width": 32 * (number_ + 1), "loss.gamma": 1.0 + number_,
            "unlisted.rate": rate, "unlisted.flag": number_ > 0, "unlisted.size": number_,
            "unlisted.list": [number_, 1],
        })  # fmt: skip
    study, _ = tables(maker)
    assert {axis.path: axis.kind for axis in study.axes} == {
        "optim.generator.lr": "log", "generator.width": "choice", "loss.gamma": "linear",
        "unlisted.rate": "log", "unlisted.flag": "choice", "unlisted.size": "linear", "unlisted.list": "choice",
    }  # fmt: skip
    assert study.rows["unlisted.list"].tolist() == ["0, 1", "1, 1", "2, 1"]


def test_learning_rates_are_drawn_on_a_log_axis_with_only_comparable_trials(maker):
    path = "optim.generator.lr"
    for number_, rate in enumerate([1e-5, 1e-4, 1e-3]):
        maker.trial(f"s{number_}", f"c{number_}", [20.0 + number_], **{path: rate})
    maker.trial("short", "d", [1.0], status="pruned", kimg=4, **{path: 5e-4})
    maker.trial("c", "c0", [2.0], stage="confirm", seed=9, **{path: 1e-5})
    study, trials = tables(maker)
    axes = axis_figures.axis_effect(trials, axis_of(study, path), "lr", "fd").axes[0]
    drawn = axes.collections[0].get_offsets()
    assert axes.get_xscale() == "log"
    np.testing.assert_allclose(np.asarray(drawn), [[1e-5, 20], [1e-4, 21], [1e-3, 22]])


def test_choices_are_drawn_with_their_counts_and_medians(maker):
    path = "augment.policy"
    for number_, (name, quality) in enumerate([("ada", 10.0), ("ada", 14.0), (None, 20.0)]):
        maker.trial(f"s{number_}", f"c{number_}", [quality], **{path: name})
    study, trials = tables(maker)
    axes = axis_figures.axis_effect(trials, axis_of(study, path), path, "fd").axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["ada\n(2)", "not set\n(1)"]
    bars = [line.get_segments()[0][0][1] for line in axes.collections if hasattr(line, "get_segments")]
    assert bars == [12.0, 20.0]


def test_choices_that_are_numbers_stand_by_size():
    values = pd.Series([10.0, 4.0, 2.0, 4.0, None], dtype=object)
    assert choices_in_order(values) == ["2", "4", "10"]
    assert choices_in_order(pd.Series(["silu", "relu", None])) == ["relu", "silu"]
    assert choices_in_order(pd.Series([True, False], dtype=object)) == ["false", "true"]


@pytest.mark.parametrize(
    ("low", "high"), [(1.0e-4, 7.0e-4), (1.8e-4, 6.9e-4), (1e-4, 3.4e-4), (1.0, 2.6), (3e-5, 1e-2)]
)
def test_a_logarithmic_axis_has_a_few_ticks_that_do_not_touch(low, high):
    figure, axes = canvas(PANEL)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    log_ticks(axes.xaxis, low, high)
    figure.canvas.draw()
    shown = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert len(shown) >= 2
    places = sorted((each.get_window_extent().x0, each.get_window_extent().x1) for each in shown)
    assert all(end < start for (_, end), (start, _) in pairwise(places))


def test_an_axis_with_one_value_is_not_drawn(maker):
    maker.trial("s0", "a", [20.0], **{"x.y": 3})
    maker.trial("s1", "b", [21.0], **{"x.y": 3})
    study, trials = tables(maker)
    assert axis_figures.axis_effect(trials, study.axes[0], "x.y", "fd") is None


def test_learning_curves_scale_and_hold_explosions_in_sight(maker):
    maker.trial("s0", "a", [200.0, float("nan"), 20.0, 10.0])
    maker.trial("s1", "b", [200.0, 1e9], status="diverged", kimg=20)
    study, trials = tables(maker)
    axes = trial_figures.learning_curves(study.rows, trials, "fd_tiny", "a").axes[0]
    assert axes.get_yscale() == "log"
    assert axes.get_ylim()[1] < 1000
    assert axes.get_xlabel().endswith("(kimg)")
    assert axes.get_ylabel().startswith("fd_tiny")


def test_best_so_far_never_rises_and_sums_time_in_order_of_number(maker):
    for number_, quality in [(2, 12.0), (0, 15.0), (1, 18.0)]:
        maker.trial(f"s{number_}", f"c{number_}", [quality], number=number_, seconds=60.0)
    _, trials = tables(maker)
    axes = trial_figures.best_so_far(trials, "fd").axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[1, 15], [2, 15], [3, 12], [3, 12]])


def test_nothing_to_draw_is_none(maker):
    maker.trial("s0", "a", [], status="failed")
    study, trials = tables(maker)
    assert trial_figures.learning_curves(study.rows, trials, "fd") is None
    assert trial_figures.best_so_far(trials, "fd") is None
    assert trial_figures.confirmed_seeds(trials, [], [], "fd") is None
    assert trial_figures.statuses(trials.iloc[:0]) is None
    assert leaderboard(study, trials)["section"].tolist() == ["lost"]


def test_inline_svg_has_its_own_ids_and_follows_the_theme(maker):
    maker.trial("s0", "a", [20.0, 19.0])
    study, trials = tables(maker)
    svg = inline_svg(to_svg(trial_figures.learning_curves(study.rows, trials, "fd")), "one", "words")
    assert svg.startswith("<svg viewBox")
    assert 'id="one-figure_1"' in svg
    assert "var(--ink)" in svg
    assert INK not in svg
