"""What `--dry-run` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.quantities import quantity
from ignm.words import count
from search.cli.console import console, say

if TYPE_CHECKING:
    from search.designs.cost import AblationCost, DesignCost
    from search.foreseeing import Foreseen
    from search.stage_plans import Span, StagePlan
    from search.study.question import Question


def dry_run(question: "Question", storage: str, address: str | None, stages: Sequence[str]) -> None:
    """Say what some stages of a study would do and cost; nothing is written."""
    from search.foreseeing import foresee

    foreseen = foresee(question, storage, console, address, stages)
    lines = (
        f"study [bold]{question.name}[/bold], a dry run: nothing is written, nothing is begun",
        _space(question, foreseen),
        _search(question, foreseen),
        _confirm(question, foreseen),
        *_ablate(foreseen),
        _slots(foreseen, address),
        _speed(question, foreseen),
        *_times(foreseen),
        _cost(foreseen),
        *_limits(foreseen),
    )
    for line in lines:
        if line:
            say(line)


def _space(question: "Question", foreseen: "Foreseen") -> str:
    size = foreseen.size
    if foreseen.search is None:
        return ""
    return (
        f"space {question.load_space().name}: {count(foreseen.axes, 'axis', 'axes')}, {size.combinations:,} discrete "
        f"combinations, {count(size.continuous, 'continuous dimension')}"
    )


def _search(question: "Question", foreseen: "Foreseen") -> str:
    budget, plan = question.budget, foreseen.search
    if plan is None:
        return ""
    rungs = ", ".join(f"{rung:g}" for rung in foreseen.rungs)
    early = question.suggesting.stops_early and rungs
    stops = f", the best 1 in {budget.reduction} going on at {rungs}" if early else ", none stopped early"
    return (
        f"search: {count(plan.runs, 'trial')}{_ended(plan)} of {budget.kimg:g} kimg{stops}; "
        f"{quantity(plan.kimg_most, 4)} kimg at most, about {quantity(plan.kimg_expected, 4)} expected"
    )


def _confirm(question: "Question", foreseen: "Foreseen") -> str:
    plan = foreseen.confirm
    if plan is None:
        return ""
    return (
        f"confirm: {count(plan.runs, 'run')}{_ended(plan)} of {quantity(plan.kimg_each, 4)} kimg "
        f"({count(question.confirm.seeds, 'fresh seed')} each)"
    )


def _ended(plan: "StagePlan") -> str:
    return f" ({plan.ended} of them ended)" if plan.ended else ""


def _ablate(foreseen: "Foreseen") -> list[str]:
    plan = foreseen.ablate
    if plan is None:
        return []
    done = f", {plan.ended} more have ended" if plan.ended else ""
    key = " (ablate.most_seeds)" if plan.most_seeds > plan.seeds else ""
    return [
        f"ablate: {count(plan.arms, 'arm')} of {quantity(plan.kimg, 4)} kimg on {count(plan.datasets, 'dataset')}, "
        f"{_between(str(plan.seeds), count(plan.most_seeds, 'fresh seed'))}{key} each: "
        f"{_between(f'{plan.runs:,}', count(plan.runs_most, 'run'))}{done}",
        *(f"  {_design(foreseen, each)}" for each in plan.designs),
        *_uncertain(plan),
    ]


def _design(foreseen: "Foreseen", design: "DesignCost") -> str:
    arms = f"{design.title}: {count(design.arms, 'arm')}"
    if design.shared == design.arms:
        return f"{arms}, all of them above"
    least, most = foreseen.hours(design.seconds), foreseen.hours(design.seconds_most)
    shared = f", {design.shared} of them above" if design.shared else ""
    runs = _between(f"{design.runs:,}", count(design.runs_most, "run"))
    text = f"{arms}{shared}; {runs}, about {_between(quantity(least), quantity(most))} {foreseen.unit}-hours"
    price = foreseen.price
    if price is None:
        return text
    return f"{text}, in money {_between(quantity(least * price, 2), quantity(most * price, 2))}"


def _between(least: str, most: str) -> str:
    return most if most.startswith(least) and most.removeprefix(least)[:1] in ("", " ") else f"{least} to {most}"


def _uncertain(plan: "AblationCost") -> list[str]:
    if plan.certain:
        return []
    return ["  there is no winner yet: its arms are counted by a config that differs at every axis of the space"]


def _speed(question: "Question", foreseen: "Foreseen") -> str:
    speed = foreseen.speed
    if speed is None:
        return ""
    measuring = f"{quantity(speed.measuring)} s for a measurement of {count(question.evaluation.images, 'image')}"
    return f"speed: {quantity(speed.seconds_per_kimg)} s for a kimg in a slot and {measuring}, {speed.source}"


def _slots(foreseen: "Foreseen", address: str | None) -> str:
    where = "here" if address is None else f"at {address}"
    takes = f"{count(foreseen.cpus, 'CPU')} and {foreseen.gpus:g} GPU" if foreseen.gpus else f"{foreseen.cpus} CPU"
    return f"{where}: {count(foreseen.slots, 'slot')}, {takes} each"


def _times(foreseen: "Foreseen") -> list[str]:
    from search.stage_plans import Span

    stages = {
        "search": foreseen.search_wall,
        "confirm": foreseen.confirm.wall if foreseen.confirm and foreseen.confirm.kimg_most else Span(),
        "ablate": foreseen.ablate_wall,
    }
    lines = [f"{stage} takes about {_span(wall)}" for stage, wall in stages.items() if wall.expected]
    return [*lines, f"in all about {_span(foreseen.wall)}"]


def _span(wall: "Span") -> str:
    from search.displaying.durations import in_units

    return f"{in_units(wall.expected)}, at most {in_units(wall.most)}"


def _cost(foreseen: "Foreseen") -> str:
    expected, most = foreseen.hours(foreseen.held.expected), foreseen.hours(foreseen.held.most)
    text = f"cost: about {quantity(expected)} {foreseen.unit}-hours, at most {quantity(most)}"
    if foreseen.price is None:
        return f"{text}; set resources.price to have it in money"
    return f"{text}; in money about {expected * foreseen.price:.2f}, at most {most * foreseen.price:.2f}"


def _limits(foreseen: "Foreseen") -> list[str]:
    ended = foreseen.stopped_by
    if foreseen.search is None:
        return []
    return [
        f"limit {limit.field}: {quantity(limit.asked, 6)} {limit.unit}, {quantity(limit.used)} used"
        + ("; it will probably end the search" if ended is not None and limit.field == ended.field else "")
        for limit in foreseen.limits
    ]
