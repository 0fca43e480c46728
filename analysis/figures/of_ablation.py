"""What the ablation's figures are drawn from, dataset by dataset, and what their captions say."""

from collections.abc import Iterable, Sequence
from typing import Any

from analysis.ablation.effects import lattice_effects
from analysis.ablation.loading import Ablation
from analysis.ablation.naming import strategies_words
from analysis.ablation.plan import Design
from analysis.figures import frames
from analysis.figures.chart import Drawn
from analysis.figures.curves import quality_curves
from analysis.figures.effects import effects
from analysis.figures.interactions import interaction_matrix
from analysis.figures.samples import SHOWN, Strip, read_strip, sample_rows
from analysis.figures.searched import front_words, pareto
from analysis.figures.waterfall import waterfall
from analysis.formatting import amount, value_in_words
from analysis.statistics.estimates import NotEstimable
from analysis.view import View
from ignm.words import count
from spaces.designs import FOLLOWING, LATTICES

MOST_ROWS = 24
"""Models whose samples stand below each other."""


def against_kimg(view: View, dataset: str) -> Drawn | None:
    """Draw baselines and the improved model by kimg."""
    return _curves(
        view, dataset, "point", "The band reaches from the lowest seed to the highest, the line is their mean."
    )


def against_seconds(view: View, dataset: str) -> Drawn | None:
    """Draw them by the seconds that training took."""
    return _curves(
        view, dataset, "seconds", "Seconds are means over the seeds too, as measured on the study's machines."
    )


def beaten(view: View, dataset: str) -> Drawn | None:
    """Draw by how much the improved model beats each baseline."""
    return _effects(
        view, view.ablation.of("baselines", dataset=dataset), dataset, lambda design: f"{design.improved} against"
    )


def strategies(view: View, dataset: str) -> Drawn | None:
    """Draw what each strategy gains: added alone, left out, on average over all combinations, and its share."""
    ablation, rows = view.ablation, []
    for name, title in _STRATEGY_GROUPS:
        if name == "half_factorial" and ablation.of("factorial", dataset=dataset):
            # It says the same of fewer runs.
            continue
        for design in ablation.of(name, dataset=dataset):
            make = frames.main_rows if name in LATTICES else frames.effect_rows
            rows += make(ablation, design, title.format(design=design))
    for design in ablation.of("factorial", dataset=dataset):
        rows += frames.share_rows(ablation, design, f"Shapley share of all on against {design.baseline}")
    return _drawn_effects(ablation, rows, dataset)


def single_paths(view: View, dataset: str) -> Drawn | None:
    """Draw what each single path of the config gains."""
    found = view.ablation.of("add_axis_in", "leave_axis_out", dataset=dataset)
    titles = {
        "add_axis_in": "Added alone to {0.baseline}",
        "leave_axis_out": "Taken out of {0.improved}: what that costs",
    }
    return _effects(view, found, dataset, lambda design: titles[design.design].format(design))


def options(view: View, dataset: str) -> Drawn | None:
    """Draw each swept option against the improved model's own."""
    found = view.ablation.of("sweeps", dataset=dataset)
    return _effects(view, found, dataset, lambda design: f"{design.path}, against {_own(design)}")


def interactions(view: View, dataset: str) -> Drawn | None:
    """Draw the first lattice's main effects and interactions."""
    for design in view.ablation.of(*LATTICES, dataset=dataset):
        found = lattice_effects(view.ablation, design)
        if isinstance(found, NotEstimable):
            continue
        table = frames.interaction_table(found, design.levels)
        figure = interaction_matrix(table, design.levels, view.ablation.metric(dataset))
        if figure is None:
            continue
        same = (
            f" It cannot tell an effect from its alias ({'; '.join(found.relation)} is constant)."
            if found.relation
            else ""
        )
        return Drawn(
            figure,
            f"On {dataset}, from {design.baseline}: main effects on the diagonal; below it by how much more two gain "
            f"together than apart, halved. Above 0 is better; bold where the {_percent(view.ablation)} interval "
            f"excludes 0, not corrected for their number. Main effects from one contrast a seed, interactions: "
            f"{found.method}; {count(found.seeds, 'seed')}, {count(found.runs, 'run')}, {found.lost} lost.{same}",
        )
    return None


def path_of(view: View, dataset: str) -> Drawn | None:
    """Draw the ablation path by strategy; where there is none, by single path."""
    for design in view.ablation.of(*FOLLOWING, dataset=dataset):
        steps = frames.path_steps(view.ablation, design)
        figure = waterfall(steps, view.ablation.metric(dataset))
        if figure is not None:
            return Drawn(
                figure,
                f"On {dataset}: the greedy way from {design.baseline} to {design.improved}, in each step the change "
                f"that came out best. Coloured where the {_percent(view.ablation)} interval of the step excludes 0. "
                f"Each was picked from several on the same {count(int(steps['n'].min()), 'seed')}: that flatters it.",
            )
    return None


def front(view: View, dataset: str) -> Drawn | None:
    """Draw all arms by quality and time."""
    points = frames.costs(view.ablation, dataset)
    figure = pareto(points, view.ablation.metric(dataset))
    return (
        None
        if figure is None
        else Drawn(
            figure,
            f"On {dataset}: mean quality against mean training time of {count(len(points), 'arm')}, all of "
            f"{amount(view.ablation.kimg)} kimg. On the line are those that none beats in both: {front_words(points)}. "
            "Squares: baselines; diamond: the improved model.",
        )
    )


def samples(view: View, dataset: str) -> Drawn | None:
    """Draw samples of every model of the baselines and of a lattice."""
    ablation = view.ablation
    names: dict[int, str] = {}
    for design in ablation.of("baselines", *LATTICES, dataset=dataset):
        for number, name in frames.named_arms(design).items():
            names.setdefault(number, name)
    seed = _shared_seed(ablation, names)
    strips = [] if seed is None else list(_strips(view, dataset, names, seed))[:MOST_ROWS]
    figure = sample_rows(strips)
    sizes = {ablation.arms[number].config.get("generator", {}).get("latent") for number in names}
    other = " Models whose latents differ in size show others." if len(sizes) > 1 else ""
    return (
        None
        if figure is None
        else Drawn(
            figure,
            f"On {dataset}: the first {SHOWN} samples of each model after {amount(ablation.kimg)} kimg on seed {seed}; "
            f"a column comes from one latent.{other} Not selected.",
        )
    )


_STRATEGY_GROUPS = (
    ("add_one_in", "Added alone to {design.baseline}"),
    ("leave_one_out", "Taken out of {design.improved}: what that costs"),
    ("factorial", "On against off, mean over all combinations"),
    ("half_factorial", "On against off, mean over half of the combinations"),
)


def _curves(view: View, dataset: str, x: str, said: str) -> Drawn | None:
    ablation = view.ablation
    designs = ablation.of("baselines", dataset=dataset) or ablation.of(*LATTICES, dataset=dataset)
    if not designs:
        return None
    arms = _ends(designs[0]) or frames.named_arms(designs[0])
    points = frames.curve_points(ablation, arms)
    figure = quality_curves(points, list(arms.values()), x, ablation.metric(dataset), designs[0].improved)
    standing = ablation.standing(arms)
    lost = f" {count(len(standing.seeds_lost), 'seed')} lost a run: thin, ending in a cross." if standing.lost else ""
    return None if figure is None else Drawn(figure, f"On {dataset}. {said}{lost}")


def _ends(design: Design) -> dict[int, str]:
    """The baseline and the improved model alone, of a lattice."""
    if design.design not in LATTICES:
        return {}
    ends = {frozenset[str](): design.baseline, frozenset(design.levels): design.improved}
    return {number: ends[frozenset(on)] for on, number in design.places("on") if frozenset(on) in ends}


def _effects(view: View, designs: Iterable[Design], dataset: str, title: Any) -> Drawn | None:
    rows = [row for design in designs for row in frames.effect_rows(view.ablation, design, title(design))]
    return _drawn_effects(view.ablation, rows, dataset)


def _drawn_effects(ablation: Ablation, rows: Sequence[dict[str, Any]], dataset: str) -> Drawn | None:
    frame = frames.effects_frame(rows)
    unit = ablation.metric(dataset)
    figure = effects(frame, unit)
    lost = int(frame["lost"].fillna(0).max()) if len(frame) else 0
    return (
        None
        if figure is None
        else Drawn(
            figure,
            f"On {dataset}, {amount(ablation.kimg)} kimg: improvement in {unit} with its {_percent(ablation)} "
            f"interval, by seed; n is seeds{f', up to {lost} more were lost' if lost else ''}. Grey where the interval "
            f"holds 0. Grey box: less than matters, {100 * ablation.smallest_effect:g}% of the value without it. "
            f"{strategies_words(frame['name'])}".rstrip(),
        )
    )


def _own(design: Design) -> str:
    own = next((place for place in design.arms if place.get("own")), {})
    return "none of it" if own.get("absent") else value_in_words(own.get("value"))


def _shared_seed(ablation: Ablation, arms: Iterable[int]) -> int | None:
    """The first seed that most arms have ended on."""
    seeds = [seed for arm in arms for seed in ablation.standing(arm).measured]
    return min(set(seeds), key=lambda seed: (-seeds.count(seed), seed)) if seeds else None


def _strips(view: View, dataset: str, names: dict[int, str], seed: int) -> Iterable[Strip]:
    runs = view.ablation.runs
    resolution = dataset.rpartition("@")[2]
    for number, name in names.items():
        mine = runs[(runs["arm"] == number) & (runs["seed"] == seed)]
        for trial in mine["trial"]:
            path = view.study.folder / "trials" / trial / "samples.png"
            strip = read_strip(path, name, int(resolution)) if resolution.isdigit() else None
            if strip is not None:
                yield strip


def _percent(ablation: Ablation) -> str:
    return f"{100 * ablation.confidence:.3g}%"
