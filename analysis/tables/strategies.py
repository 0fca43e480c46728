"""Table 2: the strategies, each alone, left out, on average and as its share; and what they do together."""

from analysis.ablation.comparing import compare
from analysis.ablation.contrasts import Contrast
from analysis.ablation.effects import added_alone, lattice_effects, lattice_shares, left_out
from analysis.ablation.loading import Ablation
from analysis.ablation.naming import strategies_words
from analysis.ablation.plan import Design
from analysis.statistics.estimates import Estimate, NotEstimable
from analysis.statistics.factorial import Effects
from analysis.statistics.multiplicity import benjamini_hochberg, holm
from analysis.statistics.shapley import Shares
from analysis.tables.about import arm_notes, ask_for, brackets, caption, change_notes, interval_note
from analysis.tables.table import Cell, Column, Table, estimate, joined, probability, share, words
from analysis.view import View
from spaces.designs import LATTICES, OF_STRATEGIES
from spaces.strategies import BUNDLES

NOT_ASKED = "not asked for"

COLUMNS = (
    Column("dataset", "Dataset"),
    Column("baseline", "From"),
    Column("strategy", "Strategy"),
    Column("alone", "Added alone", numeric=True),
    Column("left_out", "Lost when left out", numeric=True),
    Column("main_effect", "Main effect", numeric=True),
    Column("p_holm", "p (Holm)", numeric=True),
    Column("shapley", "Shapley value", numeric=True),
    Column("fraction", "Of the total", numeric=True),
)
TOGETHER = (
    Column("dataset", "Dataset"),
    Column("baseline", "From"),
    Column("design", "Design"),
    Column("pair", "Together"),
    Column("interaction", "Interaction", numeric=True),
    Column("per_seed", "Seed by seed", numeric=True),
    Column("p_bh", "p (BH)", numeric=True),
    Column("aliases", "Not told from"),
)


def strategies(view: View) -> Table:
    """Return what each strategy does to the quality: four ways to ask, which agree where strategies add up."""
    ablation = view.ablation
    designs = ablation.of(*OF_STRATEGIES)
    arms = [arm for design in designs for arm in design.numbers]
    groups = _groups(designs)
    named = [name for name in BUNDLES if any(_about(design, name) for design in designs)]
    notes = [*(interval_note(ablation) if designs else ()), *_HOW] if designs else []
    for group in groups.values():
        notes += _same(group[0])
        ends = _ends(group)
        notes += change_notes(ablation, group[0], *ends) if ends else []
    return Table(
        name="strategies",
        title="What each strategy did",
        caption=caption(
            ablation,
            f"Improvements of the quality, in its own unit, paired by seed; {brackets(ablation)}. "
            f"{strategies_words(named)}".rstrip(),
            arms,
        ),
        columns=COLUMNS,
        rows=tuple(row for group in groups.values() for row in _rows(ablation, group)),
        notes=(*notes, *arm_notes(ablation, arms)),
        empty=ask_for("design by strategy", OF_STRATEGIES),
    )


def interactions(view: View) -> Table:
    """Return how the strategies depend on each other, in pairs; above 0 two do more together than each by itself."""
    ablation = view.ablation
    designs = ablation.of(*LATTICES)
    arms = [arm for design in designs for arm in design.numbers]
    notes = [
        "An interaction is half of what one strategy's effect changes by when the other is switched on (Montgomery "
        "2017, chapter 6): above 0 they help each other, below 0 they do the same work. p is corrected for all pairs "
        "of a design by Benjamini and Hochberg's procedure, for exploration."
    ]
    return Table(
        name="interactions",
        title="What the strategies do together",
        caption=caption(
            ablation, f"Interactions of two strategies in the quality, in its own unit; {brackets(ablation)}.", arms
        ),
        columns=TOGETHER,
        rows=tuple(row for design in designs for row in _pairs(ablation, design)),
        notes=(*([*interval_note(ablation), *notes] if designs else ()), *arm_notes(ablation, arms)),
        empty=ask_for("factorial design", LATTICES),
    )


_HOW = (
    "Added alone: the baseline with it against the baseline. Lost when left out: the improved model against it without "
    "the strategy. Main effect: averaged over all combinations of the others, one contrast a seed, as the verdicts do. "
    "Shapley value: its gain averaged over all orders of switching on; the values sum to the total. p is of the main "
    "effect, corrected for the strategies of a design (Holm).",
)


def _groups(designs: list[Design]) -> dict[tuple[str, str], list[Design]]:
    """Return the designs that start from one baseline on one dataset."""
    found: dict[tuple[str, str], list[Design]] = {}
    for design in designs:
        found.setdefault((design.dataset, design.baseline), []).append(design)
    return found


def _rows(ablation: Ablation, group: list[Design]) -> list[tuple[Cell, ...]]:
    # The whole one, where half of it was asked for too.
    lattice = next((each for kind in LATTICES for each in group if each.design == kind), None)
    missing = NotEstimable(f"{NOT_ASKED}: factorial")
    effects = lattice_effects(ablation, lattice) if lattice else missing
    shares = lattice_shares(ablation, lattice) if lattice else missing
    names = [name for name in BUNDLES if any(_about(design, name) for design in group)]
    mains = [_main(effects, name) for name in names]
    corrected = holm([each.p if isinstance(each, Estimate) else None for each in mains])
    rows: list[tuple[Cell, ...]] = []
    for name, main, p in zip(names, mains, corrected, strict=True):
        value, fraction = _share(shares, name)
        rows.append(
            (
                words(group[0].dataset),
                words(group[0].baseline),
                words(name),
                _compared(ablation, added_alone(group, name), "add_one_in or factorial"),
                _compared(ablation, left_out(group, name), "leave_one_out or factorial"),
                estimate(main),
                probability(p if isinstance(main, Estimate) else None),
                estimate(value),
                share(fraction),
            )
        )
    if isinstance(shares, Shares):
        total = [words(group[0].dataset), words(group[0].baseline), words("all together"), *[words("")] * 4]
        rows.append((*total, estimate(shares.total), words("")))
    return rows


def _about(design: Design, name: str) -> bool:
    return name in design.levels or any(place == name for key in ("with", "without") for place, _ in design.places(key))


def _main(effects: Effects | NotEstimable, name: str) -> Estimate | NotEstimable:
    if isinstance(effects, NotEstimable):
        return effects
    try:
        return effects.effect(name).contrast
    except KeyError:
        return NotEstimable(f"the design does not tell {name} apart")


def _share(shares: Shares | NotEstimable, name: str) -> tuple[Estimate | NotEstimable, float | None]:
    if isinstance(shares, NotEstimable):
        return shares, None
    found = next((each for each in shares.shares if each.factor == name), None)
    return (found.estimate, found.fraction) if found else (NotEstimable(f"{name} is not in the design"), None)


def _compared(ablation: Ablation, contrast: Contrast | None, wanted: str) -> Cell:
    if contrast is None:
        return estimate(NotEstimable(f"{NOT_ASKED}: {wanted}"))
    return estimate(compare(ablation, contrast).improvement)


def _same(design: Design) -> list[str]:
    if not design.same:
        return []
    return [
        f"On {design.dataset}, {design.baseline} and {design.improved} do not differ in {joined(design.same)}: nothing "
        "can be told of that."
    ]


def _ends(group: list[Design]) -> tuple[int, int] | None:
    """Return the arms with nothing and with everything switched on."""
    for design in group:
        arms = {frozenset(on): number for on, number in design.places("on")}
        if frozenset() in arms and frozenset(design.levels) in arms:
            return arms[frozenset()], arms[frozenset(design.levels)]
    return None


def _pairs(ablation: Ablation, design: Design) -> list[tuple[Cell, ...]]:
    found = lattice_effects(ablation, design)
    head = (words(design.dataset), words(design.baseline), words(design.design.replace("_", " ")))
    if isinstance(found, NotEstimable):
        return [(*head, words(" x ".join(design.levels)), estimate(found), words(""), words(""), words(""))]
    pairs = [each for each in found.effects if each.order == 2]
    if not pairs:
        why = NotEstimable("too few arms have a result to tell interactions from main effects")
        return [(*head, words(" x ".join(design.levels)), estimate(why), words(""), words(""), words(""))]
    p = [each.estimate.p if isinstance(each.estimate, Estimate) else None for each in pairs]
    return [
        (
            *head,
            words(each.name.replace(":", " x ")),
            estimate(each.estimate),
            estimate(each.contrast),
            probability(adjusted if isinstance(each.estimate, Estimate) else None),
            words(joined(name.replace(":", " x ") for name in each.aliases)),
        )
        for each, adjusted in zip(pairs, benjamini_hochberg(p), strict=True)
    ]
