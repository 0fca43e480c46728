"""Sentences that several commands say."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ignm.words import count

if TYPE_CHECKING:
    from search.designs.reporting import Reported
    from search.judging_best import Judged


def winner_sentence(evidence: Mapping[str, Any]) -> str:
    """Who won, by how much, and beside what."""
    spread = f" ± {evidence['sd']:.2f}" if evidence["sd"] is not None else ""
    meant = ", ± their standard deviation" if spread else ""
    text = (
        f"winner: {evidence['name']}, {evidence['metric']} {evidence['mean']:.2f}{spread} "
        f"({count(len(evidence['seeds']), 'fresh seed')}{meant}, {evidence['kimg']:g} kimg; lower is better)"
    )
    baseline = evidence["baseline"]
    if baseline and baseline["config_id"] == evidence["config_id"]:
        text += "; this is the preset itself: nothing searched beat it"
    elif baseline and baseline["qualities"]:
        text += f"; baseline {baseline['name']}: {baseline['mean']:.2f}"
    return text


def reported_sentence(reported: "Reported", metric: str) -> str:
    """What the winner and the baselines reach on seeds that chose neither."""
    arms = []
    for arm in reported.arms:
        spread = "" if arm.sd is None else f" ± {arm.sd:.2f}"
        lost = f", {arm.lost} lost" if arm.lost else ""
        seeds = f"{count(len(arm.qualities), 'seed')}{lost}"
        arms.append(f"{arm.name} {'–' if arm.mean is None else f'{arm.mean:.2f}'}{spread} ({seeds})")
    return f"on seeds that chose nothing, {reported.dataset}, {reported.kimg:g} kimg, {metric}: {'; '.join(arms)}"


def judged_sentences(judged: "Judged") -> list[str]:
    """How sure it is that the winner is the best, on one set of seeds."""
    from analysis.formatting import interval

    where = "on the seeds that chose it" if judged.chosen_here else f"on seeds that chose nothing, {judged.dataset}"
    text = f"{where}: mean {interval(judged.mean, judged.low, judged.high)}"
    if judged.rivals and judged.probability is not None:
        text += f", the best of {len(judged.rivals) + 1} with probability {judged.probability:.2f}"
    elif judged.rivals and judged.note:
        text += f"; {judged.note}"
    lines = [text]
    for rival in judged.rivals:
        size = interval(rival.better_by, rival.low, rival.high)
        if rival.beaten:
            lines.append(f"  beats {rival.name} by {size}")
        else:
            why = "" if rival.low is not None else f" ({rival.reason})"
            lines.append(f"  not shown to beat {rival.name}: better by {size}{why}")
    return lines


def cost_sentence(cost: Mapping[str, float]) -> str:
    """What training the winner took."""
    from analysis.formatting import amount, duration

    speed = amount(cost["images_per_second"])
    return f"cost: {duration(cost['seconds'])} of training for {amount(cost['kimg'])} kimg ({speed} images/s)"


def ablation_sentence(plan: dict[str, Any]) -> str:
    """What an ablation has run, and what it left open."""
    used = [arm for arm in plan["arms"] if arm["seeds"]]
    counts = sorted({len(arm["seeds"]) for arm in used})
    told = [each for design in plan["designs"] for each in design.get("contrasts", ())]
    decided = sum(each["decided"] for each in told)
    return (
        f"ablation: {count(len(used), 'arm')} on {count(len(plan['datasets']), 'dataset')}, "
        f"{' to '.join(map(str, counts[:1] + counts[1:][-1:]))} seeds, {plan['kimg']:g} kimg; "
        f"{decided} of {len(told)} comparisons decided"
    )
