"""Machines that one has: their addresses, and whether they can be reached."""

import shlex
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from ignm.errors import IgnmError
from ignm.files import expanded
from search.clusters.checks.structure import PLACEHOLDER
from search.clusters.cluster_file import ClusterFile
from search.clusters.finding import Finding, error, warning

SECONDS = 10
TOOLS = ("make", "rsync", "python3")
# What `make setup` needs on each machine, said in one line.
PROBE = (
    "for tool in {tools}; do command -v $tool >/dev/null || echo no $tool; done; "
    "python3 -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null "
    "|| echo no Python 3.11 with venv; "
    "[ $(df -Pk ~ | awk 'END {{print $4}}') -gt 15000000 ] || echo no 15 GB free in the home folder"
).format(tools=" ".join(TOOLS))


def addresses_differ(file: ClusterFile) -> Iterator[Finding]:
    """Each machine once."""
    if file.provider != "local":
        return
    workers = [str(address) for address in file.items("provider", "worker_ips")]
    place = file.place("provider", "worker_ips")
    for address, count in Counter(workers).items():
        if count > 1:
            yield error(place, f"{address} is there {count} times", "name each machine once")
    head = file.word("provider", "head_ip")
    if head in workers:
        yield error(place, f"{head} is the head", "take it away: the head runs trials already")
    if not workers and "worker_ips" in file.section("provider"):
        yield warning(place, "there are no workers", "add some, or search on the head alone without a cluster")


def all_are_used(file: ClusterFile) -> Iterator[Finding]:
    """As many nodes as there are machines."""
    if file.provider != "local":
        return
    workers, most = len(file.items("provider", "worker_ips")), file.number("max_workers")
    if most is not None and most < workers:
        yield warning(
            file.place("max_workers"), f"{workers} machines, of which {most:g} would be used", "take this line away"
        )
    starts = [command for _, command in file.commands("head_start_ray_commands") if "ray start" in command]
    if not any("RAY_enable_autoscaler_v2=0" in command for command in starts):
        yield warning(
            file.place("head_start_ray_commands") if "head_start_ray_commands" in file.values else "",
            "version 2 of Ray's autoscaler starts one worker too few on machines that are there already",
            "write `RAY_enable_autoscaler_v2=0 ray start --head ...`, as cluster-local.yaml has",
        )


def reachable(file: ClusterFile) -> Iterator[Finding]:
    """Log in to each machine by ssh, as `ray up` will, and look for what the set-up needs."""
    if file.provider != "local":
        return
    places = {str(address): file.place("provider", "worker_ips") for address in file.items("provider", "worker_ips")}
    if file.word("provider", "head_ip"):
        places[file.word("provider", "head_ip")] = file.place("provider", "head_ip")
    filled = [address for address in places if not PLACEHOLDER.search(address)]
    with ThreadPoolExecutor(max_workers=16) as pool:
        for address, lacks in zip(filled, pool.map(lambda each: _probe(file, each), filled), strict=True):
            for problem, remedy in lacks:
                yield error(places[address], f"{address}: {problem}", remedy)


def _probe(file: ClusterFile, address: str) -> list[tuple[str, str]]:
    user, key = file.word("auth", "ssh_user"), file.word("auth", "ssh_private_key")
    # As Ray's launcher: a cluster's machines are often made anew under their old addresses.
    options = ["BatchMode=yes", f"ConnectTimeout={SECONDS}", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"]
    command = ["ssh", "-q", *(flag for option in options for flag in ("-o", option))]
    if key:
        try:
            command += ["-i", str(expanded(key, "auth.ssh_private_key"))]
        except IgnmError as problem:
            return [(str(problem), "name the key that the machines know")]
    target = f"{user}@{address}" if user else address
    by_hand = f"try `{shlex.join(command[:1] + command[-2:] * bool(key) + [target])}`"
    try:
        done = subprocess.run(
            [*command, "--", target, PROBE], capture_output=True, text=True, timeout=3 * SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        return [(f"ssh did not answer ({type(problem).__name__})", by_hand)]
    if done.returncode == 255:  # ssh's own failure; the probe's last command ends otherwise.
        return [(f"ssh as {user or 'you'} does not get in", by_hand)]
    lacks = [line.removeprefix("no ") for line in done.stdout.splitlines() if line.startswith("no ")]
    return [(f"lacks {what}", "see to it there (docs/cluster.md)") for what in lacks]
