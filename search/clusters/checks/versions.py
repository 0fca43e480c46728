"""Do the nodes get the versions that the lock names?"""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ignm.errors import IgnmError
from ignm.files import expanded
from search.clusters.cluster_file import COMMANDS, ClusterFile
from search.clusters.finding import Finding, error, unchecked, warning

PINNED = ("ray", "torch", "torchvision", "optuna", "numpy", "pandas")
_PIN = re.compile(rf"(?<![\w.-])({'|'.join(PINNED)})(?:\[[^\]]*\])?(?:\s*(===?|~=|>=|<=|>|<)\s*([\w.*+]+))?(?![\w./-])")
_NIGHTLY = re.compile(r"ray-wheels|whl/nightly|nightly|\.dev0|ray:latest", re.IGNORECASE)
_INSTALL = re.compile(r"\b(?:pip3?|uv)\b[^;&|]*\binstall\b(?P<what>[^;&|]*)")
_PROJECT = re.compile(r"requirements\.lock|\bmake\b.*\bsetup\b")
INSTALLING = COMMANDS[:4]


def released(file: ClusterFile) -> Iterator[Finding]:
    """Never a wheel of the night: it fits one Python, another protocol, and is another one tomorrow."""
    for place, command in file.commands():
        found = _NIGHTLY.search(command)
        if found:
            yield error(place, f"installs what was built last night ({found.group()})", "install requirements.lock")
    for key, image in file.section("docker").items():
        if key.endswith("image") and isinstance(image, str) and _NIGHTLY.search(image):
            yield error(file.place("docker", key), f"{image} changes every night", "name an image of one version")


def as_locked(file: ClusterFile) -> Iterator[Finding]:
    """Versions that commands name, against the lock's."""
    lock = _lock_of(file)
    if lock is None:
        yield unchecked("", "versions: there is no requirements.lock", "run this in the project's folder")
        return
    for place, command in file.commands(*INSTALLING):
        for install in _INSTALL.finditer(command):
            yield from _against(lock, place, install.group("what"))


def installed_from_lock(file: ClusterFile) -> Iterator[Finding]:
    """The project's lock is what is installed."""
    if file.section("docker").get("image") or file.section("docker").get("worker_image"):
        return
    installs = [command for _, command in file.commands(*INSTALLING)]
    if not any(_PROJECT.search(command) for command in installs):
        place = file.place("setup_commands") if "setup_commands" in file.values else "setup_commands"
        yield error(place, "no command installs the project's lock", "add `make -C ~/ignm setup`, as cluster.yaml has")
    for place, command in file.commands(*INSTALLING):
        if re.search(r"\buv pip install\b", command) and "--compile-bytecode" not in command:
            yield warning(place, "without bytecode every process starts twice as slowly", "add --compile-bytecode")


def read_lock(path: Path) -> dict[str, str]:
    """Return {name: version} of a requirements file."""
    return dict(re.findall(r"^([\w.-]+)==([\w.+]+)", path.read_text(encoding="utf-8"), re.MULTILINE))


def _against(lock: dict[str, str], place: str, requirements: str) -> Iterator[Finding]:
    for name, relation, version in _PIN.findall(requirements):
        locked = lock.get(name)
        if locked is None:
            continue
        if not relation:
            yield error(place, f"{name} of any version; the lock has {locked}", f"write {name}=={locked}")
        elif relation not in ("==", "===") or version != locked:
            yield error(place, f"{name}{relation}{version}; the lock has {locked}", f"write {name}=={locked}")


def _lock_of(file: ClusterFile) -> dict[str, str] | None:
    mounted = [
        source
        for source in file.section("file_mounts").values()
        if isinstance(source, str) and source.endswith("requirements.lock")
    ]
    for source in (*mounted, "requirements.lock"):
        # One in nobody's home is said of the mounts.
        with suppress(IgnmError):
            path = expanded(source)
            if path.is_file():
                return read_lock(path)
    return None
