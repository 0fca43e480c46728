"""What code a node runs: compared before and during a search, since two versions would measure two things."""

import hashlib
import platform
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ignm.errors import IgnmError

PACKAGES = ("ignm", "spaces", "search", "analysis")
LIBRARIES = ("ray", "torch", "optuna")
SOURCES = frozenset({".py", ".yaml", ".safetensors", ".j2"})
MISSING = "missing"


class OtherCodeError(IgnmError):
    """This node's code is not the driver's; no fault of the trial that was to run here."""


@dataclass(frozen=True)
class CodeVersion:
    """The project's sources and what they run on."""

    digest: str
    """SHA-256 of the sources, its first 16 digits."""
    python: str
    """Major and minor: code of one micro release runs in another."""
    libraries: tuple[tuple[str, str], ...]
    """(name, version) without what marks a build (`+cpu`): nodes with and without a GPU may work together."""

    def differences(self, other: "CodeVersion") -> list[str]:
        """Say in what `other` is not this: `torch 2.13.0 instead of 2.14.1`."""
        mine, theirs = self._parts(), other._parts()
        return [
            f"{name} {theirs.get(name, MISSING)} instead of {version}"
            for name, version in mine.items()
            if theirs.get(name) != version
        ]

    def _parts(self) -> dict[str, str]:
        return {"the project's sources": self.digest, "Python": self.python, **dict(self.libraries)}


@lru_cache(maxsize=1)
def code_version() -> CodeVersion:
    """Return the version of the code on this machine, as it was when this process first asked."""
    libraries = tuple((name, _installed(name)) for name in LIBRARIES)
    return CodeVersion(_digest(), ".".join(platform.python_version_tuple()[:2]), libraries)


def digest_of(folders: dict[str, Path]) -> str:
    """Return a digest of the sources in folders, whose names count and whose places do not."""
    whole = hashlib.sha256()
    for name, folder in sorted(folders.items()):
        files = sorted(path for path in folder.rglob("*") if path.suffix in SOURCES and path.is_file())
        for path in files:
            whole.update(f"{name}/{path.relative_to(folder).as_posix()}\0".encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()[:16]


def _digest() -> str:
    folders = {}
    for name in PACKAGES:
        found = find_spec(name)
        if found is not None and found.origin is not None:
            folders[name] = Path(found.origin).parent
    return digest_of(folders)


def _installed(name: str) -> str:
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return MISSING
