"""The configuration in best/ as a table: what distinguishes it from the preset, or what the search chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import yaml

from analysis.baseline import baseline_id, baseline_name
from analysis.formatting import ABSENT, axis_value
from analysis.leaderboard import short_id
from analysis.results import Study, dig
from ignm.config.files import leaves
from ignm.words import count

MOST_TOLD = 14
"""Values that a sentence can hold."""


@dataclass(frozen=True)
class ParameterTable:
    """Rows of text under `columns`; `note` says what they are, and stands alone where there are none."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[str]]


def configuration_words(study: Study, trials: pd.DataFrame, config: str | None) -> str:
    """Say in what a configuration differs from the preset, path by path; empty where one of the two is not known."""
    if config is None:
        return ""
    base, winner = study.asked.get("base"), _winner(study)
    own: Mapping[str, Any] = _axis_values(study, trials, config)
    known: Mapping[str, Any] = _axis_values(study, trials, baseline_id(study))
    if isinstance(base, Mapping) and base:
        known = dict(leaves(base))
        own = dict(leaves(winner)) if winner and config == study.evidence.get("config_id") else own
    shared = [path for path in own if path in known]
    differing = [path for path in shared if axis_value(own[path]) != axis_value(known[path])]
    preset = dig(study.asked, "question", "preset")
    start = f"the {preset} preset" if preset else "the baseline"
    if not differing:
        return f"It is {start} itself." if config == baseline_id(study) else ""
    told = [f"{path} {axis_value(own[path]).replace(ABSENT, 'none')}" for path in differing[:MOST_TOLD]]
    rest = len(differing) - len(told)
    more = f" and {count(rest, 'more value')}" if rest > 0 else ""
    return f"It is {start} with {', '.join(told)}{more}."


def parameter_table(study: Study, trials: pd.DataFrame, chosen: str | None) -> ParameterTable:
    """Set the configuration in best/ beside the preset; where study.yaml holds no base, its searched parameters.

    chosen: the config_id that the measurements rank first, where best/ names none.
    """
    config = study.evidence.get("config_id") or chosen
    title = f"Configuration {short_id(str(config))}" if config else "Configuration"
    base, winner = study.asked.get("base"), _winner(study)
    if isinstance(base, Mapping) and base and winner:
        note, columns, rows = _against_base(study, dict(leaves(base)), dict(leaves(winner)))
    else:
        note, columns, rows = _searched(study, trials, config)
    strategies = {axis.path: axis.strategy for axis in study.axes if axis.strategy}
    if strategies and rows:
        columns = [*columns, "Strategy"]
        rows = [[*row, strategies.get(row[0], ABSENT)] for row in rows]
    return ParameterTable(title, note, columns, rows)


_Table = tuple[str, list[str], list[list[str]]]


def _against_base(study: Study, base: dict[str, Any], winner: dict[str, Any]) -> _Table:
    name = baseline_name(study)
    paths = [*winner, *(path for path in base if path not in winner)]
    differing = [path for path in paths if winner.get(path) != base.get(path)]
    rows = [[path, axis_value(winner.get(path)), axis_value(base.get(path))] for path in differing]
    own = dig(study.asked, "question", "set")
    changed = (
        ", ".join(f"{path} {axis_value(value)}" for path, value in own.items()) if isinstance(own, Mapping) else ""
    )
    start = f"the {name} preset" + (f" (with the study's own {changed})" if changed else "")
    if not rows:
        return f"It is {start} itself: nothing differs.", [], []
    same = len(paths) - len(rows)
    note = f"Where it differs from {start}; {count(same, 'other value')} {'is' if same == 1 else 'are'} the same."
    return note, ["Parameter", "Value", name], rows


def _searched(study: Study, trials: pd.DataFrame, config: Any) -> _Table:
    told = study.evidence.get("parameters")
    chosen = dict(told) if isinstance(told, Mapping) and told else _axis_values(study, trials, config)
    rows = [[path, axis_value(value)] for path, value in chosen.items()]
    known = _baseline_values(study, trials)
    if not known or baseline_id(study) == config:
        return "The parameters that were searched.", ["Parameter", "Value"], rows
    name = baseline_name(study)
    differing = [[*row, known.get(row[0], "not recorded")] for row in rows if known.get(row[0]) != row[1]]
    same = len(rows) - len(differing)
    note = f"Where it differs from the {name} baseline; {same} of {len(rows)} searched parameters are the same."
    return note, ["Parameter", "Value", name], differing


def _winner(study: Study) -> Mapping[str, Any] | None:
    try:
        tree = yaml.safe_load(study.winner_config or "")
    except yaml.YAMLError:
        return None
    return tree if isinstance(tree, Mapping) else None


def _axis_values(study: Study, trials: pd.DataFrame, config: Any) -> dict[str, Any]:
    mine = trials[trials["config_id"] == config]
    return {axis.path: mine.iloc[0][axis.path] for axis in study.axes} if len(mine) else {}


def _baseline_values(study: Study, trials: pd.DataFrame) -> dict[str, str]:
    told = dig(study.evidence, "baseline", "parameters")
    values = told if isinstance(told, Mapping) else _axis_values(study, trials, baseline_id(study))
    return {path: axis_value(value) for path, value in values.items()}
