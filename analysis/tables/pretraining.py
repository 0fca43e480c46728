"""Table 5: how much sooner an arm with another beginning is as good as its twin without it ends."""

from collections.abc import Iterator

from analysis.ablation.comparing import compare
from analysis.ablation.contrasts import Contrast, contrasts_of
from analysis.ablation.loading import Ablation
from analysis.ablation.plan import Design
from analysis.ablation.speed import AS_GOOD, threshold, times
from analysis.formatting import amount, axis_value, interval
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.survival import Speedup, Survival, Times, speedup, survival
from analysis.tables.about import arm_notes, ask_for, brackets, caption, change_notes
from analysis.tables.table import Cell, Column, Table, estimate, probability, whole, words
from analysis.view import View
from ignm.errors import IgnmError
from spaces.designs import LATTICES, WITH_TWINS
from spaces.strategies import strategy_of

STRATEGY = "init"

COLUMNS = (
    Column("dataset", "Dataset"),
    Column("without", "Without"),
    Column("having", "With"),
    Column("threshold", "Quality", numeric=True),
    Column("reached_without", "Reached without"),
    Column("reached_with", "Reached with"),
    Column("median_without", "Median kimg without", numeric=True),
    Column("median_with", "Median kimg with", numeric=True),
    Column("saved", "kimg saved", numeric=True),
    Column("ratio", "Times as fast", numeric=True),
    Column("p", "p", numeric=True),
)


def pretraining(view: View) -> Table:
    """Return the time to a quality with and without each change of the beginning, runs that never reach it counted."""
    ablation = view.ablation
    found = [pair for design in ablation.of(*WITH_TWINS) for pair in _pairs(design)]
    arms = list(dict.fromkeys(arm for _, each in found for arm in each.arms))
    rows = [_row(ablation, design, one, other) for design, one, other in _twins(found)]
    return Table(
        name="pretraining",
        title="How soon, by where training begins",
        caption=caption(
            ablation,
            f"Kimg until a run first came to {AS_GOOD:g} times the mean quality that the runs without it end at; "
            f"{brackets(ablation)}.",
            arms,
        ),
        columns=COLUMNS,
        rows=tuple(rows),
        notes=(*(_how(ablation, found) if rows else ()), *arm_notes(ablation, arms)),
        empty=_empty(ablation),
    )


def _empty(ablation: Ablation) -> str:
    alike = [design for design in ablation.of(*WITH_TWINS) if STRATEGY in design.same]
    if alike:
        return (
            f"{alike[0].improved} begins training as {alike[0].baseline} does; another init.checkpoint, "
            "init.reconstruction or init.features of the improved model makes one"
        )
    return ask_for(f"pair of arms that differ in the strategy {STRATEGY}", WITH_TWINS)


def _how(ablation: Ablation, found: list[tuple[Design, Contrast]]) -> list[str]:
    notes = [
        "Between two measurements quality is taken to move on a straight line. Medians are Kaplan-Meier's; kimg saved "
        "is the difference of "
        f"the mean times within {amount(ablation.kimg)} kimg (restricted means), with runs that diverged counted as "
        "never as good. Times as fast: of geometric means, where every run reached it. p: log-rank, over all ways to "
        "deal out the runs."
    ]
    for design, each in found:
        if len(each.without) > 1:
            whole_effect = compare(ablation, each, "kimg_to_quality").improvement
            told = (
                whole_effect.reason
                if isinstance(whole_effect, NotEstimable)
                else f"{interval(whole_effect.value, whole_effect.low, whole_effect.high)} kimg saved"
            )
            notes.append(f"Over all {len(each.without)} pairs of {design.design} on {design.dataset}: {told}.")
        elif design.design in ("leave_one_out", "add_one_in"):
            both = (each.without[0], each.having[0])
            notes += [note for note in change_notes(ablation, design, *both) if note.lower().startswith(STRATEGY)]
    return list(dict.fromkeys(notes))


def _pairs(design: Design) -> list[tuple[Design, Contrast]]:
    """Return the contrasts of a design that are about the beginning of training."""
    if design.path is not None:
        return [(design, each) for each in contrasts_of(design)] if _begins(design.path) else []
    return [(design, each) for each in contrasts_of(design) if each.twins and _begins(each.name)]


def _begins(name: str) -> bool:
    if name == STRATEGY:
        return True
    try:
        return "." in name and strategy_of(name) == STRATEGY
    except IgnmError:
        return False


def _twins(found: list[tuple[Design, Contrast]]) -> Iterator[tuple[Design, int, int]]:
    """Yield each pair of arms once, though several designs have it; whole lattices first."""
    seen: set[tuple[int, int]] = set()
    for design, each in sorted(found, key=lambda pair: pair[0].design not in LATTICES):
        for one, other in zip(each.without, each.having, strict=True):
            if (one, other) not in seen:
                seen.add((one, other))
                yield design, one, other


def _row(ablation: Ablation, design: Design, one: int, other: int) -> tuple[Cell, ...]:
    head = (words(design.dataset), words(_named(ablation, one)), words(_named(ablation, other)))
    quality = threshold(ablation, one)
    if quality is None:
        why = NotEstimable("no run without it has ended well: there is no quality to reach")
        return (*head, estimate(why), *[words("")] * 7)
    sides = times(ablation, one, quality), times(ablation, other, quality)
    medians = [_median(survival(side), ablation.kimg) for side in sides]
    faster = speedup(sides[0], sides[1], ablation.kimg, ablation.confidence)
    return (*head, Cell(quality), *map(_reached, sides), *medians, *_gains(faster))


def _gains(faster: Speedup | NotEstimable) -> tuple[Cell, Cell, Cell]:
    if isinstance(faster, NotEstimable):
        return estimate(faster), words(""), words("")
    ratio = Cell(faster.ratio, low=faster.ratio_low, high=faster.ratio_high, why=faster.no_ratio)
    return estimate(faster.saved), ratio, probability(faster.permutation_p)


def _reached(side: Times) -> Cell:
    return words(f"{sum(side.reached)} of {len(side.reached)}")


def _median(curve: Survival | NotEstimable, kimg: float) -> Cell:
    if isinstance(curve, NotEstimable):
        return estimate(curve)
    if curve.median is None:
        return Cell(text=f"> {amount(kimg)}")
    return whole(curve.median)


def _named(ablation: Ablation, number: int) -> str:
    arm = ablation.arms[number]
    beginning = {path: value for path, value in arm.parameters.items() if _begins(path)}
    told = ", ".join(f"{path} {axis_value(value)}" for path, value in beginning.items())
    name = ablation.called(number)
    return f"{name} ({told})" if told and len(told) < 40 else name
