"""A journal: what has been done, line by line, so that whoever goes on after a kill knows how far it had come."""

import errno
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIGITS = 16


@dataclass(frozen=True)
class Line:
    """One line that can be trusted: its content, its digest, and where it ends in the file."""

    content: dict[str, Any]
    digest: str
    end: int


def read_journal(path: Path) -> tuple[Line, ...]:
    """Return the lines up to the first one that is torn, altered or out of place; none where there is no file.

    Every line carries a digest of itself and of the digest before it.
    """
    try:
        data = path.read_bytes()
    except OSError:
        return ()
    lines: list[Line] = []
    end, digest = 0, ""
    for raw in data.splitlines(keepends=True):
        end += len(raw)
        written, _, text = raw.partition(b" ")
        digest = _digest(digest, text)
        if written != digest.encode() or not text.endswith(b"\n"):
            break
        lines.append(Line(json.loads(text), digest, end))
    return tuple(lines)


class Journal:
    """A journal open for appending, after `last`, behind which the file is cut; None begins it anew."""

    def __init__(self, path: Path, last: Line | None = None) -> None:
        self._file = path.open("r+b" if last else "wb", buffering=0)
        self._file.truncate(last.end if last else 0)
        self._file.seek(0, os.SEEK_END)
        self._digest = last.digest if last else ""

    def append(self, content: dict[str, Any], durable: bool = False) -> None:
        """Append a line, which outlives this process; if `durable`, also a failure of power."""
        text = json.dumps(content).encode() + b"\n"
        digest = _digest(self._digest, text)
        start = self._file.tell()
        try:
            self._write(digest.encode() + b" " + text)
        except BaseException:  # a line after a torn one would never be read
            self._file.truncate(start)
            self._file.seek(start)
            raise
        self._digest = digest
        if durable:
            os.fsync(self._file.fileno())

    def _write(self, line: bytes) -> None:
        if self._file.write(line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def _digest(before: str, text: bytes) -> str:
    return hashlib.sha256(before.encode() + text).hexdigest()[:_DIGITS]
