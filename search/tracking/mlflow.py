"""MLflow: one experiment for a study, one run for a trial.

The run is found again by its name, and what it has already is asked of the server, so that a study that goes on shows
no point twice.
"""

from typing import Any

from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from ignm.errors import IgnmError
from ignm.words import first_line
from search.study.folder import Status, StudyFolder, Trial
from search.tracking.tracker import parameters, scalars, step_of

_TRIAL = "ignm.trial"
_SHOWN = "quality"
"""The metric by whose history a run says how far it is; it is logged with the others of its step, or not at all."""
_AT_ONCE = 900
"""MLflow takes at most 1,000 metrics in a call."""
_ENDS = {
    Status.COMPLETED: "FINISHED",
    Status.PRUNED: "KILLED",
    Status.DIVERGED: "FAILED",
    Status.OUT_OF_MEMORY: "FAILED",
    Status.FAILED: "FAILED",
}


class Mlflow:
    """Logs to a tracking server, or to a database that `mlflow ui` opens."""

    def __init__(self, folder: StudyFolder, uri: str) -> None:
        """Log to `uri`; raise IgnmError where no server answers there."""
        self._runs: dict[str, tuple[str, int]] = {}
        try:
            self._client = MlflowClient(tracking_uri=uri)
            found = self._client.get_experiment_by_name(folder.name)
            self._experiment = str(found.experiment_id if found else self._client.create_experiment(folder.name))
        except (MlflowException, ValueError, OSError) as error:
            raise IgnmError(
                f"tracking.mlflow: {uri}: {first_line(error)} (expected the address of a tracking server, "
                "or sqlite:///FILE)"
            ) from None

    def show(self, trial: Trial) -> None:
        """Log the measurements that the server does not have, the samples of the last one, and the end."""
        measured = trial.measurements()
        if not measured:
            return
        run, shown = self._run(trial)
        new = [each for each in measured if step_of(each) > shown]
        for measurement in new:
            step = step_of(measurement)
            # One call: the server keeps all of it or nothing.
            metrics = [Metric(name, value, 0, step) for name, value in scalars(measurement).items()]
            self._client.log_batch(run, metrics=metrics[:_AT_ONCE])
            self._runs[trial.name] = (run, step)
        if new:
            self._client.log_artifact(run, str(trial.path / "samples.png"))
        status = trial.status()
        if status is not Status.RUNNING:
            self._client.set_terminated(run, _ENDS[status])
            self._runs.pop(trial.name, None)

    def close(self) -> None:
        """Nothing is held back."""

    def _run(self, trial: Trial) -> tuple[str, int]:
        """The trial's run, made where there is none, and the last step that it has."""
        if trial.name not in self._runs:
            self._runs[trial.name] = self._find(trial) or (self._begin(trial), 0)
        return self._runs[trial.name]

    def _find(self, trial: Trial) -> tuple[str, int] | None:
        wanted = f"tags.`{_TRIAL}` = '{trial.name}'"
        for run in self._client.search_runs([self._experiment], wanted, max_results=1):
            steps = [each.step for each in self._client.get_metric_history(run.info.run_id, _SHOWN)]
            return run.info.run_id, max(steps, default=0)
        return None

    def _begin(self, trial: Trial) -> str:
        run: Any = self._client.create_run(self._experiment, run_name=trial.name)
        chosen = [Param(name, str(value)) for name, value in parameters(trial).items()]
        self._client.log_batch(run.info.run_id, params=chosen, tags=[RunTag(_TRIAL, trial.name)])
        return str(run.info.run_id)
