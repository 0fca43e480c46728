"""What is said around the tables: on what they rest, what was lost, what is missing, and what would make them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.ablation.effects import changes
from analysis.ablation.loading import Ablation, Standing
from analysis.ablation.naming import STRATEGY_WORDS
from analysis.ablation.plan import Design
from analysis.formatting import amount, axis_value, status_words, value_in_words
from analysis.results import Study
from ignm.words import capital, count


def study_id(study: Study) -> str:
    """Return how a study is named in a caption: its name, when it was begun, and the code's commit."""
    parts = [f"study {study.name}"]
    if study.asked.get("created"):
        parts.append(f"begun {str(study.asked['created'])[:10]}")
    if study.asked.get("commit"):
        parts.append(f"code {str(study.asked['commit'])[:8]}")
    return ", ".join(parts)


def caption(ablation: Ablation, text: str, arms: Iterable[int] = ()) -> str:
    """Return a caption: what is shown, then budget, seeds, reference and study."""
    numbers = list(arms)
    rests = [f"{amount(ablation.kimg)} kimg a run"] if ablation.plan else []
    seeds = sorted({seed for number in numbers for seed in ablation.standing(number).measured})
    if seeds:
        rests.append(_seeds(seeds))
    datasets = dict.fromkeys(ablation.arms[number].dataset for number in numbers)
    for dataset in datasets:
        if dataset in ablation.references:
            metric, reference = ablation.references[dataset]
            where = f" on {dataset}" if len(datasets) > 1 else ""
            rests.append(f"quality is {metric} against {reference}{where}")
    return f"{text} {capital('; '.join([*rests, study_id(ablation.study)]))}."


def ask_for(what: str, designs: Sequence[str], more: str = "") -> str:
    """Say what would make a table that has no rows: "no factorial design; ablate: {designs: [factorial]} makes one"."""
    others = f" (or {', '.join(designs[1:])})" if len(designs) > 1 else ""
    return f"no {what}; ablate: {{designs: [{designs[0]}]{more}}}{others} makes one"


def arm_notes(ablation: Ablation, arms: Iterable[int]) -> list[str]:
    """Say of each arm what was lost, what is to be run yet and what else it changes; and what was unusable."""
    notes = []
    for number in dict.fromkeys(arms):
        told = standing_words(ablation.standing(number))
        if told:
            notes.append(f"{_called(ablation, number)}: {told}.")
        for bridge in ablation.arms[number].bridges:
            notes.append(
                f"{_called(ablation, number)} also has {bridge.path} {axis_value(bridge.value)}: {bridge.reason}."
            )
    return [*notes, *ablation.notes]


def interval_note(ablation: Ablation) -> list[str]:
    """Say what the intervals of improvements are."""
    text = "Improvements are paired by seed and above 0 where better, with 95% t intervals"
    first, last = ablation.looks
    if first < last:
        text += (
            f"; as seeds are added while looking ({first} to {last}), each is taken at "
            f"{100 * ablation.confidence:.1f}%, so that all looks together hold 95%"
        )
    return [f"{text}."]


def brackets(ablation: Ablation) -> str:
    """Say within a caption what stands in brackets."""
    first, last = ablation.looks
    more = f" (of improvements {100 * ablation.confidence:.1f}%)" if first < last else ""
    return f"in brackets 95% t intervals{more}"


def standing_words(standing: Standing) -> str:
    """Say which seeds are lost, not run or not comparable; empty where none is."""
    parts = [f"lost {_seeds(seeds)} ({status_words(status)})" for status, seeds in standing.lost.items()]
    if standing.waiting:
        parts.append(f"not run to the end yet: {_seeds(standing.waiting)}")
    if standing.elsewhere:
        parts.append(f"left out, measured otherwise than the plan says: {_seeds(standing.elsewhere)}")
    return "; ".join(parts)


def runs_words(standing: Standing) -> str:
    """Write "3 of 3" runs, those with a result and those asked for."""
    asked = len(standing.measured) + len(standing.seeds_lost) + len(standing.waiting) + len(standing.elsewhere)
    return f"{len(standing.measured)} of {asked}"


def change_notes(
    ablation: Ablation, design: Design, baseline: int, improved: int, only: str | None = None
) -> list[str]:
    """Say what each strategy, or one of them, changes on the way from the baseline to the improved model."""
    found = changes(ablation.arms[baseline], ablation.arms[improved])
    return [
        f"{capital(strategy)} ({STRATEGY_WORDS.get(strategy, strategy)}) on {design.dataset}, {design.baseline} to "
        f"{design.improved}: {values_words(values)}."
        for strategy, values in found.items()
        if only in (None, strategy)
    ]


def values_words(values: Mapping[str, Any]) -> str:
    """Write "path value, path value"; no more than twelve of them."""
    shown = [f"{path} {value_in_words(value)}" for path, value in values.items()]
    rest = len(shown) - 12
    return ", ".join(shown[:12]) + (f" and {count(rest, 'more path')}" if rest > 0 else "")


def ranges(seeds: Iterable[int]) -> str:
    """Write whole numbers shortly: 2000–2002, 2005."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def _seeds(seeds: Sequence[int]) -> str:
    return f"{'seed' if len(seeds) == 1 else 'seeds'} {ranges(seeds)}"


def _called(ablation: Ablation, number: int) -> str:
    name = ablation.called(number)
    return f"{name} on {ablation.arms[number].dataset}" if len(ablation.datasets) > 1 else name
