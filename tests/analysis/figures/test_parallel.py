from itertools import combinations

import numpy as np

from analysis.figures import of_search
from analysis.figures.parallel import coloured, parallel_coordinates
from analysis.figures.style import BEST, PALETTE
from analysis.results import load_study, summarise_trials
from analysis.view import open_view


def drawn(maker):
    study = load_study(maker.write())
    trials = summarise_trials(study)
    return parallel_coordinates(trials, study.axes, {axis.path: axis.path for axis in study.axes}, "fd")


def lines_of(figure):
    """Each trial's places by its colour, in the order of drawing."""
    return [
        (collection.get_color()[0], segment[:, 0])
        for collection in figure.axes[0].collections
        for segment in collection.get_segments()
    ]


def rows_of(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def searched(maker, trials, **values):
    for number in range(trials):
        maker.trial(f"s{number}", f"c{number}", [50.0 - number], **{
            "optim.generator.lr": 1e-4 * (1 + number), "optim.discriminator.lr": 1e-3 / (1 + number),
            "augment.policy": None if number % 2 else "ada", "generator.width": 64, **values,
        })  # fmt: skip


def test_each_trial_goes_down_through_its_values_to_its_quality(maker):
    searched(maker, 5)
    figure = drawn(maker)
    # What never varied has no row, both learning rates have one, and the last is the quality.
    assert rows_of(figure) == ["optim.generator.lr", "augment.policy", "optim.discriminator.lr", "fd (left is better)"]
    lines = lines_of(figure)
    assert len(lines) == 5
    qualities = sorted(float(line[-1]) for _, line in lines)
    np.testing.assert_allclose(qualities, [0, 0.25, 0.5, 0.75, 1.0])
    # The best is drawn last and thick: the highest rate of the generator, the lowest of the discriminator.
    best = lines[-1][1]
    np.testing.assert_allclose([best[0], best[2], best[-1]], [1.0, 0.0, 0.0], atol=1e-9)
    assert "not set" in [text.get_text() for text in figure.axes[0].texts]


def test_the_best_tenth_is_coloured_only_where_there_is_one(maker):
    assert [coloured(count) for count in (3, 19, 20, 100)] == [0, 0, 2, 10]
    searched(maker, 6)
    few = open_view(maker.write())
    assert len({tuple(np.round(colour, 3)) for colour, _ in lines_of(of_search.coordinates(few).figure)}) == 2
    assert "blue" not in of_search.coordinates(few).caption
    maker.rows.clear()
    searched(maker, 30)
    many = open_view(maker.write())
    found = of_search.coordinates(many)
    assert "blue: the best tenth, 3 trials" in found.caption
    import matplotlib.colors as colours

    told = [colours.to_hex(colour) for colour, _ in lines_of(found.figure)]
    assert (told.count(PALETTE[0]), told.count(BEST)) == (2, 1)


def test_no_words_lie_on_each_other(maker):
    searched(maker, 8, **{"discriminator.normalisation": "batch"})
    for number, row in enumerate(maker.rows):
        row["loss.adversarial"] = ["non_saturating", "hinge", "relativistic"][number % 3]
    figure = drawn(maker)
    figure.canvas.draw()
    shown = [*figure.axes[0].texts, *figure.axes[0].get_yticklabels()]
    boxes = [text.get_window_extent() for text in shown]
    assert not [(one, other) for one, other in combinations(boxes, 2) if one.overlaps(other)]
    assert all(box.x0 >= 0 and box.x1 <= figure.bbox.width for box in boxes)


def test_too_few_trials_or_parameters_are_no_figure(maker):
    searched(maker, 2)
    assert drawn(maker) is None
    maker.rows.clear()
    for number in range(4):
        maker.trial(f"s{number}", f"c{number}", [20.0 + number], **{"generator.width": 32 * (1 + number % 2)})
    assert drawn(maker) is None
