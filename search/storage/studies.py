"""A study between its driver's or a reader's local folder and the object store.

The driver writes what is the study's (its question, plan, table, winner, report) and begins and ends trials; all else
in a trial's folder is written there by the trial's process, and read from there by the driver.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from analysis.claims.reading import FILE as CLAIMS
from ignm.errors import IgnmError
from search.storage import optuna_study
from search.storage.checkpoints import pull_newest, tidy
from search.storage.lease import Lease
from search.storage.location import Location, Role
from search.storage.mirror import TRIES, Mirror, is_small

QUESTION = "study.yaml"
STOP = "stop.json"
"""A request to stop, which anybody may leave."""
OURS = (
    QUESTION, CLAIMS, "driver.json", "confirm.json", "ablation.json", "clock.json", "results.parquet", "best", "report",
)  # fmt: skip
"""What the driver writes, beside Optuna's study; claims are a person's, put here or into the store."""
BEGUN = ("trial.json", "label.json", "pruned.json")
"""What the driver writes of a trial before it begins, or goes on as a finalist."""
SLOT = "slot.json"
"""What the driver writes of a trial that runs."""
END = "status.json"
SECONDS_BETWEEN_OPTUNA = 60.0
READER_PATIENCE = 20.0
"""Seconds."""
_REPLACED = ".replaced"


class KeptStudy:
    """A study that this process drives, and mirrors as it goes on.

    Each call that writes raises LostError where another driver has taken the study over.
    """

    def __init__(self, mirror: Mirror, lease: Lease, clock: Callable[[], float] = time.monotonic) -> None:
        """Mirror the study in the driver's folder `mirror.local`, for as long as `lease` is held."""
        self._mirror, self._lease, self._clock = mirror, lease, clock
        self._optuna_at = clock()

    def bring(self) -> int:
        """Bring the study into the driver's folder, checkpoints left out; returns the bytes moved.

        Where the driver before worked in this same folder, only trials have news. Else what is there is set aside
        (`.replaced/`), and all comes from the store.
        """
        if self._lease.is_ours:
            return self.follow()
        _set_aside(self._mirror)
        return self._mirror.pull()

    def begin(self, name: str) -> None:
        """Write a trial that was begun to the store; to be called before its process is told of it."""
        self._lease.check()
        self._mirror.push(*(f"trials/{name}/{file}" for file in BEGUN))
        # One that goes on has ended there.
        self._mirror.remote.remove([f"trials/{name}/{END}"])

    def follow(self, name: str = "") -> int:
        """Read what the process of a trial has written, or those of all trials, and whether somebody asked for a stop.

        Returns the bytes moved.
        """
        return self._mirror.pull(f"trials/{name}" if name else "", _of_others)

    def end(self, name: str) -> None:
        """Write a trial's end to the store, where it has not ended there, and remove its older checkpoints."""
        self._lease.check()
        self._mirror.push(f"trials/{name}/{END}")
        remote = self._mirror.remote.inside(f"trials/{name}")
        tidy(remote, remote.listing())

    def keep(self, now: bool = False) -> int:
        """Write what changed to the store; Optuna's study once a minute, or `now`. Returns the bytes moved."""
        self._lease.check()
        slots = (f"trials/{path.parent.name}/{SLOT}" for path in self._mirror.local.glob(f"trials/*/{SLOT}"))
        moved = self._mirror.push(*OURS, *slots)
        if now or self._clock() - self._optuna_at >= SECONDS_BETWEEN_OPTUNA:
            self._optuna_at = self._clock()
            moved += self._keep_optuna()
        return moved

    def bring_checkpoint(self, name: str) -> None:
        """Bring the newest checkpoint of a trial into the driver's folder, as for choosing the winner."""
        bring_checkpoint(self._mirror, name)

    def __getstate__(self) -> dict[str, object]:
        """Nothing: Tune pickles the searcher, which holds this, and a study is never restored from that."""
        return {}

    def forget_stop(self) -> None:
        """Remove a request to stop that was left for an earlier driver."""
        self._mirror.remote.remove([STOP])

    def _keep_optuna(self) -> int:
        # Beside the study, so that Optuna goes on writing while the copy is on its way.
        aside = self._mirror.local / ".optuna"
        optuna_study.snapshot(self._mirror.local / optuna_study.FOLDER, aside / optuna_study.FOLDER)
        return Mirror(aside, self._mirror.remote).push(optuna_study.FOLDER)


class InPlace:
    """A study in a folder that all processes share: there is nothing to move."""

    def begin(self, name: str) -> None:
        """Nothing."""

    def follow(self, name: str = "") -> int:
        """Nothing."""
        return 0

    def end(self, name: str) -> None:
        """Nothing."""

    def keep(self, now: bool = False) -> int:
        """Nothing."""
        return 0

    def bring_checkpoint(self, name: str) -> None:
        """Nothing."""

    def forget_stop(self) -> None:
        """Nothing."""


Keeping = KeptStudy | InPlace


@contextmanager
def driven(location: Location) -> Iterator[Keeping]:
    """Drive a study in `location.folder(Role.DRIVER)`: from an object store brought first, wholly written at the end.

    Raises IgnmError where another driver does, and where the store cannot be used.
    """
    if location.uri is None:
        yield InPlace()
        return
    remote = location.remote()
    remote.probe()
    mirror = Mirror(location.folder(Role.DRIVER), remote)
    with Lease(remote, mirror.local).held() as lease:
        kept = KeptStudy(mirror, lease)
        kept.bring()
        try:
            yield kept
        except IgnmError:
            # It may be the store's, or that the study is another's: then waiting for another write helps nobody.
            raise
        except BaseException:
            kept.keep(now=True)
            raise
        kept.keep(now=True)


def read_study(location: Location, patience: float = READER_PATIENCE) -> Path:
    """Return a folder that holds a study as it stands, for reading: the study's own, or a copy brought up to date.

    Checkpoints and Optuna's study are left out of a copy. Raises IgnmError where there is no study.
    """
    folder = location.folder(Role.READER)
    if location.uri is not None:
        mirror = Mirror(folder, location.remote(patience))
        if mirror.remote.read(QUESTION) is None:
            raise IgnmError(f"{location}: no study here (no {QUESTION}); expected the URI of a study, STORAGE/NAME")
        mirror.pull("", lambda name: is_small(name) and not name.startswith(f"{optuna_study.FOLDER}/"), exact=True)
    return folder


def write_requests(location: Location, patience: float = READER_PATIENCE) -> None:
    """Write to the store what a reader asked for in its copy: stops, and the ends of trials that nobody drives."""
    if location.uri is not None:
        mirror = Mirror(location.folder(Role.READER), location.remote(patience))
        asked = [path for name in (STOP, END) for path in mirror.local.glob(f"trials/*/{name}")]
        mirror.push(STOP, *(path.relative_to(mirror.local).as_posix() for path in asked))


def bring_checkpoint(mirror: Mirror, name: str) -> None:
    """Bring the newest checkpoint of a trial into a study's folder."""
    remote = mirror.remote.inside(f"trials/{name}")
    for _ in range(TRIES):
        try:
            pull_newest(mirror.local / "trials" / name, remote, remote.listing())
        except FileNotFoundError:
            continue  # The trial's process has replaced it meanwhile.
        return
    raise IgnmError(f"{remote.uri}: its checkpoints are replaced faster than they can be read; try again")


def _of_others(name: str) -> bool:
    ours = (*BEGUN, SLOT)
    return name in (STOP, CLAIMS) or (
        name.startswith("trials/") and is_small(name) and PurePosixPath(name).name not in ours
    )


def _set_aside(mirror: Mirror) -> None:
    """Move away what a driver has left in this folder, after which another one drove the study elsewhere."""
    if any(mirror.local.glob("[!.]*")):
        aside = mirror.local / _REPLACED
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        for each in mirror.local.glob("[!.]*"):
            each.rename(aside / each.name)
    mirror.clear()
