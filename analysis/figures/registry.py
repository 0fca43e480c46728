"""Which figures there are, what each needs, and what is said where it cannot be drawn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from analysis.figures import of_ablation, of_search
from analysis.figures.chart import Chart, Drawn
from analysis.view import View
from spaces.designs import FOLLOWING, LATTICES, OF_STRATEGIES

Section = Literal["ablation", "search", "axes"]

AXIS_FIGURES = 24


@dataclass(frozen=True)
class OfStudy:
    """A figure of search and confirm. `without` is said where there is nothing to draw it from."""

    name: str
    draw: Callable[[View], Drawn | None]
    without: str


@dataclass(frozen=True)
class OfDataset:
    """A figure of the ablation, one for each of its datasets. needs: the designs that it is drawn from, any of them."""

    name: str
    draw: Callable[[View, str], Drawn | None]
    needs: tuple[str, ...]
    shows: str


SEARCH = (
    OfStudy("quality-by-kimg", of_search.curves, "No quality was measured, so there are no learning curves."),
    OfStudy(
        "best-so-far", of_search.best_so_far,
        "No search trial was measured at full length with its time, so there is no best-so-far curve.",
    ),
    OfStudy("confirmed-seeds", of_search.confirmed, "No configuration has been confirmed."),
    OfStudy("statuses", of_search.statuses, "No trial has been recorded."),
    OfStudy(
        "parallel-coordinates", of_search.coordinates,
        "Fewer than three search trials at full length, or fewer than two parameters that vary: no parallel lines.",
    ),
    OfStudy(
        "importance", of_search.importances,
        "Fewer than 20 search trials of one length, or no parameter that varies: no importance.",
    ),
    OfStudy(
        "quality-by-cost", of_search.front, "Fewer than two search trials at full length: no front of quality and cost."
    ),
)  # fmt: skip

ABLATION = (
    OfDataset("strategies", of_ablation.strategies, OF_STRATEGIES, "what each strategy gains"),
    OfDataset("baselines", of_ablation.beaten, ("baselines",), "the improved model against each baseline"),
    OfDataset("curves-kimg", of_ablation.against_kimg, ("baselines", *LATTICES), "quality against kimg"),
    OfDataset("curves-seconds", of_ablation.against_seconds, ("baselines", *LATTICES), "quality against seconds"),
    OfDataset("interactions", of_ablation.interactions, LATTICES, "where strategies need each other"),
    OfDataset("path", of_ablation.path_of, FOLLOWING, "the way from the baseline to the improved model"),
    OfDataset("paths", of_ablation.single_paths, ("leave_axis_out", "add_axis_in"), "what each single path gains"),
    OfDataset("sweeps", of_ablation.options, ("sweeps",), "each swept option against the improved model's own"),
    OfDataset("cost", of_ablation.front, (), "quality against the time of training"),
    OfDataset("samples", of_ablation.samples, ("baselines", *LATTICES), "samples side by side"),
)


def draw_search(view: View) -> tuple[list[Chart], list[str]]:
    """Draw the figures of search and confirm; return them, and why the others are not there."""
    drawn = {figure.name: figure.draw(view) for figure in SEARCH}
    charts = [Chart(name, "search", each) for name, each in drawn.items() if each is not None]
    return charts, [figure.without for figure in SEARCH if drawn[figure.name] is None]


def draw_axes(view: View) -> list[Chart]:
    """Draw final quality against each searched axis, at most AXIS_FIGURES of them."""
    charts: list[Chart] = []
    for axis in view.study.axes:
        if len(charts) == AXIS_FIGURES:
            break
        drawn = of_search.axis(view, axis)
        if drawn is not None:
            charts.append(Chart(f"axis-{file_name(axis.path)}", "axes", drawn))
    return charts


def draw_ablation(view: View) -> tuple[list[Chart], list[str]]:
    """Draw the ablation's figures, each on each dataset; return them, and why the others are not there."""
    charts: list[Chart] = []
    missing: list[str] = []
    for figure in ABLATION:
        asked = not figure.needs or bool(view.ablation.of(*figure.needs))
        if view.ablation.plan is not None and not asked:
            wanted = " or ".join(figure.needs)
            missing.append(f"No figure of {figure.shows}: not asked for (ablate.designs: {wanted}).")
            continue
        for dataset in view.ablation.datasets:
            drawn = figure.draw(view, dataset)
            if drawn is None:
                missing.append(f"No figure of {figure.shows} on {dataset}: too few of its runs have ended well.")
            else:
                charts.append(Chart(f"{figure.name}-{file_name(dataset)}", "ablation", drawn))
    return charts, missing


def draw_one(view: View, name: str) -> Iterator[Chart]:
    """Draw one figure by its name, on each dataset where it is of the ablation; nothing where its data is not there.

    Raises KeyError for a name that no figure has.
    """
    for figure in SEARCH:
        if figure.name == name:
            drawn = figure.draw(view)
            return iter([] if drawn is None else [Chart(name, "search", drawn)])
    of_dataset = {figure.name: figure for figure in ABLATION}[name]
    made = ((dataset, of_dataset.draw(view, dataset)) for dataset in view.ablation.datasets)
    return (Chart(f"{name}-{file_name(dataset)}", "ablation", each) for dataset, each in made if each is not None)


def without(name: str) -> str:
    """Say why a figure that is not there is not; raise KeyError for a name that no figure has."""
    told = {figure.name: figure.without for figure in SEARCH}
    if name in told:
        return told[name]
    figure = {figure.name: figure for figure in ABLATION}[name]
    wanted = f" (ablate.designs: {' or '.join(figure.needs)})" if figure.needs else ""
    return f"No figure of {figure.shows}: not asked for{wanted}, or too few of its runs have ended well."


def file_name(path: str) -> str:
    """Turn a path of the config, or a dataset, into a part of a file's name."""
    return "".join(sign if sign.isalnum() or sign in "._-" else "_" for sign in path)
