"""Table 1: the baselines and the improved model on each dataset."""

import pandas as pd

from analysis.ablation.comparing import compare
from analysis.ablation.contrasts import contrast
from analysis.ablation.loading import Ablation
from analysis.ablation.plan import IMPROVED, Design
from analysis.formatting import number
from analysis.statistics.across import Across, interquartile_mean, log_improvement, probability_of_improvement
from analysis.statistics.estimates import NotEstimable, mean_estimate
from analysis.tables.about import arm_notes, ask_for, brackets, caption, interval_note, runs_words
from analysis.tables.marking import marks
from analysis.tables.table import Cell, Column, Table, estimate, share, words
from analysis.view import View

COLUMNS = (
    Column("dataset", "Dataset"),
    Column("model", "Model"),
    Column("quality", "Quality", numeric=True),
    Column("diversity", "Diversity", numeric=True),
    Column("stability", "Stability", numeric=True),
    Column("seconds", "Seconds", numeric=True),
    Column("improvement", "Improved model better by", numeric=True),
    Column("relative", "Relative", numeric=True),
    Column("runs", "Runs"),
)
MEASURED = ("quality", "diversity", "stability", "seconds")


def baselines(view: View) -> Table:
    """Return quality, diversity, stability and cost of each model, with what the improved one gains over it."""
    ablation = view.ablation
    designs = ablation.of("baselines")
    arms = [arm for design in designs for arm in design.numbers]
    return Table(
        name="baselines",
        title="The baselines and the improved model",
        caption=caption(
            ablation,
            f"Means over seeds, {brackets(ablation)}. Quality and stability are better the lower, diversity the nearer "
            "to 1 (the real images'); seconds are those of training on the hardware it ran on.",
            arms,
        ),
        columns=COLUMNS,
        rows=tuple(row for design in designs for row in _rows(ablation, design)),
        notes=(*(interval_note(ablation) if designs else ()), *_across(ablation, designs), *arm_notes(ablation, arms)),
        empty=ask_for("baselines beside an improved model", ["baselines"], ", baselines: [dcgan, wgan-gp]"),
    )


def _rows(ablation: Ablation, design: Design) -> list[tuple[Cell, ...]]:
    places = sorted(design.places("preset"), key=lambda place: place[0] == IMPROVED)
    marked = {name: marks(ablation, design.numbers, name) for name in MEASURED}
    rows = []
    for name, arm in places:
        measured = [
            estimate(mean_estimate(ablation.values(arm, each)), marked[each].get(arm)) for each in MEASURED
        ]  # fmt: skip
        against = contrast(design, str(name))
        gained = [words(""), words("")]
        if against is not None:
            found = compare(ablation, against)
            gained = [estimate(found.improvement), share(found.relative)]
        shown = design.improved if name == IMPROVED else name
        runs = words(runs_words(ablation.standing(arm)))
        rows.append((words(design.dataset), words(shown), *measured, *gained, runs))
    return rows


def _across(ablation: Ablation, designs: list[Design]) -> list[str]:
    """Put several datasets together, for each baseline that all of them have."""
    if len(designs) < 2:
        return []
    names = [str(name) for name, _ in designs[0].places("preset") if name != IMPROVED]
    notes = []
    for name in names:
        found = [contrast(design, name) for design in designs]
        sides = {
            design.dataset: (ablation.values(each.without[0]), ablation.values(each.having[0]))
            for design, each in zip(designs, found, strict=True)
            if each is not None
        }
        if len(sides) == len(designs):
            notes.append(_sentence(name, len(sides), sides))
    return notes


def _sentence(
    name: str, datasets: int, sides: "dict[str, tuple[pd.Series[float], pd.Series[float]]]"
) -> str:  # fmt: skip
    chance = probability_of_improvement(
        {dataset: one for dataset, (one, _) in sides.items()}, {dataset: two for dataset, (_, two) in sides.items()}
    )
    ratio: Across | NotEstimable = NotEstimable("qualities of 0 have no ratio")
    if all((side.dropna() > 0).all() for pair in sides.values() for side in pair):
        ratio = interquartile_mean({dataset: log_improvement(*pair).dropna() for dataset, pair in sides.items()})
    parts = [f"Over {datasets} datasets, against {name}:"]
    parts.append(
        f"no probability of improvement ({chance.reason});"
        if isinstance(chance, NotEstimable)
        else f"probability that a run of the improved model is the better {chance.value:.2f} [{chance.low:.2f}, "
        f"{chance.high:.2f}];"
    )
    parts.append(
        f"no interquartile mean ({ratio.reason})."
        if isinstance(ratio, NotEstimable)
        else f"interquartile mean of ln(baseline / improved) {number(ratio.value)} [{number(ratio.low)}, "
        f"{number(ratio.high)}], where 0.1 is about 10% better."
    )
    return " ".join(parts)
