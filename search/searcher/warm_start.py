"""What earlier studies found out, told to the sampler before it is asked for the first time."""

import logging
from collections import Counter
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from ignm.config import read_yaml
from ignm.errors import IgnmError
from ignm.files import expanded
from search.searcher.distributions import distributions_of, within
from search.searcher.known_points import point_in
from search.searcher.outcome import GOALS, Judge, images, number
from search.searcher.records import Records
from search.study.folder import Status, StudyFolder, Trial, open_study
from search.study.question import Question
from spaces.space import Space

WARM = "warm start"
"""User attribute of a trial of an earlier study: that study's name and the trial's."""
_SAME = {
    "name": "the metric",
    "reference_id": "the real images' statistics",
    "images": "the number of generated images",
}

_log = logging.getLogger(__name__)


def warm_start(records: Records, folder: StudyFolder, question: Question, space: Space, judge: Judge) -> None:
    """Add the ended trials of `suggesting.warm_start`'s studies that lie in the space, once.

    Raises IgnmError for a folder that holds no study, and for one that was measured by another metric, with other real
    images, another resolution or number of images: such numbers cannot be compared.
    """
    before = {trial.user_attrs.get(WARM) for trial in records.all()}
    distributions = distributions_of(space)
    for source in question.suggesting.warm_start:
        earlier = open_study(expanded(source, "suggesting.warm_start"))
        _require_comparable(earlier, folder)
        taken: Counter[str] = Counter()
        for trial in earlier.all_trials("search"):
            origin = f"{earlier.name}/{trial.name}"
            if origin not in before:
                taken[_learn(records, trial, origin, question, space, distributions, judge)] += 1
        if taken:
            _log.warning("%s: %s", source, ", ".join(f"{count} trials {what}" for what, count in taken.items()))


def _learn(
    records: Records,
    trial: Trial,
    origin: str,
    question: Question,
    space: Space,
    distributions: dict[str, BaseDistribution],
    judge: Judge,
) -> str:
    """Add one trial, if it can be; returns what became of it."""
    if trial.status() in (Status.RUNNING, Status.FAILED):
        return "without a result left out"
    values = point_in(space, question.base(), trial.spec().config)
    if values is None:
        return "outside of the space left out"
    known = _as_known(trial, within(space, values), origin, question, distributions, judge)
    if known is None:
        return "without a measurement on this study's schedule left out"
    records.add(known)
    return "learned from"


def _as_known(
    trial: Trial,
    values: dict[str, Any],
    origin: str,
    question: Question,
    distributions: dict[str, BaseDistribution],
    judge: Judge,
) -> FrozenTrial | None:
    """The trial as this study would have had it: measured on its schedule, complete if it came to its budget."""
    outcome = judge.outcome(trial)
    schedule = {images(point) for point in question.budget.measure_at(question.budget.kimg)}
    measured = [each for each in trial.measurements() if images(each["point"]) in schedule]
    lost = outcome.state is TrialState.PRUNED and outcome.status is not Status.PRUNED
    if not measured and not lost:
        return None
    whole = bool(measured) and images(measured[-1]["point"]) == images(question.budget.kimg) and not lost
    if not (whole or lost or judge.suggesting.stops_early):
        return None
    return create_trial(
        state=TrialState.COMPLETE if whole else TrialState.PRUNED,
        values=[number(measured[-1], GOALS[name].field) for name in question.suggesting.objectives] if whole else None,
        params=values,
        distributions={path: distributions[path] for path in values},
        user_attrs={WARM: origin, "status": str(outcome.status)},
        intermediate_values=judge.intermediate(measured),
        constraints=outcome.constraints,
    )


def _require_comparable(earlier: StudyFolder, folder: StudyFolder) -> None:
    ours, theirs = (read_yaml(each.question) for each in (folder, earlier))
    metrics = [study.get("metric") or {} for study in (theirs, ours)]
    resolutions = [(study.get("data") or {}).get("resolution") for study in (theirs, ours)]
    differ = [
        f"{what}: {metrics[0].get(key)} there, {metrics[1].get(key)} here"
        for key, what in _SAME.items()
        if metrics[0].get(key) != metrics[1].get(key)
    ]
    if resolutions[0] != resolutions[1]:
        differ.append(f"the resolution: {resolutions[0]} there, {resolutions[1]} here")
    if differ:
        raise IgnmError(
            "\n  ".join(
                [f"suggesting.warm_start: {earlier.path}: its numbers cannot be compared with this study's", *differ]
            )
            + "\n  leave that study out of suggesting.warm_start"
        )
