"""From claims to verdicts: each hypothesis on its own contrast, each family under one correction."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from analysis.ablation.comparing import Comparison, compare
from analysis.ablation.contrasts import Contrast, contrast
from analysis.ablation.effects import changes
from analysis.ablation.loading import NO_PLAN, Ablation
from analysis.ablation.measures import MEASURES, Measure, measure_called
from analysis.ablation.plan import Design
from analysis.ablation.runs import MEASURED
from analysis.claims.claim import Claim
from analysis.statistics.estimates import NotEstimable
from analysis.statistics.verdict import Verdict, Word, judge, judge_all
from ignm.words import count


@dataclass(frozen=True)
class Hypothesis:
    """A claim made definite: one contrast of one design; where there is none, `untested` says why and what to ask for.

    baseline: what the contrast starts from, or is against.
    """

    claim: Claim
    name: str
    dataset: str = ""
    baseline: str = ""
    design: Design | None = None
    contrast: Contrast | None = None
    untested: str = ""

    @property
    def measure(self) -> Measure:
        """What it is measured by, the direction turned around where the claim is that something is worse."""
        known = measure_called(self.claim.measure)
        worse = self.claim.direction == "worse"
        return dataclasses.replace(known, lower_is_better=not known.lower_is_better) if worse else known


@dataclass(frozen=True)
class Judged:
    """A hypothesis with its verdict.

    comparison: None where it was not tested; smallest_effect: in the measure's unit, None where there is nothing to
    refer it to; family_size: hypotheses judged together.
    """

    hypothesis: Hypothesis
    comparison: Comparison | None
    smallest_effect: float | None
    verdict: Verdict
    family_size: int

    @property
    def tested(self) -> bool:
        """Whether the study asked for a design that tells it."""
        return self.comparison is not None


@dataclass(frozen=True)
class Judgement:
    """What became of a claim as a whole: it holds where all of its hypotheses do, and falls where one of them does."""

    claim: Claim
    verdict: Word
    reason: str
    parts: tuple[Judged, ...]

    @property
    def tested(self) -> bool:
        """Whether the study asked for a design that tells any of it."""
        return any(part.tested for part in self.parts)

    @property
    def said(self) -> str:
        """Its verdict in words: what was not asked for is not tested, and says nothing against what was."""
        if not self.tested:
            return "not tested"
        whole = all(part.tested for part in self.parts)
        held = {part.verdict.verdict for part in self.parts if part.tested} == {"supported"}
        return self.verdict if whole or not held else "tested in part"


def judge_claims(ablation: Ablation, claims: Sequence[Claim]) -> list[Judgement]:
    """Judge claims by a study's runs, family by family; what the study did not ask for is told as not tested.

    Hypotheses that were asked for stay in their family though their runs are missing or lost. The levels count every
    look where seeds are added while looking, so each family errs 5 times in 100 at most, half of it by a false
    "supported".
    """
    judged: dict[str, list[Judged]] = {claim.id: [] for claim in claims}
    for family in dict.fromkeys(claim.family for claim in claims):
        hypotheses = [each for claim in claims if claim.family == family for each in hypotheses_of(ablation, claim)]
        for each in _judge_family(ablation, hypotheses):
            judged[each.hypothesis.claim.id].append(each)
    return [_whole(claim, judged[claim.id]) for claim in claims]


def hypotheses_of(ablation: Ablation, claim: Claim) -> list[Hypothesis]:
    """Return a claim's hypotheses: each contrast on each dataset, and from each baseline that the study starts from."""
    if not ablation.datasets:
        why = NO_PLAN if ablation.plan is None else "The study's ablation has no design."
        return [Hypothesis(claim, name, untested=why) for name in claim.contrasts]
    return [
        hypothesis
        for dataset in ablation.datasets
        for name in claim.contrasts
        for hypothesis in _on_dataset(ablation, claim, dataset, name)
    ]


def _on_dataset(ablation: Ablation, claim: Claim, dataset: str, name: str) -> list[Hypothesis]:
    for kind in claim.designs:
        designs = [each for each in ablation.of(kind, dataset=dataset) if each.path == claim.path]
        if designs:
            return [_in_design(ablation, claim, dataset, name, design) for design in designs]
    wanted = " or ".join(claim.designs)
    about = f" (ablate.sweep: [{claim.path}])" if claim.path else ""
    return [Hypothesis(claim, name, dataset, untested=f"not asked for: ablate.designs: {wanted}{about} would tell it")]


def _in_design(ablation: Ablation, claim: Claim, dataset: str, name: str, design: Design) -> Hypothesis:
    found = contrast(design, name)
    baseline = name if design.design == "baselines" else design.baseline or design.improved
    if found is not None:
        why = _beside_the_point(ablation, claim, found) or _unmeasured(ablation, claim)
        return Hypothesis(claim, name, dataset, baseline, design, None if why else found, untested=why)
    if name in design.same:
        why = f"{design.baseline} and {design.improved} do not differ in {name}: there is nothing to tell"
    elif design.design == "baselines":
        why = f"not asked for: ablate.baselines has no {name}"
    else:
        why = f"{design.design} has no {name}"
    return Hypothesis(claim, name, dataset, baseline, design, untested=why)


def _beside_the_point(ablation: Ablation, claim: Claim, found: Contrast) -> str:
    """Say why a contrast is not about its claim: nothing that the claim is of was switched."""
    if not claim.switches:
        return ""
    changed = changes(ablation.arms[found.without[0]], ablation.arms[found.having[0]])
    paths = [path for values in changed.values() for path in values]
    if not paths or set(paths) & set(claim.switches):
        return ""
    return f"not tested: {found.name} changes {', '.join(paths)} here, and none of {', '.join(claim.switches)}"


def _unmeasured(ablation: Ablation, claim: Claim) -> str:
    """Say that no run has a claim's measure, where runs have been measured."""
    measure = measure_called(claim.measure)
    known = measure.name in MEASURES or measure.column in ablation.runs.columns
    if known or not ablation.runs["outcome"].eq(MEASURED).any():
        return ""
    return (
        f"not measured: no run has {measure.column}; name its metric in evaluation.metrics of the study's file "
        "(docs/metrics.md)"
    )


def _judge_family(ablation: Ablation, hypotheses: list[Hypothesis]) -> list[Judged]:
    tested = {number: each.contrast for number, each in enumerate(hypotheses) if each.contrast is not None}
    compared = {number: compare(ablation, found, hypotheses[number].measure) for number, found in tested.items()}
    shares = {n: hypotheses[n].claim.smallest_effect or ablation.smallest_effect for n in compared}
    smallest = {n: shares[n] * abs(each.ground) if each.ground else None for n, each in compared.items()}
    # Holm takes alpha apart again, and its first step is then at the level of one of so many.
    size = max(1, len(compared))
    verdicts = judge_all(
        {str(n): each.improvement for n, each in compared.items()},
        {str(n): bound or 0.0 for n, bound in smallest.items()},
        size * ablation.level(size),
    )
    found = []
    for number, each in enumerate(hypotheses):
        if number in compared:
            verdict = _without_survivors(ablation, verdicts[str(number)], compared[number])
            if compared[number].improvement.n == 0 and not compared[number].standing.waiting:
                # What is lost on every seed is not saved by another.
                verdict = dataclasses.replace(verdict, more_seeds=None)
            found.append(Judged(each, compared[number], smallest[number], verdict, len(compared)))
        else:
            verdict = dataclasses.replace(judge(NotEstimable(each.untested), 0.0), more_seeds=None)
            found.append(Judged(each, None, None, verdict, len(compared)))
    return found


def _without_survivors(ablation: Ablation, verdict: Verdict, comparison: Comparison) -> Verdict:
    """Take a verdict back that rests on the runs which one side kept, where that side lost more of them.

    It stands where it is the same with each lost run given the worst value of all arms compared.
    """
    lost_without, lost_having = comparison.lost_by_itself
    more_lost = {"supported": lost_having - lost_without, "refuted": lost_without - lost_having}
    if more_lost.get(verdict.verdict, 0) <= 0:
        return verdict
    side = "with" if verdict.verdict == "supported" else "without"
    lost = (
        f"the arms {side} it diverged or did not fit into memory on more seeds ({lost_having} with it, {lost_without} "
        "without)"
    )
    at_worst = compare(ablation, comparison.contrast, comparison.measure, lost_as_worst=True).improvement
    if judge(at_worst, verdict.smallest_effect, 1 - verdict.confidence).verdict == verdict.verdict:
        reason = f"{verdict.reason}; {lost}, and it stands with the worst value measured in their place"
        return dataclasses.replace(verdict, reason=reason)
    reason = f"{verdict.reason}; but {lost}, and with the worst value measured in their place it does not stand"
    return dataclasses.replace(verdict, verdict="inconclusive", detail="undecided", reason=reason, more_seeds=None)


def _whole(claim: Claim, parts: Sequence[Judged]) -> Judgement:
    words = [part.verdict.verdict for part in parts]
    told = [part.verdict.verdict if part.tested else "not tested" for part in parts]
    tally = ", ".join(f"{told.count(word)} {word}" for word in (*get_args(Word), "not tested") if word in told)
    reason = f"of {count(len(parts), 'hypothesis', 'hypotheses')}: {tally}"
    whole: Word = "inconclusive"
    if "refuted" in words:
        whole = "refuted"
    elif words and set(words) == {"supported"}:
        whole = "supported"
    return Judgement(claim, whole, reason, tuple(parts))
