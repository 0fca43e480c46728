"""Can a stranger get in? A Ray cluster without a token runs anybody's code (CVE-2023-48022)."""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from search.clusters.cluster_file import ClusterFile
from search.clusters.finding import Finding, error, warning

NARROWEST = {4: 16, 6: 48}
"""Bits of a network that may be let in, by version; a wider one is the world's, not an office's."""
PRIVATE = tuple(map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")))
SECRETS = {
    "an AWS key": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "an AWS secret": re.compile(r"aws_(?:secret_access_key|session_token)\s*[:=]\s*['\"]?[\w/+=]{16,}", re.IGNORECASE),
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE KEY"),
    "an access token": re.compile(r"\b(?:ghp_|gho_|github_pat_|glpat-|hf_|xox[abp]-)\w{16,}"),
    "a password, token or key": re.compile(
        r"(?:password|passwd|secret|token|api_?key)\w*['\"]?\s*[:=]\s*['\"]?(?![$~<./]|\w+[/(])[\w+=-]{12,}",
        re.IGNORECASE,
    ),
}


def closed_to_the_world(file: ClusterFile) -> Iterator[Finding]:
    """Rules of a security group that let everybody in, and the group that Ray would make."""
    for index, rule in enumerate(file.items("provider", "security_group", "IpPermissions")):
        for network in _networks(rule):
            if is_wide(network):
                place = file.place("provider", "security_group", "IpPermissions", index)
                yield error(place, f"lets {network} in", "name your own address, as 203.0.113.7/32")
    if file.provider != "aws":
        return
    for name in file.node_types:
        config = file.section("available_node_types", name, "node_config")
        if not (config.get("SecurityGroupIds") or config.get("NetworkInterfaces")):
            yield error(
                file.place("available_node_types", name, "node_config"),
                "without SecurityGroupIds Ray makes a group that lets the whole world in by ssh, whatever it is told",
                "make one as docs/cluster.md says, and name it",
            )


def listens_at_home(file: ClusterFile) -> Iterator[Finding]:
    """The dashboard, which runs jobs, on loopback; no Ray Client, which `ignm` has no use for."""
    for place, command in file.commands("head_start_ray_commands", "worker_start_ray_commands"):
        host = re.search(r"--dashboard-host[= ]['\"]?([^\s'\"]+)", command)
        if host and not _is_loopback(host.group(1)):
            yield error(
                place,
                f"the dashboard would listen on {host.group(1)}, for others to see",
                "write --dashboard-host=127.0.0.1, and reach it by `ray dashboard FILE` (an ssh tunnel)",
            )
        if "--ray-client-server-port" in command:
            yield warning(place, "a port for Ray Client, which nothing here uses", "take it away")


def needs_a_token(file: ClusterFile) -> Iterator[Finding]:
    """A token on every node, and every Ray told to ask for it."""
    targets = [str(target) for target in file.section("file_mounts")]
    if not any(target.endswith(".ray/auth_token") for target in targets):
        yield error(
            file.place("file_mounts") if targets else "file_mounts",
            "no token reaches the nodes: whoever reaches a port runs code there",
            "mount `~/.ray/auth_token: ~/.ray/auth_token`, made by `ray get-auth-token --generate`",
        )
    commands = list(file.commands())
    if not any("RAY_AUTH_MODE=token" in command for _, command in commands):
        yield error(
            "setup_commands", "Ray is not told to ask for the token", "export RAY_AUTH_MODE=token, as cluster.yaml"
        )
    for place, command in commands:
        if re.search(r"RAY_AUTH_MODE=['\"]?disabled", command):
            yield error(place, "turns the token off", "take it away")


def no_secrets(file: ClusterFile) -> Iterator[Finding]:
    """A cluster file is committed, mailed and copied to every node; what is found is not repeated."""
    for number, line in enumerate(file.text.splitlines(), 1):
        kind = next((kind for kind, pattern in SECRETS.items() if pattern.search(line)), None)
        if kind is not None:
            remedy = "take it away and make a new one; let roles or files outside the project hold it"
            yield error(f"line {number}", f"looks like {kind}", remedy)


def _networks(rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict):
        return
    for ranges, key in (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")):
        for each in rule.get(ranges) or ():
            if isinstance(each, dict) and isinstance(each.get(key), str):
                yield each[key]


def is_wide(network: str) -> bool:
    """Tell whether an address range is more than an office."""
    try:
        parsed = ip_network(network, strict=False)
    except ValueError:
        return False
    inside = any(parsed.version == own.version and parsed.subnet_of(own) for own in PRIVATE)  # type: ignore[arg-type]
    return not inside and parsed.prefixlen < NARROWEST[parsed.version]


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
