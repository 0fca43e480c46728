"""Ray Tune's OptunaSearch, told the truth: pruned is PRUNED, failures count as bad, a restart finds everything.

Optuna's study lies on disk and is the only memory: each of its trials names its folder, so a killed search takes up the
unfinished trials under their own names before it asks for new ones.
"""

import warnings
from collections import deque
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from ignm.config import Config, TrialSpec, override
from ignm.errors import IgnmError
from search.folder import Status, StudyFolder, Trial
from search.question import Question
from spaces.axis import Axis, ChoiceDomain, Value
from spaces.space import Space

NAME_ATTRIBUTE = "trial"
QUALITY = "quality"


def suggest_value(trial: optuna.Trial, axis: Axis) -> Value:
    """Ask Optuna for a value of an axis."""
    domain = axis.domain
    if isinstance(domain, ChoiceDomain):
        choice: Value = trial.suggest_categorical(axis.path, domain.values)
        return choice
    if domain.kind == "int":
        return trial.suggest_int(axis.path, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(axis.path, domain.low, domain.high, log=domain.log)


def images(kimg: float) -> int:
    """Optuna counts in whole steps; ours are images."""
    return round(kimg * 1000)


def open_optuna(folder: StudyFolder, question: Question) -> optuna.Study:
    """Open, or begin, Optuna's study of a study folder."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Grouped sampling of conditional axes has been marked experimental since 2021.
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    folder.optuna.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.RDBStorage(f"sqlite:///{folder.optuna}")
    names = optuna.study.get_all_study_names(storage)
    begun = len(optuna.load_study(study_name=question.name, storage=storage).trials) if question.name in names else 0
    budget = question.budget
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
            min_resource=images(budget.grace), reduction_factor=budget.reduction, min_early_stopping_rate=0
        ),
    )


class StudySearch(OptunaSearch):
    """Suggests the unfinished trials of a study first, then new ones, and tells Optuna how each ended."""

    def __init__(self, folder: StudyFolder, question: Question, space: Space, tune_config: dict[str, Any]) -> None:
        """Open Optuna's study and reconcile it with the trial folders; `tune_config` is handed on to every trial."""
        Searcher.__init__(self, metric=QUALITY, mode="min")
        self._folder, self._question, self._search_space = folder, question, space
        self._tune_config = tune_config
        self._base: Config = question.base()
        self._ot_study = open_optuna(folder, question)
        self._ot_trials: dict[str, optuna.Trial] = {}
        self._completed_trials: set[str] = set()
        self._names: dict[str, str] = {}
        self._unfinished: deque[FrozenTrial] = deque()
        self.closed = False
        if not self._ot_study.trials:
            self._enqueue_known_points()
        self._reconcile()

    @property
    def missing(self) -> int:
        """Trials still to be run, unfinished ones included."""
        ended = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
        begun = [t for t in self._ot_study.get_trials(deepcopy=False) if NAME_ATTRIBUTE in t.user_attrs]
        return self._question.budget.trials - sum(t.state in ended for t in begun)

    def close(self) -> None:
        """Suggest nothing new from now on."""
        self.closed = True

    def end_unfinished(self) -> None:
        """End the trials that a killed run left unfinished, when there is no time for them any more."""
        for frozen in self._unfinished:
            trial = self._folder.trial(str(frozen.user_attrs[NAME_ATTRIBUTE]))
            if (trial.path / "label.json").exists():
                trial.end(Status.PRUNED, "the search's time was over")
                tell(self._ot_study, optuna.Trial(self._ot_study, frozen._trial_id), trial)
        self._unfinished.clear()

    def suggest(self, trial_id: str) -> Any:
        """Return the Tune config of the next trial, or FINISHED."""
        if self.closed:
            return Searcher.FINISHED
        if self._unfinished:
            frozen = self._unfinished.popleft()
            self._ot_trials[trial_id] = optuna.Trial(self._ot_study, frozen._trial_id)
            values = frozen.params
        else:
            self._ot_trials[trial_id] = self._ot_study.ask()
            values = self._search_space.sample(self._base, lambda axis: suggest_value(self._ot_trials[trial_id], axis))
        self._names[trial_id] = self._begin(self._ot_trials[trial_id], values).name
        return {**self._tune_config, "trial": self._names[trial_id]}

    def should_prune(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Report a measurement to Optuna and ask whether to go on."""
        trial = self._ot_trials[trial_id]
        _report(trial, result["kimg"], result[QUALITY])
        return self.closed or trial.should_prune()

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: the scheduler has reported it already, by `should_prune`."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Write down how the trial ended, in its folder and in Optuna's study; a trial told twice is told once."""
        if trial_id in self._completed_trials:
            return
        self._completed_trials.add(trial_id)
        trial = self._folder.trial(self._names[trial_id])
        if error:
            trial.end(Status.FAILED, f"its process failed; see {trial.path.name}/error.txt")
        elif result is not None:
            reason = "the search's time was over" if self.closed else "not among the best at its rung"
            trial.end(Status.PRUNED, reason)
        if trial.status() is not Status.RUNNING:
            tell(self._ot_study, self._ot_trials[trial_id], trial)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to keep beside the study on disk; Tune expects a file."""
        Path(checkpoint_path).write_bytes(b"")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study on disk was read when this was made."""

    def _enqueue_known_points(self) -> None:
        base = self._base
        known: list[dict[str, Value]] = []
        for point in ({}, *self._question.points):
            try:
                values = self._search_space.values_of(base, override(base, point))
            except IgnmError:
                if point:
                    raise
                continue  # The preset itself may lie outside the space; then it is not tried by the search.
            if values not in known:
                known.append(values)
                self._ot_study.enqueue_trial(values)

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
        trial.set_user_attr(NAME_ATTRIBUTE, name)
        return self._folder.begin_trial(name, spec, {"number": trial.number, "parameters": values})

    def _reconcile(self) -> None:
        """Close what has ended, queue what has not, and drop what never began."""
        for frozen in self._ot_study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            live = optuna.Trial(self._ot_study, frozen._trial_id)
            name = frozen.user_attrs.get(NAME_ATTRIBUTE)
            if name is None:
                self._ot_study.tell(live, state=TrialState.FAIL)
                continue
            trial = self._folder.trial(name)
            if trial.status() is Status.RUNNING:
                self._unfinished.append(frozen)
            else:
                tell(self._ot_study, live, trial)


def _report(trial: optuna.Trial, kimg: float, quality: float) -> None:
    reported = trial.study._storage.get_trial(trial._trial_id).intermediate_values
    if images(kimg) not in reported:
        trial.report(quality, images(kimg))


def tell(study: optuna.Study, trial: optuna.Trial, ended: Trial) -> None:
    """Tell Optuna how a trial ended: diverged and out-of-memory ones as infeasible, so that they count as bad."""
    status = ended.status()
    measurements = ended.measurements()
    for measurement in measurements:
        _report(trial, measurement["kimg"], measurement["quality"])
    bad = status in (Status.DIVERGED, Status.OUT_OF_MEMORY)
    trial.set_constraint(str(Status.DIVERGED), float(status is Status.DIVERGED))
    trial.set_constraint(str(Status.OUT_OF_MEMORY), float(status is Status.OUT_OF_MEMORY))
    trial.set_user_attr("status", str(status))
    if status is Status.COMPLETED and measurements:
        study.tell(trial, measurements[-1]["quality"], skip_if_finished=True)
    else:
        state = TrialState.PRUNED if bad or status is Status.PRUNED else TrialState.FAIL
        study.tell(trial, state=state, skip_if_finished=True)
