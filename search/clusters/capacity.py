"""What a cluster may grow to: an autoscaled one begins with nothing, and grows only where trials wait."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
import yaml
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ignm.errors import IgnmError

COUNTED = ("CPU", "GPU")
SAID = "IGNM_CLUSTER_RESOURCES"
"""Environment variable that says it where the autoscaler does not run beside Ray (KubeRay): `CPU=64,GPU=8`."""
HEAD = "node:__internal_head__"
SECONDS = 60.0
"""For the head to answer a process elsewhere."""


def reachable_resources() -> dict[str, float]:
    """CPUs and GPUs of the cluster as it stands or, where that is more, as its autoscaler may make it."""
    standing = {name: float(amount) for name, amount in ray.cluster_resources().items()}
    growing = _said() or _as_configured()
    return standing | {name: max(standing.get(name, 0.0), growing.get(name, 0.0)) for name in COUNTED}


def most_of(config: Mapping[str, Any], head: Mapping[str, float], largest: Mapping[str, float]) -> dict[str, float]:
    """Return the most CPUs and GPUs, each by itself, that a cluster file allows beside its head.

    `largest` is what the largest node has, and is taken for nodes of which the file does not say (provider local).
    """
    kinds = config.get("available_node_types", {})
    local = config.get("provider", {}).get("type") == "local"
    workers = [kind for name, kind in kinds.items() if local or name != config.get("head_node_type")]
    most = {}
    for resource in COUNTED:
        each = [
            float(kind["resources"].get(resource, 0) if kind.get("resources") else largest.get(resource, 0))
            for kind in workers
            for _ in range(min(int(kind.get("max_workers", 0)), int(config.get("max_workers", 0))))
        ]
        best = sorted(each, reverse=True)[: int(config.get("max_workers", 0))]
        most[resource] = head.get(resource, 0.0) + sum(best)
    return most


def autoscaling_config(gcs_address: str, processes: Path = Path("/proc")) -> dict[str, Any] | None:
    """Return the cluster file of the autoscaler that runs on this machine for that Ray; None where none does."""
    for path in processes.glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
            file = next(word.partition("=")[2] for word in words if word.startswith("--autoscaling-config="))
            if f"--gcs-address={gcs_address}" in words:
                config = yaml.safe_load(Path(file).expanduser().read_text(encoding="utf-8"))
                return config if isinstance(config, dict) else None
        except (OSError, StopIteration, yaml.YAMLError):
            continue
    return None


def _as_configured() -> dict[str, float]:
    nodes = [node for node in ray.nodes() if node["Alive"]]
    head = next((node for node in nodes if HEAD in node["Resources"]), None)
    if head is None:
        return {}
    config = _config_of(head["NodeID"])
    if config is None:
        return {}
    largest = {name: max(node["Resources"].get(name, 0.0) for node in nodes) for name in COUNTED}
    return most_of(config, head["Resources"], largest)


def _config_of(head: str) -> dict[str, Any] | None:
    context = ray.get_runtime_context()
    if context.get_node_id() == head:
        return autoscaling_config(context.gcs_address)
    there = NodeAffinitySchedulingStrategy(node_id=head, soft=False)
    ask = ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=there)(autoscaling_config)
    try:
        answer: dict[str, Any] | None = ray.get(ask.remote(context.gcs_address), timeout=SECONDS)
    except ray.exceptions.RayError:
        return None
    return answer


def _said() -> dict[str, float]:
    said = os.environ.get(SAID, "")
    if not said:
        return {}
    try:
        parts = {name.strip(): float(amount) for name, _, amount in (part.partition("=") for part in said.split(","))}
    except ValueError:
        parts = {}
    if not parts or parts.keys() - set(COUNTED):
        raise IgnmError(f"{SAID}={said}: expected CPU=64,GPU=8: the most that the cluster may grow to")
    return parts
