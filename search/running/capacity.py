"""How many trials run at once: what the cluster has, and what it grows to when trials wait."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
import torch

from ignm.config import read_yaml
from ignm.errors import IgnmError
from ignm.files import expanded
from search.study.sections import Resources

GROWTH = Path("~/ray_bootstrap_config.yaml")
"""Where `ray up` leaves, on the head, what its autoscaler may begin. Ray tells it nobody else."""


def local_totals() -> dict[str, float]:
    """CPUs and GPUs that a local Ray would have here."""
    return {"CPU": float(os.cpu_count() or 1), "GPU": float(torch.cuda.device_count())}


def cluster_totals(address: str | None) -> dict[str, float]:
    """CPUs and GPUs of the cluster that this process is connected to, at `address` or a local one.

    Those of its nodes as it stands, or of those that it may grow to, where that is known.

    A cluster that grows from nothing would have no room for the first trial, and one that is asked for a single trial
    at a time begins a single node at a time.
    """
    standing = ray.cluster_resources()
    growth = _growth() if address is not None and _on_head() else {}
    return {kind: max(standing.get(kind, 0.0), growth.get(kind, 0.0)) for kind in ("CPU", "GPU")}


def gpus_per_trial(resources: Resources, totals: Mapping[str, float]) -> float:
    """GPUs that a trial takes: what was asked, or one if there are any."""
    if resources.gpus is not None:
        return resources.gpus
    return 1.0 if totals.get("GPU", 0) >= 1 else 0.0


def slots(resources: Resources, totals: Mapping[str, float]) -> int:
    """How many trials run at once on `totals` CPUs and GPUs; raise IgnmError where not even one does."""
    by_cpu = int(totals.get("CPU", 0) // resources.cpus)
    gpus = gpus_per_trial(resources, totals)
    fitting = min(by_cpu, int(totals.get("GPU", 0) // gpus)) if gpus else by_cpu
    if fitting == 0:
        raise IgnmError(
            f"resources: a trial takes {resources.cpus} CPU(s) and {gpus:g} GPU(s), and Ray has "
            f"{totals.get('CPU', 0):g} and {totals.get('GPU', 0):g}; lower resources.cpus or resources.gpus"
        )
    return fitting


def grown(config: Mapping[str, Any]) -> dict[str, float]:
    """CPUs and GPUs of all the workers that a cluster file allows; the head is there already."""
    workers = {
        name: kind for name, kind in config["available_node_types"].items() if name != config.get("head_node_type")
    }
    totals = {"CPU": 0.0, "GPU": 0.0}
    for kind in workers.values():
        count = min(kind.get("max_workers", 0), config.get("max_workers", 0))
        for name in totals:
            totals[name] += count * float(kind.get("resources", {}).get(name, 0))
    return totals


def _growth() -> dict[str, float]:
    try:
        return grown(read_yaml(expanded(GROWTH)))
    except (IgnmError, AttributeError, KeyError, TypeError, ValueError):
        return {}


def _on_head() -> bool:
    head: str = ray.get_runtime_context().gcs_address.rpartition(":")[0]
    return head == ray.util.get_node_ip_address()
