"""Tables 3 and 4, and their like: single options of a strategy, all else as it is."""

from collections.abc import Callable
from typing import Any

from analysis.ablation.comparing import Comparison, compare
from analysis.ablation.contrasts import Contrast, contrasts_of
from analysis.ablation.loading import Ablation
from analysis.ablation.plan import Design
from analysis.formatting import value_in_words
from analysis.statistics.estimates import Estimate, mean_estimate
from analysis.statistics.multiplicity import benjamini_hochberg
from analysis.tables.about import arm_notes, ask_for, brackets, caption, interval_note, runs_words
from analysis.tables.marking import marks
from analysis.tables.table import Cell, Column, Table, estimate, probability, share, words
from analysis.view import View
from ignm.errors import IgnmError
from spaces.strategies import BUNDLES, strategy_of

SWEEPS, AXES = ("sweeps",), ("leave_axis_out", "add_axis_in")

COLUMNS = (
    Column("dataset", "Dataset"),
    Column("path", "Path"),
    Column("option", "Option"),
    Column("quality", "Quality", numeric=True),
    Column("improvement", "Improvement", numeric=True),
    Column("relative", "Relative", numeric=True),
    Column("p_bh", "p (BH)", numeric=True),
    Column("diversity", "Diversity", numeric=True),
    Column("runs", "Runs"),
)
_Row = tuple[list[Cell], Comparison | None, Cell, Cell]


def options(strategy: str, title: str) -> Callable[[View], Table]:
    """Return the maker of the table of a strategy's options; `strategy` is one that an ablation switches."""

    def build(view: View) -> Table:
        ablation = view.ablation
        designs = [(design, _mine(design, strategy)) for design in ablation.of(*SWEEPS, *AXES)]
        designs = [(design, paths) for design, paths in designs if paths]
        arms = [arm for design, paths in designs for arm in _arms(design, paths)]
        found = [row for design, paths in designs for row in _rows(ablation, design, paths)]
        compared = [each.improvement if each else None for _, each, _, _ in found]
        corrected = iter(
            benjamini_hochberg([each.p if isinstance(each, Estimate) else None for each in compared if each])
        )
        rows = []
        for head, comparison, diversity, runs in found:
            middle = [words(""), words(""), words("")]
            if comparison is not None:
                p = next(corrected)
                tested = isinstance(comparison.improvement, Estimate)
                middle = [
                    estimate(comparison.improvement),
                    share(comparison.relative),
                    probability(p if tested else None),
                ]
            rows.append((*head, *middle, diversity, runs))
        notes = [*interval_note(ablation), _HOW] if rows else []
        return Table(
            name=f"{strategy}-options",
            title=title,
            caption=caption(
                ablation,
                f"One option changed at a time, all else as it is. Means over seeds, {brackets(ablation)}.",
                arms,
            ),
            columns=COLUMNS,
            rows=tuple(rows),
            notes=(*notes, *_refused(designs), *arm_notes(ablation, arms)),
            empty=ask_for(
                f"sweep or single axis of the strategy {strategy}",
                (*SWEEPS, *AXES),
                f", sweep: [{EXAMPLES[strategy]}]",
            ),
        )

    return build


EXAMPLES = {
    "data": "augment.policy",
    "structure": "generator.activation",
    "init": "generator.weights",
    "loss": "loss.adversarial",
}
"""A path of each strategy that can be swept."""

_HOW = (
    "Own: the improved model's own value, which the other options of a sweep are compared with; improvement above 0: "
    "the option is better. Set back: the improved model with the baseline's value; adopted: the baseline with the "
    "improved model's; improvement above 0: the improved model's value is better. p is corrected over the table by "
    "Benjamini and Hochberg's procedure: this is exploration."
)


def _mine(design: Design, strategy: str) -> list[str]:
    """Paths of the design that belong to the strategy."""
    if design.path is not None:
        return [design.path] if _belongs(design.path, strategy) else []
    named = [place for key in ("without", "with") for place, _ in design.places(key)]
    return [path for path in named if path is not None and _belongs(path, strategy)]


def _belongs(path: str, strategy: str) -> bool:
    try:
        return strategy_of(path) in BUNDLES[strategy]  # type: ignore[index]
    except IgnmError:
        return False


def _arms(design: Design, paths: list[str]) -> list[int]:
    if design.design in SWEEPS:
        return design.numbers
    return [arm for each in contrasts_of(design) if each.name in paths for arm in each.arms]


def _rows(ablation: Ablation, design: Design, paths: list[str]) -> list[_Row]:
    if design.design in SWEEPS:
        return _swept(ablation, design)
    return [
        _row(ablation, design, each.name, _CHANGED[design.design], _CHANGING[design.design](each), each)
        for each in contrasts_of(design)
        if each.name in paths
    ]


_CHANGED = {"leave_axis_out": "set back", "add_axis_in": "adopted"}
_CHANGING: dict[str, Callable[[Contrast], int]] = {
    "leave_axis_out": lambda each: each.without[0],
    "add_axis_in": lambda each: each.having[0],
}
"""The arm with the option, of a contrast whose `having` has the improved model's value."""


def _swept(ablation: Ablation, design: Design) -> list[_Row]:
    own = next((place for place in design.arms if place.get("own")), None)
    against = {each.having[0]: each for each in contrasts_of(design)}
    marked = marks(ablation, design.numbers, "quality")
    path = str(design.path)
    rows = []
    for place in design.arms:
        number = int(place["arm"])
        shown = _own_words(place) if place is own else value_in_words(place.get("value"))
        rows.append(_row(ablation, design, path, shown, number, against.get(number), marked.get(number)))
    return rows


def _row(
    ablation: Ablation, design: Design, path: str, option: str, arm: int, contrast: Contrast | None, mark: Any = None
) -> _Row:  # fmt: skip
    quality = estimate(mean_estimate(ablation.values(arm)), mark)
    diversity = estimate(mean_estimate(ablation.values(arm, "diversity")))
    head = [words(design.dataset), words(path), words(option), quality]
    return head, compare(ablation, contrast) if contrast else None, diversity, words(runs_words(ablation.standing(arm)))


def _own_words(place: Any) -> str:
    return "without it (own)" if place.get("absent") else f"{value_in_words(place.get('value'))} (own)"


def _refused(designs: list[tuple[Design, list[str]]]) -> list[str]:
    notes = []
    for design, paths in designs:
        for each in design.refused:
            what = each.get("path") or f"{design.path} {value_in_words(each.get('value'))}"
            if design.path is not None or what in paths or "path" not in each:
                notes.append(f"Not run on {design.dataset}: {what}: {each.get('reason', 'it cannot work')}.")
    return notes
