"""Table 6: what went wrong in each model's runs, as measured."""

import pandas as pd

from analysis.ablation.loading import Ablation
from analysis.ablation.plan import IMPROVED, Design
from analysis.ablation.runs import LOST_RUN, MEASURED
from analysis.leaderboard import configuration_name
from analysis.results import dig
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.rates import rate
from analysis.tables.about import arm_notes, ask_for, capital, caption, study_id
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
    """Return for each model the share of its runs that showed a defect, with Wilson's interval.

    Models are those of the ablation's baselines; where it has none, those that the search confirmed.
    """
    ablation = view.ablation
    designs = ablation.of("baselines")
    arms = [arm for design in designs for arm in design.numbers]
    shown = "Share of runs that showed a defect, of those that ended; in brackets Wilson's 95% interval."
    rows = [row for design in designs for row in _rows(ablation, design)]
    told = caption(ablation, shown, arms)
    if not designs:
        rows, told = _confirmed(view), f"{shown} Confirm runs. {capital(study_id(view.study))}."
    return Table(
        name="defects",
        title="What went wrong, by model",
        caption=told,
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(*(_HOW if rows else ()), *(arm_notes(ablation, arms) if designs else ())),
        empty=ask_for("confirm run and no run of a baseline", ["baselines"], ", baselines: [dcgan, wgan-gp, sagan]"),
    )


_HOW = (
    "A defect counts where any measurement of a run showed it, however long it lasted; runs without a measurement "
    "count for their end alone. Thresholds: docs/diagnostics.md. Wilson's (1927) intervals are wide with few runs, and "
    "a rate of 0 excludes little.",
)


def _confirmed(view: View) -> list[tuple[Cell, ...]]:
    """Return a row for each configuration that was confirmed, the first of the leaderboard first."""
    trials = view.trials[(view.trials["stage"] == "confirm") & view.trials["status"].isin([*ENDS, "completed"])]
    confirmed = view.board[view.board["stage"] == "confirm"]["config_id"]
    shown = view.study.rows.groupby("trial")["defects"].agg(lambda names: ", ".join(name for name in names if name))
    question = dig(view.study.asked, "question", "data")
    dataset = f"{dig(question, 'name')}@{dig(question, 'resolution')}" if dig(question, "name") else ""
    rows = []
    for config in confirmed.drop_duplicates():
        mine = trials[trials["config_id"] == config]
        if len(mine):
            runs = mine.assign(shown=mine["trial"].map(shown), watched=mine["quality"].notna())
            name = configuration_name(view.study, config) + (" (winner)" if config == view.finding.config_id else "")
            rows.append((words(dataset), words(name), *_shares(runs)))
    return rows


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
    return _shares(ended.assign(watched=ended["defects"].notna()))


def _shares(ended: pd.DataFrame) -> list[Cell]:
    """Return how many of these runs ended badly, and how many of those that were watched showed each defect.

    ended: status, watched, and shown, the names of defects joined by commas.
    """
    shown = [set(names.split(", ")) for names in ended.loc[ended["watched"], "shown"]]
    counted = [(int((ended["status"] == status).sum()), len(ended)) for status in ENDS]
    counted += [(sum(name in names for names in shown), len(shown)) for name in DEFECTS]
    return [_cell(*each) for each in counted]


def _cell(number: int, n: int) -> Cell:
    found = rate(number, n)
    if isinstance(found, NotEstimable):
        return estimate(found)
    limits = f"{100 * found.low:.0f}, {100 * found.high:.0f}"
    return Cell(found.value, f"{number}/{n} [{limits}]%", found.low, found.high, n)
