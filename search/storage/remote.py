"""A prefix of an object store, patient with a store that is away and clear about one that refuses."""

import errno
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from ignm.errors import IgnmError
from ignm.words import first_line

PATIENCE = 300.0
"""Seconds that an operation waits for a store that does not answer."""
LONGEST_PAUSE = 15.0

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_LIBRARIES = {"aiobotocore", "aiohttp", "azure", "botocore", "fsspec", "gcsfs", "google", "s3fs"}
"""Whose errors come from the store, or from the way to it."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_NO_CREDENTIALS = (
    "no credentials were found; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or what your store "
    "uses), or give the machine a role"
)
_FINAL: dict[str, str] = {
    "NoSuchBucket": "there is no such bucket; check its name, and make it first",
    "FileNotFoundError": "there is no such bucket; check its name, and make it first",
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "TokenRetrievalError": "the credentials could not be refreshed; sign in again",
    "ProfileNotFound": "AWS_PROFILE names a profile that does not exist",
    "InvalidAccessKeyId": "the store does not know the access key; check the credentials",
    "SignatureDoesNotMatch": "the secret key is not the access key's; check the credentials",
    "ExpiredToken": "the credentials have expired; sign in again",
    "PermissionError": "access is denied; check that the credentials may list, read, write and delete there",
    "PermanentRedirect": "the bucket lies in another region; check AWS_DEFAULT_REGION, or AWS_ENDPOINT_URL",
    "AuthorizationHeaderMalformed": "the bucket lies in another region; check AWS_DEFAULT_REGION",
    "InvalidBucketName": "this cannot be a bucket's name",
    "ParamValidationError": "this cannot be a bucket's name",
}
"""What no waiting mends, by the store's code or the error's type."""
_AWAY = "check the network, the region and the bucket's name"


@dataclass(frozen=True)
class Entry:
    """An object in a listing."""

    size: int
    version: str
    """Another one whenever the object was written again."""


@dataclass(frozen=True)
class Remote:
    """Objects below a prefix; names are relative to it, with `/` between their parts.

    Every operation is tried again for `patience` seconds while the store is away, and then raises IgnmError, which says
    what to check. Refused ones raise it at once.
    """

    fs: Any
    prefix: str
    uri: str
    patience: float = PATIENCE
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def inside(self, folder: str) -> "Remote":
        """Return a folder of it."""
        return replace(self, prefix=f"{self.prefix}/{folder}", uri=f"{self.uri}/{folder}")

    def listing(self, folder: str = "") -> dict[str, Entry]:
        """List all objects below `folder`, or below the prefix; one request for a thousand of them."""
        root = f"{self.prefix}/{folder}" if folder else self.prefix
        found = self._patiently("listing", lambda: self.fs.find(root, detail=True))
        start = len(self.prefix) + 1
        # Consoles make folders by writing empty objects whose names end in a slash.
        files = {name[start:]: info for name, info in found.items() if not name.endswith("/")}
        return {name: Entry(info["size"], _version(info)) for name, info in files.items() if name}

    def put(self, files: Mapping[str, Path]) -> None:
        """Write files, several at once; FileNotFoundError where one of them is gone."""
        if not files:
            return

        def put() -> None:
            try:
                self.fs.put([str(path) for path in files.values()], self._full(files))
            except FileNotFoundError:
                gone = [path for path in files.values() if not path.exists()]
                if gone:
                    raise _GoneError(str(gone[0])) from None
                raise

        self._patiently("writing", put)

    def get(self, files: Mapping[str, Path]) -> None:
        """Read objects into files, several at once; FileNotFoundError where one of them is gone."""
        if files:
            targets = [str(path) for path in files.values()]
            self._patiently("reading", lambda: self.fs.get(self._full(files), targets), FileNotFoundError)

    def write(self, name: str, data: bytes) -> None:
        """Write a small object."""
        (full,) = self._full([name])
        self._patiently("writing", lambda: self.fs.pipe_file(full, data))

    def create(self, name: str, data: bytes) -> bool:
        """Write a small object that is not there yet; False, and nothing is written, where it is."""
        (full,) = self._full([name])

        def create() -> bool:
            try:
                self.fs.pipe_file(full, data, mode="create")
            except OSError as error:
                if isinstance(error, FileExistsError) or "PreconditionFailed" in repr(error.__cause__):
                    return False
                raise
            return True

        return self._patiently("writing", create)

    def read(self, name: str) -> bytes | None:
        """Read a small object; None where it is not there."""
        (full,) = self._full([name])
        try:
            data: bytes = self._patiently("reading", lambda: self.fs.cat_file(full), FileNotFoundError)
        except FileNotFoundError:
            return None
        return data

    def remove(self, names: Collection[str]) -> None:
        """Remove objects; those that are gone already do not matter."""
        if names:
            self._patiently("removing", lambda: self._remove(names))

    def probe(self) -> None:
        """Write, list, read and remove a marker; IgnmError where the store refuses, or cannot do what is needed."""
        name, data = f".probe/{uuid4().hex}", b"ignm"
        try:
            created = self.create(name, data)
            again = self.create(name, b"again")
            if not created or again:
                raise IgnmError(
                    f"{self.uri}: the store writes over an object that was to be made only if there is none "
                    "(If-None-Match), so two drivers could not be told apart; use a store that can, or a shared folder"
                )
            if self.read(name) != data or name not in self.listing(".probe"):
                raise IgnmError(f"{self.uri}: what is written there is not what is read back; use another store")
        finally:
            self.remove([name])

    def _remove(self, names: Collection[str]) -> None:
        try:
            self.fs.rm(self._full(names))
        except FileNotFoundError:
            for full in self._full(names):
                if self.fs.exists(full):
                    self.fs.rm_file(full)

    def _full(self, names: Collection[str]) -> list[str]:
        return [f"{self.prefix}/{name}" for name in names]

    def _patiently(self, doing: str, call: Callable[[], _T], *passed: type[Exception]) -> _T:
        """Call until the store answers; errors of the `passed` types mean something to the caller."""
        began, told, pauses = self.clock(), False, _pauses()
        meant: tuple[type[Exception], ...] = (*passed, _GoneError)
        while True:
            try:
                answer = call()
            except meant:
                raise
            except Exception as error:
                if not _of_store(error):
                    raise
                self._refuse_final(doing, error)
                waited = self.clock() - began
                if waited >= self.patience:
                    raise IgnmError(
                        f"{self.uri}: {doing} failed for {waited:.0f} s: {first_line(error)}; {_AWAY}"
                    ) from None
                if not told:
                    _log.warning(
                        "%s: %s failed (%s); trying again for %.0f s", self.uri, doing, first_line(error), self.patience
                    )
                told = True
                self.sleep(min(next(pauses), max(0.0, self.patience - waited)))
            else:
                if told:
                    _log.warning("%s: answers again after %.0f s", self.uri, self.clock() - began)
                return answer

    def _refuse_final(self, doing: str, error: Exception) -> None:
        if isinstance(error, OSError) and error.errno in _FULL:
            where = error.filename or "this machine's disk"
            raise IgnmError(f"{where}: {error.strerror}, while {doing} {self.uri}; make room, then run again") from None
        names = [_code(error), *(kind.__name__ for kind in type(error).__mro__)]
        advice = next((_FINAL[name] for name in names if name in _FINAL), None)
        if advice is not None:
            raise IgnmError(f"{self.uri}: {doing} failed: {advice} ({first_line(error)})") from None


class _GoneError(FileNotFoundError):
    """A local file that was to be written to the store is gone."""


def _pauses() -> Iterator[float]:
    pause = 0.5
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)


def _of_store(error: Exception) -> bool:
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _LIBRARIES


def _code(error: Exception) -> str:
    response = getattr(error.__cause__ or error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _version(info: Mapping[str, Any]) -> str:
    """Tell apart what an object has held, by what its store's listing says of it."""
    marks = (info.get(key) for key in ("ETag", "etag", "generation", "md5Hash", "mtime", "created", "LastModified"))
    return f"{info['size']}:{next((str(mark) for mark in marks if mark is not None), '')}"
