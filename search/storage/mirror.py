"""A local folder and its mirror in an object store: what changed is pushed, what is newer there is pulled.

Files whose name, or one of whose folders' names, begins with a dot stay where they are, on either side.
Checkpoints go their own way: `search.storage.checkpoints`.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ignm.errors import IgnmError
from ignm.training.filenames import EVIDENCE
from search.storage.manifest import Manifest, Seen, seen_now
from search.storage.remote import Entry, Remote

LAST = {EVIDENCE, "index.html", "status.json"}
"""Files by which a reader judges that the ones beside them are there: pushed after those."""
ONCE = {"status.json"}
"""Files that are written once, by whoever is first; the first word stands."""
TRIES = 5
MANIFEST = ".mirror.db"

Wanted = Callable[[str], bool]


def is_small(name: str) -> bool:
    """Tell whether a file, by its name relative to a study or a trial, is none of a checkpoint's."""
    return not any(part.startswith("checkpoint-") for part in name.split("/"))


class Mirror:
    """Transfers between `local` and `remote`; each call answers with the bytes that it moved."""

    def __init__(self, local: Path, remote: Remote) -> None:
        """Mirror `local`, which need not exist yet. Two processes must not work in one `local` folder."""
        self.local, self.remote = local, remote
        self._manifest = Manifest(local / MANIFEST)
        # An older listing must not be carried out after a newer one.
        self._lock = threading.RLock()

    def push(self, *paths: str) -> int:
        """Upload the files and folders of these names that changed since they were last transferred.

        One that is gone here is left there. Where a file of ONCE is there already, it is taken over from there.
        """
        with self._lock:
            return self._push(paths, last=False) + self._push(paths, last=True)

    def pull(self, folder: str = "", wanted: Wanted = is_small, exact: bool = False) -> int:
        """Download what is new or newer there below `folder`, each file whole or not at all; one listing.

        A file that changed here only is kept; where both changed, the store's wins. `exact`: files that came from there
        and are gone there are removed here.
        """
        with self._lock:
            for _ in range(TRIES):
                listing = self.remote.listing(folder)
                known = self._manifest.read(folder)
                entries = {name: entry for name, entry in listing.items() if is_mirrored(name) and wanted(name)}
                newer = {name: entry for name, entry in entries.items() if self._is_newer(name, entry, known.get(name))}
                try:
                    moved = self._fetch(newer)
                except FileNotFoundError:
                    continue  # Written or removed between listing and reading.
                if exact:
                    self._drop([name for name, seen in known.items() if seen.version and name not in listing])
                return moved
        raise IgnmError(f"{self.remote.uri}: its objects change faster than they can be read; try again")

    def clear(self) -> None:
        """Empty the local folder of what is mirrored, and forget what was transferred."""
        if self.local.is_dir():
            for each in self.local.iterdir():
                if each.is_dir() and is_mirrored(each.name):
                    shutil.rmtree(each)
                elif is_mirrored(each.name) or each.name == MANIFEST:
                    each.unlink()

    def _push(self, paths: Iterable[str], last: bool) -> int:
        for _ in range(TRIES):
            changed = {name: seen for name, seen in self._changed(paths).items() if (_base(name) in LAST) is last}
            try:
                self._send(changed)
            except FileNotFoundError:
                continue  # One was replaced or removed meanwhile.
            return sum(seen.size for seen in changed.values())
        raise IgnmError(f"{self.local}: its files change faster than they can be written to {self.remote.uri}")

    def _drop(self, names: Iterable[str]) -> None:
        for name in names:
            (self.local / name).unlink(missing_ok=True)
            for folder in (self.local / name).parents:
                if folder == self.local or any(folder.iterdir()):
                    break
                folder.rmdir()
        self._manifest.forget(names)

    def _fetch(self, entries: Mapping[str, Entry]) -> int:
        """Download these listed objects; FileNotFoundError where one is no longer what was listed."""
        if not entries:
            return 0
        self.local.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".pull.", suffix=".partial", dir=self.local))
        try:
            self.remote.get({name: aside / name for name in entries})
            for name, entry in entries.items():
                if (aside / name).stat().st_size != entry.size:
                    raise FileNotFoundError(name)
            # In the order of a push, so that a reader who is killed here holds no file that speaks for a missing one.
            for name in sorted(entries, key=lambda name: (_base(name) in LAST, name)):
                (self.local / name).parent.mkdir(parents=True, exist_ok=True)
                (aside / name).replace(self.local / name)
            self._manifest.note(
                {name: Seen(*seen_now(self.local / name), entry.version) for name, entry in entries.items()}
            )
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return sum(entry.size for entry in entries.values())

    def _is_newer(self, name: str, entry: Entry, seen: Seen | None) -> bool:
        if seen is None or not (self.local / name).exists():
            return True
        # What was last pushed from here, and has changed here since, is still to be pushed.
        return seen.version != entry.version and (bool(seen.version) or seen.is_now(self.local / name))

    def _changed(self, paths: Iterable[str]) -> dict[str, Seen]:
        changed = {}
        for path in paths:
            known = self._manifest.read(path)
            for name in _files(self.local, path):
                try:
                    seen = Seen(*seen_now(self.local / name))
                except FileNotFoundError:
                    continue
                if name not in known or not known[name].is_now(self.local / name):
                    changed[name] = seen
        return changed

    def _send(self, changed: Mapping[str, Seen]) -> None:
        self.remote.put({name: self.local / name for name in changed if _base(name) not in ONCE})
        stood = set()
        for name in changed:
            if _base(name) in ONCE and not self._send_once(name):
                stood.add(name)
        self._manifest.note({name: seen for name, seen in changed.items() if name not in stood})

    def _send_once(self, name: str) -> bool:
        """Write an object unless it is there; then take it over, and answer False, where it says something else."""
        data = (self.local / name).read_bytes()
        if self.remote.create(name, data):
            return True
        there = self.remote.listing(name)
        if self.remote.read(name) == data:
            return True
        self._fetch(there)
        return False


def is_mirrored(name: str) -> bool:
    """Tell whether a file of this relative name is mirrored."""
    return not any(part.startswith(".") for part in name.split("/"))


def _files(root: Path, path: str) -> Iterator[str]:
    """Names, relative to the root, of the mirrored files at and below a path, checkpoints left out."""
    start = root / path
    if start.is_file():
        yield path
    # Unlike `rglob`, it passes over folders that vanish meanwhile.
    for folder, folders, files in os.walk(start):
        folders[:] = sorted(each for each in folders if is_mirrored(each) and is_small(each))
        here = Path(folder).relative_to(root)
        yield from sorted((here / each).as_posix() for each in files if is_mirrored(each))


def _base(name: str) -> str:
    return PurePosixPath(name).name
