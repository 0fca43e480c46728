"""Optuna's study as the driver keeps it: every trial in memory, of which the sampler sees what it can use."""

import copy
from collections.abc import Container, Mapping, Sequence

import optuna
from optuna.samplers import BaseSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from search.searcher.outcome import CONSTRAINT, Outcome
from search.searcher.samplers import Kind
from search.searcher.view import TAUGHT, Ended, WholeSpace, as_completed, in_brief, with_stress_on_lost

NAME = "trial"
"""User attribute of an Optuna trial: its folder's name. Of several with one name, the last counts."""


class StudyMemory(InMemoryStorage):
    """Storage for one study that is only ever asked for trials by its sampler.

    Reading all trials for each suggestion is what makes Optuna slow in long studies; here a suggestion takes no longer
    after ten thousand trials than after a thousand.
    """

    def __init__(self, kind: Kind, space: WholeSpace, directions: Sequence[StudyDirection]) -> None:
        """Begin an empty study for a kind of sampler."""
        super().__init__()
        self._kind, self._space = kind, space
        self._study_id = self.create_new_study(list(directions), "memory")
        self._running: set[int] = set()
        self._shown: list[FrozenTrial] | None = None
        self._ended, self._last = Ended(), dict[str, int]()

    def study(self, sampler: BaseSampler) -> optuna.Study:
        """The study, to be asked for trials."""
        return optuna.load_study(study_name="memory", storage=self, sampler=sampler)

    def every_trial(self) -> list[FrozenTrial]:
        """All trials, in the order of their numbers; not to be changed."""
        return self._studies[self._study_id].trials

    def remember(self, trial: FrozenTrial) -> int:
        """Take up a trial as it is and return its number."""
        return self.get_trial_number_from_id(self.create_new_trial(self._study_id, template_trial=trial))

    def end(self, trial_id: int, outcome: Outcome) -> None:
        """End a trial; what it has already is kept."""
        for step, value in outcome.intermediate.items():
            if step not in self.get_trial(trial_id).intermediate_values:
                self.set_trial_intermediate_value(trial_id, step, value)
        self.constrain(trial_id, outcome.constraints)
        self.set_trial_user_attr(trial_id, "status", str(outcome.status))
        self.set_trial_state_values(trial_id, outcome.state, outcome.values)

    def constrain(self, trial_id: int, constraints: Mapping[str, float]) -> None:
        """Set a trial's constraints; a value above 0 makes it infeasible."""
        for key, value in constraints.items():
            self.set_trial_system_attr(trial_id, CONSTRAINT + key, value)

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """As Optuna's."""
        trial_id = super().create_new_trial(study_id, template_trial)
        self._note(trial_id)
        return trial_id

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """As Optuna's."""
        changed = super().set_trial_state_values(trial_id, state, values)
        self._note(trial_id)
        return changed

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials that the sampler is shown; all of those that wait or run."""
        if states == (TrialState.WAITING,):
            return super().get_all_trials(study_id, deepcopy, states)
        if self._shown is None:
            self._shown = self._choose()
        running = [self._filled(self._get_trial(trial_id)) for trial_id in sorted(self._running)]
        trials = [trial for trial in (*self._shown, *running) if states is None or trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def _choose(self) -> list[FrozenTrial]:
        picked = self._ended.chosen(self._kind.limit)
        if not self._kind.completed_only:
            return with_stress_on_lost(picked)
        return as_completed(picked, self._space, self.get_study_directions(self._study_id))

    def _filled(self, trial: FrozenTrial) -> FrozenTrial:
        if not self._kind.completed_only or not trial.params:
            return trial
        filled = copy.copy(trial)
        filled.params, filled.distributions = self._space.filled(trial), self._space.distributions
        return filled

    def _note(self, trial_id: int) -> None:
        trial = self._get_trial(trial_id)
        if trial.state is TrialState.RUNNING:
            self._running.add(trial_id)
        else:
            self._running.discard(trial_id)
        if trial.state in TAUGHT:
            name = trial.user_attrs.get(NAME)
            # One that went on as a finalist is there twice; its second end says all that the first said.
            if name is not None:
                self._ended.remove(self._last.get(name, -1))
                self._last[name] = trial.number
            self._ended.add(trial if self._kind.completed_only else in_brief(trial))
            self._shown = None
