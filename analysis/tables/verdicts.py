"""Table 7: the verdicts on the claims."""

from collections.abc import Sequence

from analysis.ablation.loading import Ablation
from analysis.ablation.naming import left_out_words
from analysis.claims.judging import Judged, Judgement
from analysis.statistics.estimates import Estimate
from analysis.tables.about import arm_notes, caption
from analysis.tables.table import Cell, Column, Table, words
from analysis.view import View
from ignm.words import capital, count

COLUMNS = (
    Column("claim", "Claim"),
    Column("dataset", "Dataset"),
    Column("contrast", "What is compared"),
    Column("measure", "Measure"),
    Column("effect", "Effect", numeric=True),
    Column("smallest", "Least that matters", numeric=True),
    Column("verdict", "Verdict", always=True),
    Column("more_seeds", "More seeds"),
)


def verdicts(view: View) -> Table:
    """Return each hypothesis with its effect, interval and verdict, and each claim's verdict as a whole."""
    ablation = view.ablation
    parts = [part for judgement in view.judgements for part in judgement.parts if part.tested]
    untested = untested_words(view.judgements)
    arms = [arm for part in parts if part.comparison for arm in part.comparison.contrast.arms]
    return Table(
        name="verdicts",
        title="What became of the claims",
        caption=caption(
            ablation,
            "Effects are paired by seed and above 0 where the claim says so; in brackets the interval that decided.",
            arms,
        ),
        columns=COLUMNS,
        rows=tuple(_row(ablation, part) for part in parts),
        notes=(
            *(_wholes(view.judgements) if parts else ()),
            *(_how(ablation, parts) if parts else ()),
            *_reasons(parts),
            *untested,
            *arm_notes(ablation, arms),
        ),
        empty="no design of this study tests a claim",
    )


def contrast_words(ablation: Ablation, part: Judged) -> str:
    """Say what a hypothesis compares, as "dcgan, main effect of data (8 pairs)"."""
    hypothesis = part.hypothesis
    if hypothesis.design is None or hypothesis.contrast is None:
        return hypothesis.name
    if hypothesis.design.design == "baselines":
        return f"{hypothesis.design.improved} against {hypothesis.name}"
    pairs = len(hypothesis.contrast.without)
    if pairs > 1:
        return f"{hypothesis.name} on and off, from {hypothesis.baseline} ({count(pairs, 'pair')})"
    if hypothesis.design.design == "leave_one_out":
        return left_out_words(hypothesis.design.improved, hypothesis.name)
    one, other = (ablation.called(side[0]) for side in (hypothesis.contrast.without, hypothesis.contrast.having))
    return f"{other} against {one}"


def untested_words(judgements: Sequence[Judgement]) -> list[str]:
    """Say in one sentence which claims, or parts of them, the study does not test, and why; nothing if it tests all."""
    told = []
    for each in judgements:
        reasons: dict[str, list[str]] = {}
        for part in each.parts:
            if not part.tested:
                reasons.setdefault(part.hypothesis.untested.rstrip("."), []).append(part.hypothesis.name)
        for why, names in reasons.items():
            about = f" against {' and '.join(dict.fromkeys(names))}" if each.tested else ""
            told.append(f"\u201c{each.claim.text}\u201d{about} ({why})")
    return [f"Not tested by this study: {'; '.join(told)}."] if told else []


def _row(ablation: Ablation, part: Judged) -> tuple[Cell, ...]:
    verdict = part.verdict
    more = "" if verdict.more_seeds is None else str(verdict.more_seeds)
    dataset, measure = part.hypothesis.dataset, part.hypothesis.measure
    name = ablation.metric(dataset) if measure.name == "quality" else measure.title
    effect = Cell(verdict.value, low=verdict.low, high=verdict.high, n=verdict.n, lost=verdict.lost)
    if part.comparison is None or not isinstance(part.comparison.improvement, Estimate):
        effect = Cell(verdict.value, n=verdict.n, lost=verdict.lost, why=verdict.reason)
    return (
        words(part.hypothesis.claim.id), words(dataset), words(contrast_words(ablation, part)), words(name), effect,
        Cell(part.smallest_effect), words(verdict.verdict), words(more),
    )  # fmt: skip


def _wholes(judgements: Sequence[Judgement]) -> list[str]:
    return [
        f"{capital(each.claim.id)}: \"{each.claim.text}\": {each.said}; {each.reason}."
        for each in judgements
        if each.tested
    ]  # fmt: skip


def _how(ablation: Ablation, parts: list[Judged]) -> list[str]:
    families: dict[str, int] = {}
    for part in parts:
        families[part.hypothesis.claim.family] = part.family_size
    sizes = ", ".join(f"{name} ({size})" for name, size in families.items())
    first, last = ablation.looks
    looks = f" and for seeds that are added while looking ({first} to {last})" if first < last else ""
    return [
        "Supported: the interval lies above 0 and reaches the least that matters; refuted: it lies below the least "
        "that matters, whatever it says about 0; else inconclusive. Limits are at the levels that decided, corrected "
        f"within each family of hypotheses, {sizes}, by Holm's procedure{looks}. A claim falls where one of its "
        "hypotheses is refuted and holds where all are supported."
    ]


def _reasons(parts: list[Judged]) -> list[str]:
    return [
        f"{capital(part.hypothesis.claim.id)} on {part.hypothesis.dataset}, {part.hypothesis.name}: "
        f"{part.verdict.verdict} ({part.verdict.detail}), as {part.verdict.reason}."
        for part in parts
        if part.comparison is not None and isinstance(part.comparison.improvement, Estimate)
    ]
