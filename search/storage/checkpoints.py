"""A trial's checkpoints in an object store: always a whole one there, never two mixed.

A checkpoint's folder there is named by the images seen and the digest of its `checkpoint.json`, which holds the digests
of all its other files. So two processes that train the same trial never write to the same object, and what is there
under a name need not be written again. `checkpoint.json` goes up last; a folder without it is none.
"""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path

from ignm.errors import IgnmError
from ignm.files import atomic_directory
from ignm.training.checkpoint import latest_checkpoint, open_checkpoint
from search.storage.mirror import TRIES
from search.storage.remote import Entry, Remote

VALID = "checkpoint.json"
_NAME = re.compile(r"checkpoint-(\d+)-[0-9a-f]+")
_log = logging.getLogger(__name__)

Listing = Mapping[str, Entry]
"""Of a trial's folder in the store."""


def push_newest(trial: Path, remote: Remote, listing: Listing) -> int:
    """Upload the trial's newest intact checkpoint, then remove what it replaces; returns the bytes moved.

    Afterwards the store holds it, those of the trial's other local ones that it had, and any newer ones of others.
    """
    for _ in range(TRIES):
        try:
            # Never a damaged one, for it would replace good ones there.
            newest = latest_checkpoint(trial)
            if newest is None:
                return 0
            name = _remote_name(newest.path)
            moved = _send(newest.path, remote, listing)
            kept = {_remote_name(each) for each in trial.glob("checkpoint-*")}
        except FileNotFoundError:
            continue  # Training went on and removed it.
        gone = {each for each in _folders(listing) if each not in kept and _images(each) <= _images(name)}
        remote.remove([file for file in listing if file.partition("/")[0] in gone])
        return moved
    raise IgnmError(f"{trial}: its checkpoints are replaced faster than they can be written to {remote.uri}")


def pull_newest(trial: Path, remote: Remote, listing: Listing) -> int | None:
    """Download the newest whole checkpoint, if it is ahead of the local ones; returns the bytes, None where it is not.

    A damaged one is logged and passed over for the one before. FileNotFoundError where one was removed meanwhile.
    """
    here = latest_checkpoint(trial) if trial.is_dir() else None
    ahead = here.images_seen if here is not None else -1
    for name in whole(listing):
        if _images(name) <= ahead:
            return None
        target = trial / name.rpartition("-")[0]
        files = {file: entry for file, entry in listing.items() if file.startswith(f"{name}/")}
        try:
            with atomic_directory(target) as directory:
                remote.get({file: directory / file.partition("/")[2] for file in files})
                _check(directory)
        except _DamagedError as error:
            _log.warning("%s/%s: %s; falling back to the one before", remote.uri, name, error)
        else:
            return sum(entry.size for entry in files.values())
    return None


def tidy(remote: Remote, listing: Listing) -> None:
    """Remove what is older than the newest whole checkpoint of a trial that has ended."""
    newest = next(iter(whole(listing)), None)
    if newest is not None:
        # One that is newer, and not whole yet, is on its way.
        old = {name for name in _folders(listing) if name != newest and _images(name) <= _images(newest)}
        remote.remove([file for file in listing if file.partition("/")[0] in old])


def whole(listing: Listing) -> list[str]:
    """Names of the folders that hold a whole checkpoint, newest first."""
    found = (name for name in _folders(listing) if f"{name}/{VALID}" in listing)
    return sorted(found, key=lambda name: (_images(name), name), reverse=True)


class _DamagedError(Exception):
    """What was downloaded is not a whole checkpoint."""


def _check(directory: Path) -> None:
    try:
        open_checkpoint(directory)
    except IgnmError as error:
        raise _DamagedError(str(error).removeprefix(f"{directory}/")) from None


def _send(checkpoint: Path, remote: Remote, listing: Listing) -> int:
    name = _remote_name(checkpoint)
    valid = (checkpoint / VALID).read_bytes()
    names = json.loads(valid)["sha256"]
    sizes = {f"{name}/{file}": (checkpoint / file).stat().st_size for file in names}
    missing = {file: size for file, size in sizes.items() if file not in listing or listing[file].size != size}
    remote.put({file: checkpoint / file.partition("/")[2] for file in missing})
    there = listing.get(f"{name}/{VALID}")
    if not missing and there is not None and there.size == len(valid):
        return 0
    remote.write(f"{name}/{VALID}", valid)
    return sum(missing.values()) + len(valid)


def _folders(listing: Listing) -> set[str]:
    return {file.partition("/")[0] for file in listing if _NAME.match(file)}


def _remote_name(checkpoint: Path) -> str:
    return f"{checkpoint.name}-{hashlib.sha256((checkpoint / VALID).read_bytes()).hexdigest()[:12]}"


def _images(name: str) -> int:
    found = _NAME.match(name)
    return int(found[1]) if found else -1
