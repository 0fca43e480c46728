"""A study's standing, for people."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analysis.quantities import quantity
from ignm.words import clock, count
from search.displaying.stage import count_text
from search.study.progress import Rung, StageProgress
from search.study.standing import Standing

MOST_ROWS = 16
"""Running trials, or nodes, that are shown one by one."""


def picture(standing: Standing) -> RenderableType:
    """All of it: driver, nodes, stages, what it has cost, how long it still takes, the winner."""
    parts = [
        _driver(standing),
        _nodes(standing),
        _stage(standing.search, standing.metric) if standing.searches else None,
        _rungs(standing.search.rungs, standing.metric),
        _stage(standing.confirm, standing.metric) if standing.confirm.total else None,
        _stage(standing.ablate, standing.metric) if standing.ablate.total else None,
        _left(standing),
        _spent(standing),
        _winner(standing),
    ]
    return Group(*(part for part in parts if part is not None))


def _driver(standing: Standing) -> Text:
    driver = standing.driver
    head = Text.assemble((standing.folder.name, "bold"), "  ")
    if driver is None:
        return head.append(f"nobody drives it; go on with: {standing.go_on}")
    silent = clock(driver.silent(standing.now))
    if standing.alive:
        return head.append(f"driven by {driver}, heard of {silent} ago")
    if driver.outcome != "running":
        head.append(f"its driver {driver.outcome} {silent} ago ({driver})")
    elif driver.gone:
        head.append(f"its driver was killed ({driver})", style="red")
    else:
        head.append(f"its driver is silent since {silent}, and was probably lost ({driver})", style="red")
    return head if standing.finished else head.append(f"; go on with: {standing.go_on}")


def _nodes(standing: Standing) -> RenderableType | None:
    if not standing.alive or not standing.nodes:
        return None
    table = _table(f"{count(standing.slots or 0, 'slot')} on", "CPUs", "GPUs", "")
    for node in standing.nodes[:MOST_ROWS]:
        style = None if node["alive"] else "red"
        state = "" if node["alive"] else "lost"
        table.add_row(node["name"], f"{node['cpus']:g}", f"{node['gpus']:g}", state, style=style)
    return table if len(standing.nodes) <= MOST_ROWS else Group(table, _more(len(standing.nodes), "nodes"))


def _stage(stage: StageProgress, metric: str) -> RenderableType:
    head = Text.assemble((f"{stage.stage} {stage.count_ended}/{stage.total}", "bold"), f": {count_text(stage)}")
    if stage.best is not None:
        name, quality, kimg = stage.best
        head.append(f"; best so far {metric} {quality:.2f} ({name}, {kimg:.0f} kimg)")
    parts: list[RenderableType] = [head]
    if stage.running:
        table = _table("unfinished", "kimg", metric)
        for each in stage.running[:MOST_ROWS]:
            quality_text = "–" if each.quality is None else f"{each.quality:.2f}"
            table.add_row(str(each), f"{each.kimg:.1f} / {each.budget:g}", quality_text)
        parts.append(table)
    if len(stage.running) > MOST_ROWS:
        parts.append(_more(len(stage.running), "unfinished trials"))
    if stage.unreadable:
        parts.append(Text(f"cannot be read: {', '.join(stage.unreadable)}", style="red"))
    return Group(*parts)


def _rungs(rungs: list[Rung], metric: str) -> RenderableType | None:
    if not any(rung.reached for rung in rungs):
        return None
    table = _table("rung", "trials", metric, "best there")
    for rung in rungs:
        name, quality = (rung.best[0], f"{rung.best[1]:.2f}") if rung.best else ("", "–")
        table.add_row(f"{rung.kimg:g} kimg", str(rung.reached), quality, name)
    return table


def _left(standing: Standing) -> Text | None:
    left = standing.left
    if left is None or standing.finished or (not standing.alive and standing.stage.kimg_left <= 0):
        return None
    return Text(f"{standing.stage.stage} has about {clock(left.seconds)} left, {left.how}")


def _spent(standing: Standing) -> Text:
    spent = standing.taken
    text = f"it has taken {clock(spent.minutes * 60)} and {quantity(spent.hours)} {spent.unit}-hours"
    if spent.money is not None:
        text += f", {spent.money:.2f} in money"
    limits = "; ".join(f"{limit.field} {limit}{', used up' if limit.over else ''}" for limit in standing.limits)
    return Text(f"{text}; of the search's limits: {limits}" if limits else text)


def _winner(standing: Standing) -> Text:
    done = standing.folder.evidence.exists()
    return Text(f"winner: {standing.folder.best}" if done else "winner: not confirmed yet")


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
    for position, name in enumerate(columns):
        number = name in ("kimg", "CPUs", "GPUs", "trials") or (position > 0 and name.startswith("f"))
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    return table


def _more(number: int, what: str) -> Text:
    return Text(f"  ... {number - MOST_ROWS} more {what}", style="dim")
