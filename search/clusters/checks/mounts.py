"""Are the files there that are to be copied, and may they be written where they go?"""

from collections.abc import Iterator
from pathlib import Path

from ignm.errors import IgnmError
from ignm.files import expanded
from search.clusters.cluster_file import ClusterFile
from search.clusters.finding import Finding, error, warning


def sources_exist(file: ClusterFile) -> Iterator[Finding]:
    """Ray looks for relative sources in the folder where `ray up` is run, and checks them only when a node is up."""
    for target, source in file.section("file_mounts").items():
        place = file.place("file_mounts", target)
        if not isinstance(source, str):
            yield error(place, f"a local path is needed, not {source!r}", "write the path as text")
        elif not _is_there(source):
            hint = "make it with `ray get-auth-token --generate`" if source.endswith("auth_token") else "mend the path"
            yield error(place, f"{source}: no such file or folder, seen from {Path.cwd()}", hint)


def targets_owned(file: ClusterFile) -> Iterator[Finding]:
    """rsync writes as the ssh user; a folder that root owns refuses it."""
    user = file.word("auth", "ssh_user")
    if user in ("", "root"):
        return
    for target in file.section("file_mounts"):
        if str(target).startswith("/") and not str(target).startswith((f"/home/{user}/", "/tmp/")):  # noqa: S108
            place = file.place("file_mounts", target)
            yield warning(place, f"{user} may not be allowed to write there", "mount below ~/ instead")


def key_exists(file: ClusterFile) -> Iterator[Finding]:
    """The ssh key that the file names."""
    key = file.word("auth", "ssh_private_key")
    if key and "<" not in key and not (_is_there(key) and expanded(key).is_file()):
        yield error(
            file.place("auth", "ssh_private_key"),
            f"{key}: no such file",
            "make one with `ssh-keygen -t ed25519`, or name another",
        )


def _is_there(path: str) -> bool:
    try:
        return expanded(path).exists()
    except (IgnmError, OSError):
        return False
