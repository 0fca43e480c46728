"""Checking a cluster file before it costs money: every finding at once."""

from pathlib import Path

from search.clusters.checks import aws, machines, mounts, nodes, openness, structure, versions
from search.clusters.cluster_file import read_cluster_file
from search.clusters.finding import Check, Finding

CHECKS: tuple[Check, ...] = (
    structure.accepted_by_ray,
    structure.filled_in,
    structure.said_once,
    nodes.resources_spelt,
    nodes.head_without_trials,
    nodes.head_on_demand,
    nodes.counts_fit,
    nodes.nothing_idle_is_paid,
    mounts.sources_exist,
    mounts.targets_owned,
    mounts.key_exists,
    versions.released,
    versions.as_locked,
    versions.installed_from_lock,
    openness.closed_to_the_world,
    openness.listens_at_home,
    openness.needs_a_token,
    openness.no_secrets,
    machines.addresses_differ,
    machines.all_are_used,
    aws.known_to_aws,
    aws.granted_by_aws,
)
CONNECTING: tuple[Check, ...] = (machines.reachable,)
"""Checks that log in to the machines, made only when asked for."""


def check_cluster(path: Path, connect: bool = False) -> list[Finding]:
    """Return all that is found, in the order of the checks; raise IgnmError where the file cannot be read."""
    file = read_cluster_file(path)
    return [finding for check in (*CHECKS, *(CONNECTING if connect else ())) for finding in check(file)]
