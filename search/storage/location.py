"""Where studies lie: a folder, or a URI of an object store."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]

from ignm.data.cache import ignm_home
from ignm.errors import IgnmError
from ignm.files import expanded
from search.storage.remote import PATIENCE, Remote


@dataclass(frozen=True)
class Store:
    """A kind of object store."""

    package: str
    """What fsspec needs for it."""
    install: str
    options: dict[str, Any]
    """Of fsspec's file system; never a secret, which the store's own tools find in the environment."""


STORES = {
    # Whether to wait longer is for `Remote` to say, so the library gives up early.
    "s3": Store(
        "s3fs",
        'pip install "ignm[aws]"',
        {
            "config_kwargs": {
                "retries": {"mode": "standard", "total_max_attempts": 2},
                "connect_timeout": 10,
                "read_timeout": 30,
            }
        },
    ),
    "gs": Store("gcsfs", "pip install gcsfs", {}),
    "abfs": Store("adlfs", "pip install adlfs", {}),
}
ALLOWED = f"a folder, or {', '.join(f'{scheme}://BUCKET/PREFIX' for scheme in STORES)}"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_SLIP = re.compile(rf"({'|'.join(STORES)}):", re.IGNORECASE)
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9!_.*'()=@+-]*")


class Role(StrEnum):
    """Who works in a local copy. Each has a folder of its own, so that none writes over what another has just made."""

    DRIVER = "driver"
    TRIALS = "trials"
    READER = "reader"


@dataclass(frozen=True)
class Location:
    """A folder of studies, or one study: `uri` in an object store, or, where that is None, the local `path`."""

    path: Path
    uri: str | None = None

    def __str__(self) -> str:
        return self.uri or str(self.path)

    @property
    def name(self) -> str:
        """The last part, which is a study's name."""
        return self.uri.rpartition("/")[2] if self.uri else self.path.name

    def join(self, name: str) -> "Location":
        """Return the study of that name in this folder of studies."""
        return locate(f"{self.uri}/{name}") if self.uri else Location(self.path / name)

    def folder(self, role: Role) -> Path:
        """Return the folder to work in: the place itself, or this machine's copy of what is in the object store."""
        return self.path if self.uri is None else self.path / role / self.name

    def remote(self, patience: float = PATIENCE) -> Remote:
        """Open the object store; `patience` in seconds is how long an operation waits for a store that is away.

        Raises IgnmError where the package for it is missing.
        """
        if self.uri is None:
            raise ValueError(f"{self.path} is a local folder")
        store = STORES[self.uri.partition("://")[0]]
        try:
            # Other machines write there too: what was listed a moment ago is not what is there now.
            fs, prefix = fsspec.url_to_fs(self.uri, use_listings_cache=False, **store.options)
        except ImportError:
            raise IgnmError(f"{self.uri}: needs {store.package}, which is not installed: {store.install}") from None
        return Remote(fs, prefix, self.uri, patience)


def locate(storage: str | Path) -> Location:
    """Read a place as it is given on the command line.

    Raises IgnmError for an unknown scheme, a URI without a bucket, and what cannot be part of an object's name.
    """
    text = str(storage)
    found = _SCHEME.fullmatch(text)
    if found is None:
        if _SLIP.match(text):
            scheme = text.partition(":")[0].lower()
            raise IgnmError(f"--storage: {text}: neither a folder nor a URI; expected {scheme}://BUCKET/PREFIX")
        return Location(expanded(text, "--storage"))
    scheme, rest = found[1].lower(), found[2].rstrip("/")
    if scheme == "file":
        if not rest.startswith("/"):
            raise IgnmError(f"--storage: {text}: expected file:///, then the path from the root")
        return Location(Path(rest))
    if scheme not in STORES:
        raise IgnmError(f"--storage: {text}: studies cannot lie in {scheme}://; give {ALLOWED}")
    parts = rest.split("/")
    bad = next((part for part in parts if not _PART.fullmatch(part)), None)
    if bad is not None:
        what = f"{bad!r} cannot be a part of it" if rest else "the bucket's name is missing"
        raise IgnmError(f"--storage: {text}: {what}; expected {scheme}://BUCKET/PREFIX of letters, digits and ._-")
    uri = f"{scheme}://{rest}"
    return Location(ignm_home() / "studies" / _slug(uri), uri)


def _slug(uri: str) -> str:
    """Name a folder after a URI: readable, and another one for every other URI."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "-", uri)[-80:].strip("-.")
    return f"{readable}-{hashlib.sha256(uri.encode()).hexdigest()[:8]}"
