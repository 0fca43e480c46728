"""Ray Tune's OptunaSearch, told the truth: pruned is PRUNED, failures count as bad, a restart finds everything.

Optuna's study lies on disk beside the trials and is the searcher's only memory. Each of its trials names its folder,
so a killed search takes up the unfinished trials under their own names before it asks for new ones.
"""

import warnings
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from ignm.config import Config, TrialSpec, override
from ignm.errors import IgnmError
from search.study.folder import Status, StudyFolder, Trial
from search.study.question import Question
from spaces.axis import Axis, ChoiceDomain, Value
from spaces.space import Space

NAME = "trial"
"""User attribute of an Optuna trial: its folder's name."""
REFUSED = "refused"
"""User attribute, and constraint, of a suggestion that the config refuses; it is never trained."""
QUALITY = "quality"
MOST_REFUSALS = 200
OVER = "the search's time was over"


def open_optuna(folder: StudyFolder, question: Question) -> optuna.Study:
    """Open, or begin, Optuna's study of a study folder."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Grouped sampling of conditional axes has been marked experimental since 2021.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    folder.optuna.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder.optuna}")
    names = optuna.study.get_all_study_names(storage)
    begun = len(optuna.load_study(study_name=question.name, storage=storage).trials) if question.name in names else 0
    return optuna.create_study(
        storage=storage,
        study_name=question.name,
        load_if_exists=True,
        direction="minimize",
        # Seeded by what is there already: a sampler restarted from its first seed would suggest the same points again.
        sampler=optuna.samplers.TPESampler(
            seed=question.seed + begun, multivariate=True, group=True, n_startup_trials=8
        ),
        pruner=optuna.pruners.SuccessiveHalvingPruner(
            min_resource=_images(question.budget.grace), reduction_factor=question.budget.reduction
        ),
    )


class StudySearch(OptunaSearch):
    """Suggests the unfinished trials of a study first, then new ones, and tells Optuna how each ended."""

    def __init__(
        self,
        folder: StudyFolder,
        question: Question,
        space: Space,
        tune_config: dict[str, Any],
        check: Callable[[Config], None] = lambda config: None,
    ) -> None:
        """Open Optuna's study and reconcile it with the trial folders; `tune_config` is handed on to every trial.

        `check` raises IgnmError for a config that cannot be trained on the study's dataset.
        """
        self._folder, self._question, self._axes, self._check = folder, question, space, check
        self._tune_config = tune_config
        self._base: Config = question.base()
        self._names: dict[str, str] = {}
        self._unfinished: deque[FrozenTrial] = deque()
        self.closed = False
        super().__init__(space=self._suggest_values, metric=QUALITY, mode="min")
        self._reconcile()
        self._enqueue_known_points()

    @property
    def missing(self) -> int:
        """Trials still to be run, unfinished ones included."""
        return self._question.budget.trials - sum(trial.state.is_finished() for trial in self._named())

    def close(self) -> None:
        """Suggest nothing new from now on, and stop what runs at its next measurement."""
        self.closed = True

    def end_unfinished(self) -> None:
        """End the trials that a killed run left unfinished, when there is no time for them any more."""
        for frozen in self._unfinished:
            trial = self._folder.trial(str(frozen.user_attrs[NAME]))
            if (trial.path / "label.json").exists():
                trial.end(Status.PRUNED, OVER)
                tell(self._ot_study, optuna.Trial(self._ot_study, frozen._trial_id), trial)
        self._unfinished.clear()

    def suggest(self, trial_id: str) -> Any:
        """Return the Tune config of the next trial, or FINISHED."""
        if self.closed:
            return Searcher.FINISHED
        if self._unfinished:
            frozen = self._unfinished.popleft()
            trial, values = optuna.Trial(self._ot_study, frozen._trial_id), dict(frozen.params)
        else:
            trial, values = self._ask()
        self._ot_trials[trial_id] = trial
        self._names[trial_id] = self._begin(trial, values).name
        return {**self._tune_config, "trial": self._names[trial_id]}

    def should_prune(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Report a measurement to Optuna and ask whether to go on; a no is written down before it is given."""
        trial = self._ot_trials[trial_id]
        _report(trial, result)
        prune = self.closed or trial.should_prune()
        if prune:
            reason = OVER if self.closed else "not among the best at its rung"
            self._folder.trial(self._names[trial_id]).end(Status.PRUNED, reason)
        return prune

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: the scheduler has reported it already, by `should_prune`."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell Optuna how the trial ended, by its folder: once, and not at all where it has yet to end."""
        if trial_id in self._completed_trials:
            return
        self._completed_trials.add(trial_id)
        trial = self._folder.trial(self._names[trial_id])
        if error:
            trial.end_failed()
        if trial.status() is not Status.RUNNING:
            tell(self._ot_study, self._ot_trials[trial_id], trial)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to keep beside the study on disk; Tune expects a file."""
        Path(checkpoint_path).write_bytes(b"")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study on disk was read when this was made."""

    def _setup_study(self, mode: str | list[str]) -> None:
        self._ot_study = open_optuna(self._folder, self._question)

    def _suggest_values(self, trial: optuna.Trial) -> dict[str, Value]:
        return self._axes.sample(self._base, lambda axis: _suggest_value(trial, axis))

    def _ask(self) -> tuple[optuna.Trial, dict[str, Value]]:
        """Ask for a point that the config accepts; others are told as infeasible and cost nothing."""
        refusal = ""
        for _ in range(MOST_REFUSALS):
            trial = self._ot_study.ask()
            values = self._suggest_values(trial)
            try:
                self._check(override(self._base, values))
            except IgnmError as error:
                refusal = str(error)
                trial.set_constraint(REFUSED, 1.0)
                trial.set_user_attr(REFUSED, refusal)
                self._ot_study.tell(trial, state=TrialState.PRUNED)
            else:
                return trial, values
        raise IgnmError(
            f"space {self._axes.name}: the config refused {MOST_REFUSALS} suggestions running, the last one so:\n"
            f"  {refusal}\n  give the axes concerned a condition (`when:`)"
        )

    def _begin(self, trial: optuna.Trial, values: dict[str, Value]) -> Trial:
        config = override(self._base, values)
        budget = self._question.budget
        spec = TrialSpec(
            config=config,
            seed=self._question.seed,
            kimg=budget.kimg,
            measure_at=budget.measure_at(budget.kimg),
            evaluation=self._question.evaluation,
        )
        name = f"search-{trial.number:04d}-{config.config_id[:8]}"
        # Optuna learns the name first: a kill in between leaves a name without a folder, which is made again, and never
        # a folder that nobody knows.
        trial.set_user_attr(NAME, name)
        return self._folder.begin_trial(name, spec, {"number": trial.number, "parameters": values})

    def _reconcile(self) -> None:
        """Close what has ended, queue what has not, and drop what never began."""
        for frozen in self._ot_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            live = optuna.Trial(self._ot_study, frozen._trial_id)
            name = frozen.user_attrs.get(NAME)
            if name is None:
                self._ot_study.tell(live, state=TrialState.FAIL)
            elif self._folder.trial(name).status() is Status.RUNNING:
                self._unfinished.append(frozen)
            else:
                tell(self._ot_study, live, self._folder.trial(name))

    def _enqueue_known_points(self) -> None:
        """Queue the preset and the question's points, where neither a trial nor the queue has them yet."""
        waiting = self._ot_study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        known = [trial.params for trial in self._named()] + [trial.system_attrs["fixed_params"] for trial in waiting]
        for point in ({}, *self._question.points):
            try:
                values = self._axes.values_of(self._base, override(self._base, point))
            except IgnmError:
                if point:
                    raise
                continue  # The preset itself may lie outside the space; then it is not tried by the search.
            if values not in known:
                known.append(values)
                self._ot_study.enqueue_trial(values)

    def _named(self) -> list[FrozenTrial]:
        return [trial for trial in self._ot_study.get_trials(deepcopy=False) if NAME in trial.user_attrs]


def _suggest_value(trial: optuna.Trial, axis: Axis) -> Value:
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        choice: Value = trial.suggest_categorical(axis.path, domain.values)
        return choice
    if domain.kind == "int":
        return trial.suggest_int(axis.path, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(axis.path, domain.low, domain.high, log=domain.log)


def _images(kimg: float) -> int:
    """Optuna counts in whole steps; ours are images."""
    return round(kimg * 1000)


def _report(trial: optuna.Trial, measurement: dict[str, Any]) -> None:
    """Report a measurement at its point of the schedule, so that trials of any batch size meet on the same rungs."""
    step = _images(measurement["point"])
    if step not in trial.study._storage.get_trial(trial._trial_id).intermediate_values:
        trial.report(measurement[QUALITY], step)


def tell(study: optuna.Study, trial: optuna.Trial, ended: Trial) -> None:
    """Tell Optuna how a trial ended: diverged and out-of-memory ones as infeasible, so that they count as bad."""
    status = ended.status()
    measurements = ended.measurements()
    for measurement in measurements:
        _report(trial, measurement)
    bad = (Status.DIVERGED, Status.OUT_OF_MEMORY)
    for kind in bad:
        trial.set_constraint(str(kind), float(status is kind))
    trial.set_user_attr("status", str(status))
    if status is Status.COMPLETED and measurements:
        study.tell(trial, measurements[-1][QUALITY], skip_if_finished=True)
    else:
        state = TrialState.PRUNED if status in (*bad, Status.PRUNED) else TrialState.FAIL
        study.tell(trial, state=state, skip_if_finished=True)
