"""The ablation path: from the baseline to the improved model, each time by the change that helped most."""

from analysis.ablation.comparing import compare
from analysis.ablation.contrasts import contrasts_of
from analysis.ablation.loading import Ablation
from analysis.ablation.plan import Design
from analysis.statistics.estimates import mean_estimate
from analysis.tables.about import arm_notes, ask_for, brackets, caption, interval_note
from analysis.tables.table import Cell, Column, Table, estimate, joined, share, whole, words
from analysis.view import View
from spaces.designs import FOLLOWING, KINDS

STEPS = {"strategies": "strategy", "paths": "single path"}

COLUMNS = (
    Column("dataset", "Dataset"),
    Column("baseline", "From"),
    Column("steps", "By"),
    Column("round", "Round", numeric=True),
    Column("taken", "Taken"),
    Column("quality", "Quality then", numeric=True),
    Column("improvement", "Improvement", numeric=True),
    Column("relative", "Relative", numeric=True),
    Column("others", "Also tried"),
)


def path(view: View) -> Table:
    """Return each round of the paths: what was taken, what that gained, and what else was tried."""
    ablation = view.ablation
    designs = ablation.of(*FOLLOWING)
    arms = [arm for design in designs for arm in design.numbers]
    notes = [
        "Each round takes the best mean of the first seeds and is measured on these too, so its gain is flattered by "
        "the choice; later rounds pay for it (Fawcett and Hoos 2016)."
    ]
    return Table(
        name="path",
        title="The way from the baseline to the improved model",
        caption=caption(ablation, f"One change a round, the one that helps most; {brackets(ablation)}.", arms),
        columns=COLUMNS,
        rows=tuple(row for design in designs for row in _rows(ablation, design)),
        notes=(*([*interval_note(ablation), *notes] if designs else ()), *arm_notes(ablation, arms)),
        empty=ask_for("ablation path", FOLLOWING),
    )


def _rows(ablation: Ablation, design: Design) -> list[tuple[Cell, ...]]:
    head = (words(design.dataset), words(design.baseline), words(STEPS[KINDS[design.design].of]))
    rows: list[tuple[Cell, ...]] = []
    if design.start is not None:
        start = estimate(mean_estimate(ablation.values(design.start)))
        rows.append((*head, whole(0), words("start"), start, words(""), words(""), words("")))
    steps = contrasts_of(design)
    for at, each in enumerate(design.rounds, 1):
        others = joined(name for name in each.tried if name != each.taken)
        if at > len(steps):
            open_round = words("not decided yet" if each.taken is None else each.taken)
            rows.append((*head, whole(at), open_round, words(""), words(""), words(""), words(others)))
            break
        found = compare(ablation, steps[at - 1])
        quality = estimate(mean_estimate(ablation.values(steps[at - 1].having[0])))
        rows.append(
            (
                *head, whole(at), words(each.taken), quality, estimate(found.improvement), share(found.relative),
                words(others),
            )
        )  # fmt: skip
    return rows
