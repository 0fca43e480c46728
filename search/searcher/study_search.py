"""Ray Tune's OptunaSearch, told the truth: pruned is PRUNED, failures count as bad, a restart finds everything.

The trials' folders are the truth, and Optuna's study is the searcher's memory of them. Each of its trials names its
folder, so a killed search takes up the unfinished trials under their own names before it asks for new ones.
"""

from collections import deque
from itertools import islice
from pathlib import Path
from typing import Any

import optuna
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from ignm.config import Config, TrialSpec, override
from search.searcher.distributions import defaults_of, distributions_of, suggest_value
from search.searcher.finalists import BEATEN, candidates, count_completed
from search.searcher.ledger import Ledger, path_of
from search.searcher.memory import StudyMemory
from search.searcher.outcome import Judge, MemoryOf, directions_of, images
from search.searcher.outcome import number as measured_number
from search.searcher.proposing import Check, Proposer
from search.searcher.rebuilding import GOES_ON, bring_up, go_on
from search.searcher.records import RUNG, Records
from search.searcher.rungs import Rungs
from search.searcher.samplers import build_sampler
from search.searcher.view import WholeSpace
from search.searcher.warm_start import warm_start
from search.storage.studies import InPlace, Keeping
from search.study.folder import Status, StudyFolder
from search.study.question import Question
from spaces.axis import Value
from spaces.space import Space


class StudySearch(OptunaSearch):
    """Suggests a study's unfinished trials, then new ones, then finalists, and tells Optuna how each ended."""

    def __init__(
        self,
        folder: StudyFolder,
        question: Question,
        space: Space,
        tune_config: dict[str, Any],
        check: Check = lambda config: None,
        memory_of: MemoryOf | None = None,
        kept: Keeping | None = None,
    ) -> None:
        """Open Optuna's study and bring it up to the trials' folders; `tune_config` is handed on to every trial.

        `check` raises IgnmError for a config that cannot be trained on the study's dataset; `memory_of` estimates the
        GiB that training a config takes, for `limits.memory_gib`; `kept` mirrors a study that is not in place.
        """
        self._kept = kept or InPlace()
        self._folder, self._question, self._axes = folder, question, space
        self._tune_config, self._check = tune_config, check
        self._base: Config = question.base()
        self._judge = Judge(question.suggesting, memory_of)
        self._names: dict[str, str] = {}
        """The trials that run, by Tune's identity of them."""
        self.closed = False
        self._over: str | None = None
        super().__init__(space=self._suggest_values, metric="quality", mode="min")
        self._unfinished = deque(bring_up(self._records, folder, space, self._judge))
        warm_start(self._records, folder, question, space, self._judge)
        self._proposer = Proposer(self._records, folder, question, space, self._judge, check)
        self._rungs = Rungs(map(images, question.budget.rungs()), question.budget.reduction)
        for name in self._records.named:
            self._rungs.place(name, self._records.of(name).intermediate_values)

    @property
    def missing(self) -> int:
        """Trials still to be run: unfinished ones, new ones as far as the space has any, and finalists at most."""
        begun = len(self._records.named)
        running = sum(not self._records.of(name).state.is_finished() for name in self._records.named)
        ordinary = running + self._proposer.count_left(self._question.budget.trials - begun)
        wanted = self._finalists_wanted(running)
        able = candidates(self._records, self._folder)
        return ordinary + (wanted if ordinary else sum(1 for _ in islice(able, wanted)))

    def close(self, over: str | None = None) -> None:
        """Suggest nothing new from now on, and stop what runs at its next measurement.

        `over` says which limit was used up: that ends a trial. Without, trials stay unfinished, for the next run.
        """
        self.closed, self._over = True, over

    def catch_up(self) -> None:
        """Bring Optuna's study on disk up to date, where it could not be written for a while."""
        self._records.catch_up()

    def end_unfinished(self) -> None:
        """End the trials that a killed run left unfinished, where a limit that was used up leaves no room for them."""
        for name in self._unfinished:
            trial = self._folder.trial(name)
            if (trial.path / "label.json").exists():
                trial.end(Status.PRUNED, self._over or "")
                self._tell(name)
        self._unfinished.clear()

    def suggest(self, trial_id: str) -> Any:
        """Return the Tune config of the next trial; None where one may be wanted later; or FINISHED."""
        if self.closed:
            return Searcher.FINISHED
        name = self._resumed() or self._new() or self._finalist()
        if name is None:
            return None if self._names and self._finalists_wanted(0) > 0 else Searcher.FINISHED
        self._names[trial_id] = name
        return {**self._tune_config, "trial": name}

    def should_prune(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Note a measurement and say whether to stop; a yes is written down before it is given."""
        name = self._names[trial_id]
        reason = BEATEN if self._is_beaten(name, result) else self._over
        if reason is not None:
            self._folder.trial(name).end(Status.PRUNED, reason)
        return reason is not None or self.closed

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: the scheduler has reported it already, by `should_prune`."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tell Optuna how the trial ended, by its folder: once, and not at all where it has yet to end."""
        name = self._names.pop(trial_id, None)
        if name is None:
            return
        self._kept.follow(name)
        if self._folder.trial(name).settled() is not Status.RUNNING:
            self._tell(name)

    def save(self, checkpoint_path: str) -> None:
        """Nothing to keep beside the study on disk; Tune expects a file."""
        Path(checkpoint_path).write_bytes(b"")

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study on disk was read when this was made."""

    def _setup_study(self, mode: str | list[str]) -> None:
        suggesting = self._question.suggesting
        # Before the file is opened: what cannot be had is said, and nothing is begun.
        build_sampler(suggesting, self._axes, self._base, self._question.seed, 0)
        ledger = Ledger(self._folder, self._question)
        sampler, kind = build_sampler(suggesting, self._axes, self._base, self._question.seed, len(ledger.trials))
        whole = WholeSpace(distributions_of(self._axes), defaults_of(self._axes, self._base))
        self._records = Records(StudyMemory(kind, whole, directions_of(suggesting)), ledger, sampler)
        self._ot_study = self._records.study

    def _suggest_values(self, trial: optuna.Trial) -> dict[str, Value]:
        return self._axes.sample(self._base, lambda axis: suggest_value(trial, axis))

    def _resumed(self) -> str | None:
        """An unfinished trial; its folder is made again where the kill came before it."""
        if not self._unfinished:
            return None
        name = self._unfinished.popleft()
        known = self._records.of(name)
        self._begin(name, known.number, dict(known.params), override(self._base, known.params))
        return name

    def _new(self) -> str | None:
        if len(self._records.named) >= self._question.budget.trials:
            return None
        proposal = self._proposer.propose()
        if proposal is None:
            return None
        at, values, config = proposal
        name = f"search-{at:04d}-{config.config_id[:8]}"
        # Optuna learns the name first: a kill in between leaves a name without a folder, which is made again.
        self._records.begin(at, name)
        self._begin(name, at, values, config)
        self._proposer.begun(name)
        return name

    def _finalist(self) -> str | None:
        """A stopped trial that goes on, where those that run now would not be enough."""
        if self._finalists_wanted(len(self._names)) == 0:
            return None
        name = next(candidates(self._records, self._folder), None)
        if name is not None:
            # A kill in between leaves a folder that goes on, and is told to Optuna at the next start.
            self._folder.trial(name).reopen()
            self._kept.begin(name)
            go_on(self._records, name)
        return name

    def _finalists_wanted(self, hoped_for: int) -> int:
        """Trials that have still to come to the full budget, when so many are hoped to."""
        return max(0, self._question.budget.finalists - count_completed(self._records) - hoped_for)

    def _begin(self, name: str, at: int, values: dict[str, Value], config: Config) -> None:
        budget = self._question.budget
        spec = TrialSpec(
            config=config,
            seed=self._question.seed,
            kimg=budget.kimg,
            measure_at=budget.measure_at(budget.kimg),
            evaluation=self._question.evaluation,
        )
        label = {"number": at, "parameters": values}
        self._folder.begin_trial(name, spec, label, path_of(self._folder, self._question))
        self._kept.begin(name)

    def _is_beaten(self, name: str, result: dict[str, Any]) -> bool:
        """Note a measurement; whether the trial is not among the best at this rung."""
        if not self._judge.suggesting.stops_early or "point" not in result:
            return False
        step, value = images(result["point"]), measured_number(result, "quality")
        at = self._records.named[name]
        self._records.report(at, step, value)
        self._rungs.place(name, {step: value})
        trial = self._records.of(name)
        # A trial that goes on repeats what it measured before; it has been judged there, and a finalist for good.
        judged = step < max(trial.intermediate_values) or step <= trial.user_attrs.get(RUNG, 0)
        if judged or GOES_ON in trial.user_attrs or step not in self._rungs:
            return False
        if self._rungs.stops(name, step):
            return True
        self._records.mark(at, RUNG, step)
        return False

    def _tell(self, name: str) -> None:
        self._records.end(self._records.named[name], self._judge.outcome(self._folder.trial(name)))
