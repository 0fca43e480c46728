"""What `--dry-run` prints."""

from typing import TYPE_CHECKING

from search.cli.console import console

if TYPE_CHECKING:
    from search.foreseeing import Foreseen, StagePlan
    from search.study.question import Question


def dry_run(question: "Question", storage: str, address: str | None, confirm: bool) -> None:
    """Say what a study would do and cost; nothing is written."""
    from search.foreseeing import foresee

    foreseen = foresee(question, storage, console, address, confirm)
    lines = (
        f"study [bold]{question.name}[/bold], a dry run: nothing is written, nothing is begun",
        _space(question, foreseen),
        _search(question, foreseen),
        _confirm(question, foreseen),
        _slots(foreseen, address),
        f"speed: {foreseen.speed.seconds_per_kimg:.3g} s for a kimg in a slot, {foreseen.speed.source}",
        _time("search", foreseen.search),
        _time("confirm", foreseen.confirm),
        _cost(foreseen),
        *_limits(foreseen),
    )
    for line in lines:
        if line:
            console.print(line, highlight=False, soft_wrap=True)


def _space(question: "Question", foreseen: "Foreseen") -> str:
    size = foreseen.size
    return (
        f"space {question.load_space().name}: {_plural(foreseen.axes, 'axis', 'axes')}, {size.combinations:,} discrete "
        f"combinations, {_plural(size.continuous, 'continuous dimension')}"
    )


def _search(question: "Question", foreseen: "Foreseen") -> str:
    budget, plan = question.budget, foreseen.search
    done = f", {foreseen.ended} of them ended" if foreseen.ended else ""
    rungs = ", ".join(f"{rung:g}" for rung in foreseen.rungs)
    early = len(question.suggesting.objectives) == 1 and rungs
    stops = f", the best 1 in {budget.reduction} going on at {rungs}" if early else ", none stopped early"
    return (
        f"search: {_plural(plan.runs, 'trial')}{done}, of {budget.kimg:g} kimg{stops}; {plan.kimg_most:,.4g} kimg at "
        f"most, about {plan.kimg_expected:,.4g} expected"
    )


def _confirm(question: "Question", foreseen: "Foreseen") -> str:
    plan = foreseen.confirm
    if plan is None:
        return ""
    return (
        f"confirm: {_plural(plan.runs, 'run')} of {plan.kimg_most / plan.runs:,.4g} kimg "
        f"({_plural(question.confirm.seeds, 'fresh seed')} each)"
    )


def _slots(foreseen: "Foreseen", address: str | None) -> str:
    where = "here" if address is None else f"at {address}"
    takes = f"{_plural(foreseen.cpus, 'CPU')} and {foreseen.gpus:g} GPU" if foreseen.gpus else f"{foreseen.cpus} CPU"
    return f"{where}: {_plural(foreseen.slots, 'slot')}, {takes} each"


def _time(stage: str, plan: "StagePlan | None") -> str:
    from search.displaying.stage import clock_text

    if plan is None:
        return ""
    most = f", at most {clock_text(plan.seconds_most)}" if plan.seconds_most > plan.seconds else ""
    return f"{stage} takes about {clock_text(plan.seconds)}{most}"


def _cost(foreseen: "Foreseen") -> str:
    confirmed = foreseen.confirm.kimg_expected if foreseen.confirm else 0.0
    expected = foreseen.hours(foreseen.search.kimg_expected + confirmed)
    most = foreseen.hours(foreseen.search.kimg_most + confirmed)
    text = f"cost: about {expected:.3g} {foreseen.unit}-hours, at most {most:.3g}"
    if foreseen.price is None:
        return f"{text}; set resources.price to have it in money"
    return f"{text}; in money about {expected * foreseen.price:.2f}, at most {most * foreseen.price:.2f}"


def _limits(foreseen: "Foreseen") -> list[str]:
    ended = foreseen.stopped_by
    return [
        f"limit {limit.field}: {limit.asked:g} {limit.unit}, {limit.used:.3g} used"
        + ("; it will probably end the search" if ended is not None and limit.field == ended.field else "")
        for limit in foreseen.limits
    ]


def _plural(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
