"""A study's trials as the searcher knows them: in memory for the sampler, and on disk, kept alike."""

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from search.searcher.ledger import Ledger
from search.searcher.memory import NAME, StudyMemory
from search.searcher.outcome import Outcome
from spaces.axis import Value

RUNG = "rung"
"""User attribute: the last rung that the trial has passed, in images."""


class Records:
    """Adds trials and tells their ends, to memory and to disk at once; a trial is known by its number."""

    def __init__(self, memory: StudyMemory, ledger: Ledger, sampler: BaseSampler) -> None:
        """Take up what is on disk; trials that never began are ended."""
        self._memory, self._ledger, self._sampler = memory, ledger, sampler
        ledger.memory = memory.every_trial
        self.study = memory.study(sampler)
        """Optuna's study in memory."""
        self.named: dict[str, int] = {}
        """Number of each folder's trial, the last where a folder has several."""
        for trial in ledger.trials:
            number = memory.remember(trial)
            if NAME in trial.user_attrs:
                self.named[trial.user_attrs[NAME]] = number
            elif not trial.state.is_finished():
                self.drop(number)

    def __len__(self) -> int:
        return len(self._memory.every_trial())

    def all(self) -> list[FrozenTrial]:
        """Every trial, in the order of their numbers."""
        return self._memory.every_trial()

    def of(self, name: str) -> FrozenTrial:
        """The trial of a folder."""
        return self.all()[self.named[name]]

    def ask(self, values: Mapping[str, Value] | None = None, sampler: BaseSampler | None = None) -> optuna.Trial:
        """Ask for a trial: of these values where they are given, else by the sampler; on disk it is when it begins."""
        if values is not None:
            self.study.enqueue_trial(dict(values))
        self.study.sampler = sampler or self._sampler
        return self.study.ask()

    def begin(self, number: int, name: str) -> None:
        """Give an asked trial its folder's name, and write it down."""
        self._memory.set_trial_user_attr(number, NAME, name)
        self.named[name] = number
        self._ledger.add(self.all()[number])

    def refuse(self, number: int, reason: str, why: str, constraints: Mapping[str, float] | None = None) -> None:
        """End an asked trial that is not to be run, for a `reason` (an attribute's name) that `why` explains.

        With constraints it is infeasible and teaches the sampler; without, it tells nothing.
        """
        self._memory.set_trial_user_attr(number, reason, why)
        self._memory.constrain(number, constraints or {})
        self._memory.set_trial_state_values(number, TrialState.PRUNED if constraints else TrialState.FAIL)
        self._ledger.add(self.all()[number])

    def add(self, trial: FrozenTrial) -> int:
        """Take up a trial that was not asked for, and return its number."""
        number = self._memory.remember(trial)
        if NAME in trial.user_attrs:
            self.named[trial.user_attrs[NAME]] = number
        self._ledger.add(self.all()[number])
        return number

    def report(self, number: int, step: int, value: float) -> None:
        """Write a measurement down, once."""
        if step not in self.all()[number].intermediate_values:
            self._memory.set_trial_intermediate_value(number, step, value)
            self._ledger.report(number, step, value)

    def mark(self, number: int, key: str, value: Any) -> None:
        """Set a user attribute of a running trial."""
        self._memory.set_trial_user_attr(number, key, value)
        self._ledger.mark(number, key, value)

    def end(self, number: int, outcome: Outcome) -> None:
        """Tell how a trial ended; one that has ended already is left as it is."""
        trial = self.all()[number]
        if not trial.state.is_finished():
            self._ledger.end(number, outcome, known=tuple(trial.intermediate_values))
            self._memory.end(number, outcome)

    def catch_up(self) -> None:
        """Write to disk what could not be written before, where it can be now."""
        self._ledger.catch_up()

    def drop(self, number: int) -> None:
        """End a trial that never began."""
        self._memory.set_trial_state_values(number, TrialState.FAIL)
        self._ledger.drop(number)
