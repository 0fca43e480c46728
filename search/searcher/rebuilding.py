"""Optuna's study brought up to the trials' folders, which are the truth: what it lacks is added, what ended is told."""

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.searcher.distributions import distributions_of, within
from search.searcher.memory import NAME
from search.searcher.outcome import Judge, Outcome
from search.searcher.records import Records
from search.study.folder import Status, StudyFolder, Trial
from spaces.space import Space

LACKING = "lacking"
"""User attribute of a trial that stands for a number of which nothing is known any more: it was never trained."""
GOES_ON = "goes on from"
"""User attribute of a trial that goes on where an earlier one with the same folder was pruned: that one's number."""


def bring_up(records: Records, folder: StudyFolder, space: Space, judge: Judge) -> list[str]:
    """Make the records agree with the trials' folders; returns the names of the unfinished trials, in order."""
    on_disk = {trial.name: trial for trial in folder.all_trials("search")}
    add_lacking(records, list(on_disk.values()), space, judge)
    unfinished = []
    for name in sorted(records.named, key=records.named.__getitem__):
        known = records.of(name)
        trial = on_disk.get(name, folder.trial(name))
        status = trial.status()
        if known.state is TrialState.PRUNED and name in on_disk and known.user_attrs.get("status") != str(status):
            # It went on, and the driver was killed before Optuna was told.
            go_on(records, name)
        elif known.state.is_finished():
            continue
        if status is Status.RUNNING:
            unfinished.append(name)
        else:
            records.end(records.named[name], judge.outcome(trial))
    return unfinished


def add_lacking(records: Records, trials: list[Trial], space: Space, judge: Judge) -> None:
    """Add the trials that have a folder and no record, under their own numbers where these are free."""
    lacking = [(int(trial.label()["number"]), trial) for trial in trials if trial.name not in records.named]
    distributions = distributions_of(space)
    for number, trial in sorted(lacking, key=lambda each: each[0]):
        while len(records) < number:
            records.add(create_trial(state=TrialState.FAIL, user_attrs={LACKING: True}))
        records.add(as_recorded(trial, space, distributions, judge))


def as_recorded(trial: Trial, space: Space, distributions: dict[str, BaseDistribution], judge: Judge) -> FrozenTrial:
    """Return a trial as Optuna would have it, read from its folder; unfinished ones too."""
    values = within(space, trial.label()["parameters"])
    outcome = judge.outcome(trial)
    running = outcome.status is Status.RUNNING
    return create_trial(
        state=TrialState.RUNNING if running else outcome.state,
        values=outcome.values,
        params=values,
        distributions={path: distributions[path] for path in values},
        user_attrs=_attributes(trial, outcome),
        intermediate_values=outcome.intermediate,
        constraints=None if running else outcome.constraints,
    )


def _attributes(trial: Trial, outcome: Outcome) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {NAME: trial.name}
    if outcome.status is not Status.RUNNING:
        attributes["status"] = str(outcome.status)
    if trial.reopened:
        attributes[GOES_ON] = trial.label()["number"]
    return attributes


def go_on(records: Records, name: str) -> int:
    """Add a running trial that goes on where the folder's last one was pruned, and return its number.

    Optuna lets no ended trial begin again; with several of one name, the last one counts.
    """
    before = records.of(name)
    return records.add(
        create_trial(
            state=TrialState.RUNNING,
            params=before.params,
            distributions=before.distributions,
            user_attrs={NAME: name, GOES_ON: before.number},
            intermediate_values=before.intermediate_values,
        )
    )
