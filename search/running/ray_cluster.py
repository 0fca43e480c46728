"""Ray: connecting to it, and running trials on it."""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import ray
from ray import tune

from ignm.errors import IgnmError
from ignm.words import first_line
from search.clusters.version import CodeVersion
from search.running.capacity import cluster_totals, gpus_per_trial, slots
from search.running.trainable import TrialTrainable
from search.storage.location import Location
from search.study.folder import StudyFolder
from search.study.sections import Resources

_log = logging.getLogger(__name__)
NODES_SECONDS = 3.0

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
    on_sigterm = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(local if address is None else remote),
        )
    except (ConnectionError, ValueError) as error:
        raise IgnmError(
            f"--address {address}: no Ray cluster answers there ({first_line(error)}); "
            "start one with `ray start`, or leave --address out for a local Ray"
        ) from None
    if threading.current_thread() is threading.main_thread():
        # Ray has put its own in place, which ends the process on the spot.
        signal.signal(signal.SIGTERM, on_sigterm)
    # Tune logs the death of each process with its stack; a callback says it in a line.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ray.shutdown()


class ClusterView:
    """The cluster's nodes, asked for now and then by a thread of its own: where the head is lost, Ray lets one wait."""

    def __init__(self, resources: Resources, address: str | None) -> None:
        """Look at the cluster that this process is connected to, at `address` or a local one."""
        self._resources, self._address = resources, address
        self._facts: dict[str, Any] = _facts(resources, address)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="cluster")

    def __enter__(self) -> "ClusterView":
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Look no more; an answer that is late is not waited for."""
        self._stop.set()

    def __call__(self) -> dict[str, Any]:
        """`nodes` (name, cpus, gpus, alive) and `slots`, as last seen; plain JSON."""
        return self._facts

    def _look(self) -> None:
        while not self._stop.wait(NODES_SECONDS):
            try:
                self._facts = _facts(self._resources, self._address)
            except Exception:
                _log.info("the cluster's nodes cannot be listed", exc_info=True)


def _facts(resources: Resources, address: str | None) -> dict[str, Any]:
    nodes = [
        {
            "name": node["NodeName"],
            "cpus": node["Resources"].get("CPU", 0.0),
            "gpus": node["Resources"].get("GPU", 0.0),
            "alive": bool(node["Alive"]),
        }
        for node in sorted(ray.nodes(), key=lambda node: not node["Alive"])
    ]
    try:
        count = slots(resources, cluster_totals(address))
    except IgnmError:
        count = 0
    return {"nodes": nodes, "slots": count}


def tune_config_of(
    location: Location, resources: Resources, data_root: Path, version: CodeVersion | None
) -> dict[str, Any]:
    """What every trial's process is told; `version` is the code that it must be, None where it cannot differ."""
    return {
        "study": location.uri or str(location.path.resolve()),
        "data_root": str(data_root.resolve()),
        "cpus": resources.cpus,
        "checkpoint_kimg": resources.checkpoint_kimg,
        "checkpoint_minutes": resources.checkpoint_minutes,
        "version": version,
    }


def run_trials(
    folder: StudyFolder,
    resources: Resources,
    totals: Mapping[str, float],
    count: int,
    param_space: dict[str, Any],
    orders: tune.Stopper,
    callbacks: Sequence[tune.Callback],
    search_alg: Any = None,
    scheduler: Any = None,
) -> None:
    """Run `count` trials to their ends, each in a process that is reused; failures end in their trials' folders.

    As many at once as have room on `totals` CPUs and GPUs; `orders` may stop them before.
    """
    gpus = gpus_per_trial(resources, totals)
    trainable = tune.with_resources(TrialTrainable, {"cpu": resources.cpus, "gpu": gpus})
    tuner = tune.Tuner(
        trainable,
        param_space=param_space,
        tune_config=tune.TuneConfig(
            num_samples=count,
            search_alg=search_alg,
            scheduler=scheduler,
            max_concurrent_trials=slots(resources, totals),
            reuse_actors=True,
            trial_name_creator=lambda trial: trial.config["trial"],
            trial_dirname_creator=lambda trial: trial.config["trial"],
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(folder.path.resolve()),
            stop=orders,
            verbose=0,
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            # `callbacks` say when it is enough.
            failure_config=tune.FailureConfig(max_failures=-1),
            callbacks=list(callbacks),
        ),
    )
    tuner.fit()
