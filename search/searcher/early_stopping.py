"""Early stopping at rungs that are kept in Optuna's study, and so survive a restart."""

from typing import Any

from ray.tune.schedulers import FIFOScheduler, TrialScheduler

from search.searcher.study_search import StudySearch


class PruneByStudy(FIFOScheduler):
    """Stops a trial when the searcher says so (asynchronous successive halving: Li et al. 2020)."""

    def __init__(self, searcher: StudySearch) -> None:
        """Judge by the rungs of `searcher`."""
        super().__init__()
        self._searcher = searcher

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """Report the measurement and decide."""
        stop = self._searcher.should_prune(trial.trial_id, result)
        return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE
