"""Table 6: what went wrong in each model's runs, as measured."""

from analysis.ablation.loading import Ablation
from analysis.ablation.plan import IMPROVED, Design
from analysis.ablation.runs import LOST_RUN, MEASURED
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.rates import rate
from analysis.tables.about import arm_notes, ask_for, caption
from analysis.tables.table import Cell, Column, Table, estimate, words
from analysis.view import View
from ignm.diagnostics.defects import DEFECTS

ENDS = {"diverged": "Diverged", "out_of_memory": "Out of memory"}

COLUMNS = (
    Column("dataset", "Dataset"),
    Column("model", "Model"),
    *(Column(status, title, numeric=True) for status, title in ENDS.items()),
    *(Column(name.replace("-", "_"), name.replace("-", " ").capitalize(), numeric=True) for name in DEFECTS),
)


def defects(view: View) -> Table:
    """Return for each model the share of its runs that showed a defect, with Wilson's interval."""
    ablation = view.ablation
    designs = ablation.of("baselines")
    arms = [arm for design in designs for arm in design.numbers]
    notes = [
        "A defect counts where any measurement of a run showed it, however long it lasted; runs without a measurement "
        "count for their end alone. Thresholds: docs/diagnostics.md. Intervals are Wilson's (1927), 95%: with few runs "
        "they are wide, and a rate of 0 excludes little."
    ]
    return Table(
        name="defects",
        title="What went wrong, by model",
        caption=caption(ablation, "Share of runs that showed a defect, of those that ended.", arms),
        columns=COLUMNS,
        rows=tuple(row for design in designs for row in _rows(ablation, design)),
        notes=(*(notes if designs else ()), *arm_notes(ablation, arms)),
        empty=ask_for("run of a baseline", ["baselines"], ", baselines: [dcgan, wgan-gp, sagan]"),
    )


def _rows(ablation: Ablation, design: Design) -> list[tuple[Cell, ...]]:
    places = sorted(design.places("preset"), key=lambda place: place[0] == IMPROVED)
    return [
        (words(design.dataset), words(design.improved if name == IMPROVED else name), *_rates(ablation, arm))
        for name, arm in places
    ]


def _rates(ablation: Ablation, arm: int) -> list[Cell]:
    runs = ablation.runs[ablation.runs["arm"] == arm]
    # A run that its machine lost, or that was stopped by hand, did not show how it would have ended.
    own = runs["outcome"].eq(MEASURED) | (runs["outcome"].eq(LOST_RUN) & runs["status"].isin([*ENDS, "completed"]))
    ended = runs[own]
    watched = ended[ended["defects"].notna()]
    shown = [set(names.split(", ")) for names in watched["shown"]]
    counted = [(int((ended["status"] == status).sum()), len(ended)) for status in ENDS]
    counted += [(sum(name in names for names in shown), len(shown)) for name in DEFECTS]
    return [_cell(*each) for each in counted]


def _cell(number: int, n: int) -> Cell:
    found = rate(number, n)
    if isinstance(found, NotEstimable):
        return estimate(found)
    limits = f"{100 * found.low:.0f}, {100 * found.high:.0f}"
    return Cell(found.value, f"{number}/{n} [{limits}]%", found.low, found.high, n)
