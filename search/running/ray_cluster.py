"""Ray: connecting to it, and running trials on it."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import tune

from ignm.errors import IgnmError
from search.running.trainable import TrialTrainable
from search.study.folder import StudyFolder
from search.study.question import Resources

_log = logging.getLogger(__name__)

# Read by Ray and torch when they start; workers of a local Ray inherit them.
_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    # Ctrl-C reaches us as KeyboardInterrupt; Tune would swallow it and call the study finished.
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    # As in `ignm`, for workers that load torch before it.
    "GOMP_SPINCOUNT": "10000",
    "KMP_BLOCKTIME": "0",
}


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connect to a Ray cluster (`auto` for the one at hand), or start a local one where `address` is None."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    # Trials share their images through the page cache, so a local Ray needs next to no object store.
    local: dict[str, Any] = {"include_dashboard": False, "object_store_memory": 200_000_000}
    remote: dict[str, Any] = {"runtime_env": {"env_vars": _ENVIRONMENT}}
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(local if address is None else remote),
        )
    except (ConnectionError, ValueError) as error:
        raise IgnmError(
            f"--address {address}: no Ray cluster answers there ({str(error).splitlines()[0]}); "
            "start one with `ray start`, or leave --address out for a local Ray"
        ) from None
    # Tune logs the death of each process with its stack; the callback below says it in a line.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ray.shutdown()


def gpus_per_trial(resources: Resources) -> float:
    """GPUs that a trial takes: what was asked, or one if the cluster has any."""
    if resources.gpus is not None:
        return resources.gpus
    return 1.0 if ray.cluster_resources().get("GPU", 0) >= 1 else 0.0


def slots(resources: Resources) -> int:
    """How many trials the cluster runs at once, as it stands."""
    total = ray.cluster_resources()
    by_cpu = int(total.get("CPU", 0) // resources.cpus)
    gpus = gpus_per_trial(resources)
    fitting = min(by_cpu, int(total.get("GPU", 0) // gpus)) if gpus else by_cpu
    if fitting == 0:
        raise IgnmError(
            f"resources: a trial takes {resources.cpus} CPU(s) and {gpus:g} GPU(s), and Ray has "
            f"{total.get('CPU', 0):g} and {total.get('GPU', 0):g}; lower resources.cpus or resources.gpus"
        )
    return fitting


def tune_config_of(folder: StudyFolder, resources: Resources, data_root: Path) -> dict[str, Any]:
    """What every trial's process is told."""
    return {"study": str(folder.path.resolve()), "data_root": str(data_root.resolve()), "cpus": resources.cpus}


class _WriteFailures(tune.Callback):
    """Says when a trial's process died, and writes the end into its folder when Tune has given it up."""

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        _log.warning("%s: its process died; it goes on from its last checkpoint in a new one", trial.config["trial"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._folder.trial(trial.config["trial"]).end_failed()


def run_trials(
    folder: StudyFolder,
    resources: Resources,
    count: int,
    param_space: dict[str, Any],
    search_alg: Any = None,
    scheduler: Any = None,
) -> None:
    """Run `count` trials to their ends, each in a process that is reused; failures end in their trials' folders."""
    gpus = gpus_per_trial(resources)
    trainable = tune.with_resources(TrialTrainable, {"cpu": resources.cpus, "gpu": gpus})
    tuner = tune.Tuner(
        trainable,
        param_space=param_space,
        tune_config=tune.TuneConfig(
            num_samples=count,
            search_alg=search_alg,
            scheduler=scheduler,
            max_concurrent_trials=slots(resources),
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.config["trial"],
            trial_dirname_creator=lambda trial: trial.config["trial"],
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(folder.path.resolve()),
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            failure_config=tune.FailureConfig(max_failures=resources.max_failures),
            callbacks=[_WriteFailures(folder)],
        ),
    )
    tuner.fit()
