"""What kinds of nodes there are, how many, and which of them run trials."""

import re
from collections.abc import Iterator

from search.clusters.cluster_file import ClusterFile
from search.clusters.finding import Finding, error, warning

RESOURCES = {name.lower(): name for name in ("CPU", "GPU", "TPU", "memory", "object_store_memory")}


def resources_spelt(file: ClusterFile) -> Iterator[Finding]:
    """`gpu` is to Ray a resource of its own that no trial asks for."""
    for name in file.node_types:
        for resource in file.section("available_node_types", name, "resources"):
            known = RESOURCES.get(str(resource).lower())
            if known is not None and known != resource:
                place = file.place("available_node_types", name, "resources", resource)
                yield error(place, f"{resource} is no resource that Ray knows", f"write {known}")


def head_without_trials(file: ClusterFile) -> Iterator[Finding]:
    """A head that is rented runs no trials: one that lacks memory would take the whole cluster down."""
    if file.provider == "local":
        return
    head = file.word("head_node_type")
    if file.section("available_node_types", head, "resources").get("CPU") != 0:
        place = file.place("available_node_types", head, "resources")
        yield error(place, "trials would run on the head", "give the head's type `resources: {CPU: 0, GPU: 0}`")
    for place, command in file.commands("head_start_ray_commands"):
        said = re.search(r"--num-cpus[= ](\S+)", command)
        if "ray start" in command and said and said.group(1) != "0":
            yield error(place, f"--num-cpus={said.group(1)}: trials would run on the head", "write --num-cpus=0")


def head_on_demand(file: ClusterFile) -> Iterator[Finding]:
    """A head on the spot market is taken away in the middle of a search."""
    head = file.word("head_node_type")
    market = file.section("available_node_types", head, "node_config", "InstanceMarketOptions")
    if market.get("MarketType") == "spot":
        place = file.place("available_node_types", head, "node_config", "InstanceMarketOptions")
        yield error(place, "the head is a spot instance, which may be taken away", "take this line away")


def counts_fit(file: ClusterFile) -> Iterator[Finding]:
    """min <= max, for each type and for all."""
    most = file.number("max_workers")
    for name in file.node_types:
        low, high = (file.number("available_node_types", name, end) for end in ("min_workers", "max_workers"))
        place = file.place("available_node_types", name, "min_workers")
        if low is not None and high is not None and low > high:
            yield error(place, f"min_workers {low:g} is above max_workers {high:g}", "lower the one or raise the other")
        if name in file.workers and high is not None and most is not None and high > most:
            place = file.place("available_node_types", name, "max_workers")
            yield warning(place, f"never more than the {most:g} of max_workers for all", "make them agree")
    if most == 0:
        yield error(file.place("max_workers"), "no worker may be started", "raise max_workers")
    if file.node_types and not file.workers and file.provider != "local":
        yield error(file.place("available_node_types"), "there is no type but the head's", "add one for workers")


def nothing_idle_is_paid(file: ClusterFile) -> Iterator[Finding]:
    """What costs though nothing is searched."""
    for name in file.workers:
        low = file.number("available_node_types", name, "min_workers") or 0
        if low > 0:
            place = file.place("available_node_types", name, "min_workers")
            yield warning(place, f"{low:g} of these are paid for while nothing is searched", "write 0")
    if file.provider == "aws" and file.section("provider").get("cache_stopped_nodes", True) is not False:
        yield warning(
            file.place("provider"),
            "stopped machines keep their disks, and cost",
            "write `cache_stopped_nodes: false` under provider",
        )
