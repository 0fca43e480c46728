"""What the ablation found, in plain sentences: the verdict on each claim it tested, its effect, interval and limits."""

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.ablation.contrasts import contrasts_of
from analysis.ablation.loading import Ablation
from analysis.claims.judging import Judged, Judgement
from analysis.formatting import amount, number, status_words
from analysis.tables.about import change_notes, interval_note
from analysis.tables.verdicts import contrast_words, untested_words
from analysis.view import View
from ignm.words import count
from spaces.designs import LATTICES

WORDS = ("supported", "tested in part", "refuted", "inconclusive")
ONE_BY_ONE = ("leave_one_out", "add_one_in")


@dataclass(frozen=True)
class Conclusion:
    """A claim with its verdict; `sentences`: one for each place that it was tested in."""

    claim: str
    verdict: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Conclusions:
    """What a reader of an ablation sees first.

    each: the claims that the study tested; untested: the others, in one sentence; switched: what each strategy stands
    for here; caveats: how far it can be trusted.
    """

    headline: str
    each: tuple[Conclusion, ...]
    untested: tuple[str, ...]
    switched: tuple[str, ...]
    caveats: tuple[str, ...]


def conclude(view: View) -> Conclusions | None:
    """Say what the ablation found; None where the study has none."""
    ablation = view.ablation
    if ablation.plan is None:
        return None
    judgements = view.judgements
    tested = [judgement for judgement in judgements if judgement.tested]
    each = tuple(_conclusion(ablation, judgement) for judgement in tested)
    untested = tuple(untested_words(judgements))
    return Conclusions(_headline(tested), each, untested, tuple(_switched(ablation)), tuple(_caveats(ablation)))


def _headline(judgements: Sequence[Judgement]) -> str:
    if not judgements:
        return "No claim was tested: the ablation's designs tell none of them"
    if not any(part.verdict.value is not None for judgement in judgements for part in judgement.parts):
        return "No verdict yet: no comparison has both its sides"
    said = [judgement.said for judgement in judgements]
    tally = ", ".join(f"{said.count(word)} {word}" for word in WORDS if word in said)
    return f"The ablation tested {count(len(said), 'claim')}: {tally}"


def _conclusion(ablation: Ablation, judgement: Judgement) -> Conclusion:
    sentences = tuple(_sentence(ablation, part) for part in judgement.parts if part.tested)
    return Conclusion(judgement.claim.text, judgement.said, sentences)


def _sentence(ablation: Ablation, part: Judged) -> str:
    """Say where, what, how much, and what follows; the interval is the one that decided."""
    hypothesis, verdict, comparison = part.hypothesis, part.verdict, part.comparison
    where = f"On {hypothesis.dataset}, {contrast_words(ablation, part)}"
    if comparison is None or verdict.value is None:
        return f"{where}: {verdict.verdict}, {verdict.reason}."
    name = ablation.metric(hypothesis.dataset) if hypothesis.measure.name == "quality" else hypothesis.measure.title
    share = comparison.relative
    told = f", {_percent(abs(share))} of {number(comparison.ground)}" if share is not None else ""
    gains = "better" if (verdict.value >= 0) == (hypothesis.claim.direction == "better") else "worse"
    seeds = count(verdict.n, "seed") + (f", {verdict.lost} lost" if verdict.lost else "")
    return (
        f"{where}: {name} is {gains} by {number(abs(verdict.value))}{told} ({seeds}). {verdict.verdict.capitalize()}: "
        f"{verdict.reason}."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}%"


def _switched(ablation: Ablation) -> list[str]:
    """Say what each strategy changes, by the first design that switches all of them, else one by one."""
    for design in ablation.of(*LATTICES):
        ends = {frozenset(on): number for on, number in design.places("on")}
        none, every = ends.get(frozenset()), ends.get(frozenset(design.levels))
        if none is not None and every is not None:
            return change_notes(ablation, design, none, every)
    return [
        note
        for design in ablation.of(*ONE_BY_ONE)
        for each in contrasts_of(design)
        for note in change_notes(ablation, design, each.without[0], each.having[0], each.name)
    ]


def _caveats(ablation: Ablation) -> list[str]:
    standings = {number: ablation.standing(number) for number in ablation.arms}
    ended = sum(len(each.measured) + len(each.seeds_lost) for each in standings.values())
    waiting = sum(len(each.waiting) for each in standings.values())
    lost: dict[str, int] = {}
    for each in standings.values():
        for status, seeds in each.lost.items():
            lost[status] = lost.get(status, 0) + len(seeds)
    caveats = []
    if waiting:
        caveats.append(
            f"The ablation is not finished: {ended} of {ended + waiting} runs have ended. What is missing is named "
            "below each table; run the study's command again."
        )
    if lost:
        told = ", ".join(f"{amount} {status_words(status)}" for status, amount in sorted(lost.items()))
        caveats.append(f"Of {count(ended, 'ended run')}: {told}. They are counted in the tables, and have no quality.")
    counts = sorted(len(each.measured) for each in standings.values())
    if counts and counts[-1] <= 1:
        caveats.append("One seed tells nothing of chance: no interval, and no verdict, can be given.")
    elif counts and counts[0] < 5:
        spread = f"{counts[0]} to {counts[-1]}" if counts[0] < counts[-1] else f"{counts[0]}"
        caveats.append(f"{spread} seeds an arm: intervals rest on few runs, and on differences that are nearly normal.")
    caveats += [*interval_note(ablation), *ablation.notes]
    caveats.append(
        f"Every run was trained for {amount(ablation.kimg)} kimg; a longer training, another dataset or other "
        "values on both sides can change what helps."
    )
    return caveats
