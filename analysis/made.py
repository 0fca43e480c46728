"""How a study was made: what its record says, block by block, and the commands that do it again."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.ablation.loading import Ablation
from analysis.formatting import ABSENT, axis_value
from analysis.results import Study, dig
from analysis.tables.about import ranges
from analysis.view import View
from spaces.axis import Axis


@dataclass(frozen=True)
class Block:
    """Rows of text under a title."""

    title: str
    columns: list[str]
    rows: list[list[str]]


def blocks(view: View) -> Iterator[Block]:
    """Return what was asked, with what it was answered, and what was searched and compared, block by block."""
    study = view.study
    asked = study.asked
    named = ("question", "metric", "data", "hardware", "versions")
    rest = {key: value for key, value in asked.items() if key not in (*named, "base", "axes", "name")}
    titled = [*((block.capitalize(), asked.get(block)) for block in named), ("Record", rest)]
    titled.append(("Ablation", _ablation(view.ablation)))
    titled.append(("Preset, with the study's own settings", asked.get("base")))
    for title, value in titled:
        rows = [[path, text] for path, text in _flatten(value)]
        if rows:
            yield Block(title, ["What", "Value"], rows)
    if study.axes:
        rows = [
            [
                axis.path,
                axis.strategy or ABSENT,
                domain_words(axis.told),
                _tried(study, axis.path),
            ]
            for axis in study.axes
        ]
        yield Block("Searched", ["Parameter", "Strategy", "Domain", "Tried"], rows)


def domain_words(told: Axis | None) -> str:
    """Write what an axis ranges over, when it is there, and its source: "relu, silu", "0.0001 to 0.0008, log"."""
    if told is None:
        return ABSENT
    condition = told.describe_condition()
    words = told.domain.describe() + (f", when {condition}" if condition else "")
    return words + (f"; {told.source}" if told.source else "")


def _tried(study: Study, path: str) -> str:
    values = study.rows[path].dropna()
    if values.empty:
        return ABSENT
    if values.dtype == object:
        names = sorted(values.unique())
        return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"{axis_value(values.min())} to {axis_value(values.max())}"


def _flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flatten(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from _flatten(item, f"{path}[{index}]")
    elif value is not None:
        shown = Path(value).name if path == "space" else axis_value(value)
        yield path or "value", shown or ABSENT


def commands(view: View) -> list[str]:
    """Return the commands that do it again."""
    study = view.study
    folder = shlex.quote(study.folder.resolve().name)
    stage = "ablate" if view.searched.empty and view.ablation.plan is not None else "run"
    again = [f"ignm {stage} {folder}/study.yaml --storage .", f"ignm report {folder}"]
    data, kimg = dig(study.asked, "question", "data", "name"), study.evidence.get("kimg")
    if study.winner_config and data and kimg:
        train = (
            f"ignm train --config {folder}/best/config.yaml --data {shlex.quote(str(data))} --kimg {axis_value(kimg)}"
        )
        again.append(f"{train} --out best-again")
    return again


def _ablation(ablation: Ablation) -> dict[str, Any]:
    plan = ablation.plan
    if plan is None:
        return {}
    return {
        "budget (kimg a run)": plan.kimg,
        "arms": len(plan.arms),
        "runs begun": len(ablation.runs),
        "seeds": ranges(plan.seeds),
        "smallest effect that matters": f"{100 * plan.smallest_effect:g}% of the value without it",
        "confidence of an interval": f"{100 * ablation.confidence:.3g}%",
        "complete": plan.complete,
        "datasets": plan.datasets,
    }
