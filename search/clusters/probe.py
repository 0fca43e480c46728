"""What one node can do, asked on the node itself."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ignm.data.store import open_dataset
from ignm.errors import IgnmError
from ignm.files import write_text
from search.clusters.version import CodeVersion, code_version
from search.storage.location import Location, locate

MARKERS = ".preflight"
SECONDS_TO_APPEAR = 20.0
"""For a marker of another node; NFS may keep a folder's listing for a while."""
PATIENCE = 30.0
"""Seconds to wait for an object store that does not answer."""
_COUNT_GPUS = "import torch; print(torch.cuda.device_count() if torch.cuda.is_available() else 0)"


@dataclass(frozen=True)
class Wanted:
    """What every node is to have: as the driver has it."""

    storage: str
    """A folder, absolute, or a URI."""
    mark: str
    """Of this preflight: markers of another one do not count."""
    version: CodeVersion
    data_root: str
    dataset: tuple[str, int, str] | None
    """Name, resolution, fingerprint."""


@dataclass(frozen=True)
class Probe:
    """What a node answered."""

    host: str
    problems: tuple[str, ...]
    wrote: bool
    """Whether its marker is in the storage."""
    seconds: float


def probe(wanted: Wanted, node: str, gpus: float) -> Probe:
    """Ask this node for all that a trial needs, and leave a marker in the storage."""
    begun = time.monotonic()
    unwritten = _write_marker(wanted, node)
    problems = [*_code(wanted.version), *unwritten, *_data(wanted), *_gpus(gpus)]
    return Probe(os.uname().nodename, tuple(problems), not unwritten, time.monotonic() - begun)


def probe_markers(wanted: Wanted, nodes: Sequence[str]) -> tuple[str, ...]:
    """Return the nodes whose markers cannot be read here."""
    read = _reader(wanted)
    deadline = time.monotonic() + SECONDS_TO_APPEAR
    left = list(nodes)
    while True:
        left = [node for node in left if read(node) != wanted.mark]
        if not left or time.monotonic() > deadline:
            return tuple(left)
        time.sleep(0.2)


def remove_markers(wanted: Wanted) -> None:
    """Take the markers away."""
    place = locate(wanted.storage)
    folder = f"{MARKERS}/{wanted.mark}"
    if place.uri is not None:
        remote = place.remote(PATIENCE)
        remote.remove([f"{folder}/{name}" for name in remote.inside(folder).listing()])
        return
    for path in (place.path / folder).glob("*"):
        path.unlink(missing_ok=True)
    for path in (place.path / folder, place.path / MARKERS):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def _code(version: CodeVersion) -> list[str]:
    different = version.differences(code_version())
    return [f"another version of the code: {', '.join(different)}"] if different else []


def _write_marker(wanted: Wanted, node: str) -> list[str]:
    place = locate(wanted.storage)
    try:
        _write(place, f"{MARKERS}/{wanted.mark}/{node}", wanted.mark)
    except IgnmError as problem:
        return [f"cannot write to the storage: {problem}"]
    except OSError as problem:
        return [f"cannot write to the storage {place}: {problem.strerror or problem}"]
    return []


def _write(place: Location, name: str, text: str) -> None:
    if place.uri is not None:
        place.remote(PATIENCE).write(name, text.encode())
    else:
        write_text(place.path / name, text)


def _reader(wanted: Wanted) -> Callable[[str], str | None]:
    place = locate(wanted.storage)
    folder = f"{MARKERS}/{wanted.mark}"
    if place.uri is not None:
        remote = place.remote(PATIENCE)

        def read_object(node: str) -> str | None:
            try:
                found = remote.read(f"{folder}/{node}")
            except IgnmError:
                return None
            return None if found is None else found.decode(errors="replace")

        return read_object

    def read_file(node: str) -> str | None:
        # By its name, not by a listing: what a node has never looked for, NFS cannot have remembered as missing.
        try:
            return (place.path / folder / node).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None

    return read_file


def _data(wanted: Wanted) -> list[str]:
    if wanted.dataset is None:
        return []
    name, resolution, fingerprint = wanted.dataset
    try:
        found = open_dataset(name, resolution, Path(wanted.data_root))
    except IgnmError as problem:
        return [f"lacks the dataset: {problem}"]
    except OSError as problem:
        return [f"the dataset under {wanted.data_root} cannot be read: {problem.strerror or problem}"]
    if found.fingerprint != fingerprint:
        return [f"another {name}@{resolution} under {wanted.data_root} (fingerprint {found.fingerprint[:12]})"]
    return []


def _gpus(said: float) -> list[str]:
    """Ask torch in a process of its own, whose memory on the GPU goes with it."""
    if said < 1:
        return []
    environment = dict(os.environ)
    if environment.get("CUDA_VISIBLE_DEVICES") == "":
        # Ray hides the GPUs from a task that takes none.
        del environment["CUDA_VISIBLE_DEVICES"]
    try:
        done = subprocess.run(
            [sys.executable, "-c", _COUNT_GPUS],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        seen, cause = int(done.stdout), done.stderr
    except (OSError, ValueError, subprocess.SubprocessError) as problem:
        seen, cause = 0, str(problem)
    if seen >= said:
        return []
    told = cause.strip().splitlines()[-1:] or ["see `nvidia-smi` there"]
    return [f"Ray says {said:g} GPU(s), torch sees {seen}: {told[0][:200]}"]
