"""What the figures of search and confirm are drawn from, and what their captions say."""

import pandas as pd

from analysis.axes import Axis
from analysis.figures import axes, parallel, searched, trials
from analysis.figures.chart import Drawn
from analysis.formatting import amount, short_names
from analysis.leaderboard import configuration_name
from analysis.statistics.estimates import NotEstimable
from analysis.view import View
from ignm.words import count


def curves(view: View) -> Drawn | None:
    """Draw every trial's quality by kimg."""
    mine = view.searched[view.searched["yardstick"]]
    rows = view.study.rows[view.study.rows["trial"].isin(mine["trial"])]
    figure = trials.learning_curves(rows, mine, view.quality, view.finding.config_id)
    return (
        None
        if figure is None
        else Drawn(
            figure,
            f"Quality against training length of {count(int(mine['quality'].notna().sum()), 'measured trial')}; "
            "the last measurement of each carries its status. Lost trials that left the frame are drawn at its top.",
        )
    )


def best_so_far(view: View) -> Drawn | None:
    """Draw the search's best by the time spent."""
    figure = trials.best_so_far(view.searched, view.quality)
    return (
        None
        if figure is None
        else Drawn(
            figure,
            "The search's best quality against the training time spent, trials in order of their number. "
            "Only trials at full length count.",
        )
    )


def confirmed(view: View) -> Drawn | None:
    """Draw the seeds of the confirmed configurations."""
    order = view.board.loc[view.board["section"] == "confirmed", "config_id"].tolist()
    names = [configuration_name(view.study, config) for config in order]
    figure = trials.confirmed_seeds(view.searched, order, names, view.quality)
    return (
        None
        if figure is None
        else Drawn(
            figure,
            "The confirmed configurations: one dot a seed, a bar at the mean; mean ± standard deviation at the right.",
        )
    )


def statuses(view: View) -> Drawn | None:
    """Draw how all trials ended."""
    figure = trials.statuses(view.trials)
    return (
        None
        if figure is None
        else Drawn(figure, f"How {count(len(view.trials), 'trial')} ended, and the training time they took.")
    )


def coordinates(view: View) -> Drawn | None:
    """Draw the search's trials over its axes, the most important first where that is known."""
    chosen = view.full_length
    shown = _by_importance(view)
    names = short_names([axis.path for axis in view.study.axes])
    figure = parallel.parallel_coordinates(chosen, shown, names, view.quality)
    varied = len(parallel.varying(chosen, shown))
    left, same, tenth = varied - parallel.MOST_AXES, len(shown) - varied, parallel.coloured(len(chosen))
    return (
        None
        if figure is None
        else Drawn(
            figure,
            f"{count(len(chosen), 'search trial')} measured at full length, one line each, down to its quality. "
            f"Orange: the best{f'; blue: the best tenth, {tenth} trials' if tenth else ''}. "
            "Those that took one choice stand side by side, the best at the left. "
            + (f"{count(left, 'further parameter')} had no room. " if left > 0 else "")
            + (f"{count(same, 'further parameter')} took one value only. " if same else "")
            + "The search tries good regions more often: a bundle is a hint, not an effect.",
        )
    )


def importances(view: View) -> Drawn | None:
    """Draw the searched parameters' importance."""
    found = view.importance
    if isinstance(found, NotEstimable):
        return None
    names = short_names([axis.path for axis in view.study.axes])
    table = pd.DataFrame([{"name": names[each.path], "importance": each.importance} for each in found.parameters])
    figure = searched.importances(table)
    return (
        None
        if figure is None
        else Drawn(
            figure,
            f"Importance by {found.method} over {count(found.n, 'trial')} measured at {amount(found.kimg)} kimg. "
            f"{found.caveat}",
        )
    )


def front(view: View) -> Drawn | None:
    """Draw the search's trials by quality and time."""
    points = view.full_length.rename(columns={"seconds": "cost", "trial": "label"}).assign(kind="trial")
    points = points[["label", "cost", "quality", "kind"]]
    figure = searched.pareto(points, view.quality)
    return (
        None
        if figure is None
        else Drawn(
            figure,
            "Quality against training time of the search's trials at full length, one seed each. The line joins those "
            f"that none beats in both: {searched.front_words(points)}. Its ends were picked: that flatters them.",
        )
    )


def axis(view: View, shown: Axis) -> Drawn | None:
    """Draw final quality against one axis."""
    label = short_names([each.path for each in view.study.axes])[shown.path]
    figure = axes.axis_effect(view.searched, shown, label, view.quality)
    return (
        None if figure is None else Drawn(figure, f"{shown.path} ({shown.strategy})" if shown.strategy else shown.path)
    )


def axis_note(view: View, drawn: int) -> str:
    """Say what the figures of single axes show, on how many trials, and what they cannot show."""
    note = (
        f"{count(len(view.full_length), 'search trial')} measured at the same training length. The other parameters "
        "vary too, and the search tries good regions more often: a pattern here is a hint, not an effect. Bars are "
        "medians; the number of trials is in brackets."
    )
    left_out = len(view.study.axes) - drawn
    return note + (f" {count(left_out, 'further parameter')} took one value only or found no room." if left_out else "")


def _by_importance(view: View) -> list[Axis]:
    found = view.importance
    order = [] if isinstance(found, NotEstimable) else [each.path for each in found.parameters]
    places = {path: at for at, path in enumerate(order)}
    return sorted(view.study.axes, key=lambda axis: places.get(axis.path, len(places)))
