"""Preflight: before a search, every node of the cluster shows that a trial could run on it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ignm.data.cache import Dataset, data_root
from ignm.errors import IgnmError
from search.clusters.probe import Probe, Wanted, probe, probe_markers, remove_markers
from search.clusters.version import code_version
from search.storage.location import locate

SECONDS = 180.0
"""For a node to answer; the first process there imports torch."""


@dataclass(frozen=True)
class NodeReport:
    """A node, as Ray describes it and as it answered."""

    id: str
    name: str
    cpus: float
    gpus: float
    problems: tuple[str, ...] = ()
    seconds: float = 0.0


def preflight(storage: str | Path, dataset: Dataset | None = None, seconds: float = SECONDS) -> list[NodeReport]:
    """Probe every node of the cluster that this process is connected to; raise IgnmError listing what is wrong where.

    A node that is good wrote to the storage and read there what all others wrote, runs the code that runs here, opens
    the dataset that is given, and sees as many GPUs as Ray says it has. Nodes that an autoscaler starts later are
    not there to be asked; the trials' processes compare their code themselves.
    """
    reports = probe_nodes(storage, dataset, seconds)
    bad = [report for report in reports if report.problems]
    if bad:
        lines = [f"{report.name}: {problem}" for report in bad for problem in report.problems]
        raise IgnmError(
            "\n  ".join([f"{len(bad)} of {len(reports)} nodes cannot run trials:", *lines])
            + "\n  nothing was begun; mend this (`ray up` again brings nodes to this version), then run it again"
        )
    return reports


def probe_nodes(storage: str | Path, dataset: Dataset | None = None, seconds: float = SECONDS) -> list[NodeReport]:
    """Probe every node and return what each answered."""
    place = locate(storage)
    wanted = Wanted(
        storage=place.uri or str(place.path.resolve()),
        mark=uuid.uuid4().hex,
        version=code_version(),
        data_root=str(data_root().resolve()),
        dataset=(dataset.name, dataset.resolution, dataset.fingerprint) if dataset else None,
    )
    reports = [_described(node) for node in ray.nodes() if node["Alive"]]
    try:
        asked = _ask(reports, lambda report: _call(probe, report).remote(wanted, report.id, report.gpus), seconds)
        wrote = [
            report for report, answer in zip(reports, asked, strict=True) if isinstance(answer, Probe) and answer.wrote
        ]
        markers = [report.id for report in wrote]
        seen = _ask(wrote, lambda report: _call(probe_markers, report).remote(wanted, markers), seconds)
        names = {report.id: report.name for report in reports}
        unseen = {report.id: _unseen(answer, names) for report, answer in zip(wrote, seen, strict=True)}
        reports = [_with_probe(report, answer) for report, answer in zip(reports, asked, strict=True)]
        return [replace(each, problems=(*each.problems, *unseen.get(each.id, ()))) for each in reports]
    finally:
        _clean(wanted)


def _described(node: dict[str, Any]) -> NodeReport:
    resources = node["Resources"]
    address = node["NodeManagerAddress"]
    host = node["NodeManagerHostname"]
    name = host if host == address else f"{host} ({address})"
    return NodeReport(node["NodeID"], name, resources.get("CPU", 0.0), resources.get("GPU", 0.0))


def _call(function: Callable[..., Any], report: NodeReport) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node_id=report.id, soft=False)
    # Takes no CPU: the head has none to give, and a busy node is asked all the same.
    return ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=pinned)(function)


def _ask(reports: list[NodeReport], start: Callable[[NodeReport], Any], seconds: float) -> list[Any]:
    """Ask all nodes at once; an answer is what the node returned, or a text that says why there is none."""
    waiting = [start(report) for report in reports]
    if not waiting:
        return []
    done, _ = ray.wait(waiting, num_returns=len(waiting), timeout=seconds)
    ready = set(done)
    return [_answer(each) if each in ready else f"did not answer within {seconds:g} s" for each in waiting]


def _answer(reference: Any) -> Any:
    try:
        return ray.get(reference)
    except Exception as problem:
        cause = getattr(problem, "cause", None) or problem
        if isinstance(cause, ImportError) or "failed to import" in str(problem):
            return "the project is not installed there, or in another version"
        lines = str(cause).strip().splitlines() or [type(cause).__name__]
        return f"the probe failed: {lines[-1][:300]}"


def _with_probe(report: NodeReport, answer: Any) -> NodeReport:
    if isinstance(answer, Probe):
        return replace(report, problems=answer.problems, seconds=answer.seconds)
    return replace(report, problems=(str(answer),))


def _unseen(answer: Any, names: dict[str, str]) -> tuple[str, ...]:
    if isinstance(answer, str):
        return (answer,)
    if not answer:
        return ()
    return (f"does not see in the storage what was written on {', '.join(names[node] for node in answer)}",)


def _clean(wanted: Wanted) -> None:
    try:
        remove_markers(wanted)
    except (IgnmError, OSError):
        # The nodes have told what is wrong with the storage; markers are no harm.
        return
