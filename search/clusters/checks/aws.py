"""What AWS has and lets you have: by the client library alone, and by asking it where there are credentials."""

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import lru_cache, partial
from typing import Any

from search.clusters.checks.openness import is_wide
from search.clusters.cluster_file import ClusterFile
from search.clusters.finding import Finding, error, unchecked, warning

# Families of instance types and what Service Quotas calls them; a quota counts virtual CPUs.
STANDARD = "Standard (A, C, D, H, I, M, R, T, Z)"
QUOTAS = {
    ("g", False): "Running On-Demand G and VT instances",
    ("g", True): "All G and VT Spot Instance Requests",
    ("p", False): "Running On-Demand P instances",
    ("p", True): "All P Spot Instance Requests",
    **{(family, True): "All P4, P3 and P2 Spot Instance Requests" for family in ("p4", "p3", "p2")},
    ("p5", True): "All P5 Spot Instance Requests",
    **{(family, False): f"Running On-Demand {STANDARD} instances" for family in "acdhimrtz"},
    **{(family, True): f"All {STANDARD} Spot Instance Requests" for family in "acdhimrtz"},
}


def known_to_aws(file: ClusterFile) -> Iterator[Finding]:
    """Region and instance types, as far as the client library that is installed knows them."""
    if file.provider != "aws":
        return
    try:
        regions, types = _library()
    except ModuleNotFoundError:
        yield unchecked("", "instance types: boto3 is not installed", "pip install 'ignm[aws]'")
        return
    region = file.word("provider", "region")
    if region and "<" not in region and region not in regions:
        yield error(file.place("provider", "region"), f"{region} is no region", _nearest(region, regions))
    for name in file.node_types:
        wanted = file.word("available_node_types", name, "node_config", "InstanceType")
        place = file.place("available_node_types", name, "node_config", "InstanceType")
        if not wanted:
            yield error(file.place("available_node_types", name), "InstanceType is missing", "add it to node_config")
        elif wanted not in types:
            yield error(place, f"{wanted} is no instance type", _nearest(wanted, types))


def granted_by_aws(file: ClusterFile) -> Iterator[Finding]:
    """What the account may do, where there are credentials to ask with."""
    region = file.word("provider", "region")
    if file.provider != "aws" or not region or "<" in region:
        return
    try:
        import boto3
    except ModuleNotFoundError:
        return
    session = boto3.Session(region_name=region)
    if session.get_credentials() is None:
        yield unchecked(
            "",
            "quotas, security groups, roles, what the region has: there are no AWS credentials",
            "`aws configure`, then check again",
        )
        return
    for what, ask in ASKED.items():
        yield from _asked(what, partial(ask, file, session))


def _asked(what: str, ask: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield from ask()
    except (BotoCoreError, ClientError) as problem:
        yield unchecked("", f"{what}: {' '.join(str(problem).split())[:200]}", "let your user ask, or see for yourself")


def _offered(file: ClusterFile, session: Any) -> Iterator[Finding]:
    """Instance types that the region has, with the CPUs and GPUs that the file says."""
    for name in file.node_types:
        wanted = file.word("available_node_types", name, "node_config", "InstanceType")
        if not wanted:
            continue
        about = _about(session, wanted)
        if about is None:
            place = file.place("available_node_types", name, "node_config", "InstanceType")
            yield error(place, f"{wanted} is not to be had in {session.region_name}", "choose another type or region")
            continue
        has = {
            "CPU": about["VCpuInfo"]["DefaultVCpus"],
            "GPU": sum(gpu["Count"] for gpu in about.get("GpuInfo", {}).get("Gpus", ())),
        }
        for resource, count in has.items():
            said = file.number("available_node_types", name, "resources", resource)
            if said is not None and said > count:
                place = file.place("available_node_types", name, "resources", resource)
                yield error(place, f"{said:g} {resource}s, of which {wanted} has {count}", f"write {count}")


def _within_quotas(file: ClusterFile, session: Any) -> Iterator[Finding]:
    """Virtual CPUs of as many instances as the file lets there be, by quota."""
    granted: dict[str, float] = {}
    for page in session.client("service-quotas").get_paginator("list_service_quotas").paginate(ServiceCode="ec2"):
        granted.update({quota["QuotaName"]: quota["Value"] for quota in page["Quotas"]})
    needed: dict[str, float] = {}
    for name in file.node_types:
        config = file.section("available_node_types", name, "node_config")
        wanted, spot = str(config.get("InstanceType", "")), bool(config.get("InstanceMarketOptions"))
        about = _about(session, wanted) if wanted else None
        quota = _quota(wanted, spot, granted)
        if about is None or quota is None:
            continue
        head = name == file.word("head_node_type")
        own, all_types = file.number("available_node_types", name, "max_workers"), file.number("max_workers") or 0
        most = 1 if head else all_types if own is None else min(own, all_types)
        needed[quota] = needed.get(quota, 0) + most * about["VCpuInfo"]["DefaultVCpus"]
    for quota, cpus in needed.items():
        if quota not in granted:
            yield unchecked("", f"quota {quota!r}: AWS does not name it", "see Service Quotas, EC2")
        elif cpus > granted[quota]:
            yield error(
                file.place("max_workers"),
                f"up to {cpus:g} virtual CPUs, of which {session.region_name} grants you {granted[quota]:g} ({quota})",
                "lower max_workers, or ask for more in Service Quotas (takes a day or two)",
            )


def _closed(file: ClusterFile, session: Any) -> Iterator[Finding]:
    """The security groups that the file names are there, and let no world in."""
    places: dict[str, str] = {}
    for name in file.node_types:
        for group in file.items("available_node_types", name, "node_config", "SecurityGroupIds"):
            places.setdefault(str(group), file.place("available_node_types", name, "node_config", "SecurityGroupIds"))
    if not places:
        return
    filters = [{"Name": "group-id", "Values": list(places)}]
    answer = session.client("ec2").describe_security_groups(Filters=filters)
    found = {group["GroupId"]: group for group in answer["SecurityGroups"]}
    for group, place in places.items():
        if group not in found:
            yield error(place, f"{group}: no such group in {session.region_name}", "make one as docs/cluster.md says")
            continue
        rules = found[group]["IpPermissions"]
        networks = [each["CidrIp"] for rule in rules for each in rule.get("IpRanges", ())]
        networks += [each["CidrIpv6"] for rule in rules for each in rule.get("Ipv6Ranges", ())]
        for network in filter(is_wide, networks):
            yield error(place, f"{group} lets {network} in", "let your own address in, as 203.0.113.7/32")
        if not any(pair["GroupId"] == group for rule in rules for pair in rule.get("UserIdGroupPairs", ())):
            yield error(place, f"{group} does not let its own members reach each other", "add a rule for itself")


def _profiles(file: ClusterFile, session: Any) -> Iterator[Finding]:
    """Instance profiles are there: with them a node reads and writes the study."""
    client = session.client("iam")
    known = {
        profile["InstanceProfileName"]
        for page in client.get_paginator("list_instance_profiles").paginate()
        for profile in page["InstanceProfiles"]
    }
    for name in file.node_types:
        keys = ("available_node_types", name, "node_config", "IamInstanceProfile")
        wanted = file.word(*keys, "Name")
        if wanted and wanted not in known:
            yield error(file.place(*keys), f"{wanted}: no such instance profile", "make it as docs/cluster.md says")
        elif name in file.workers and not file.section(*keys):
            yield warning(
                file.place("available_node_types", name), "no role: a study on S3 cannot be reached", "name a profile"
            )


ASKED: dict[str, Callable[[ClusterFile, Any], Iterator[Finding]]] = {
    "what the region has": _offered,
    "quotas": _within_quotas,
    "security groups": _closed,
    "instance profiles": _profiles,
}


@lru_cache(maxsize=1)
def _library() -> tuple[list[str], list[str]]:
    """Regions and instance types that the installed library knows."""
    import botocore.session

    session = botocore.session.get_session()
    types = session.get_service_model("ec2").shape_for("InstanceType").enum
    return session.get_available_regions("ec2"), types


def _about(session: Any, kind: str) -> dict[str, Any] | None:
    filters = [{"Name": "instance-type", "Values": [kind]}]
    found = session.client("ec2").describe_instance_types(Filters=filters)["InstanceTypes"]
    return found[0] if found else None


def _quota(kind: str, spot: bool, granted: dict[str, float]) -> str | None:
    """The quota that an instance type counts against: its generation's, else its family's."""
    family = kind.partition(".")[0].lower()
    names = [QUOTAS.get((family[:length], spot)) for length in (2, 1)]
    return next((name for name in names if name in granted), next(filter(None, names), None))


def _nearest(wanted: str, known: Any) -> str:
    near = get_close_matches(wanted, list(known), n=3)
    return f"did you mean {', '.join(near)}?" if near else "see AWS's list of them"
