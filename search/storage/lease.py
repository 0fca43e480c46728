"""One driver at a time: a lease in the object store, renewed while its holder lives.

Each holder has an object of its own, `.driver/<number>.json`, made only if there is none; the highest number holds the
study. A lease is taken over by making the next number: never by writing over another's object, so a holder that was
paused and goes on cannot take it back unawares; it finds the higher number at its next renewal.
Nobody's clock is compared with another's: a holder is gone when its object has not changed while one has watched it
for three renewals' time.
"""

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from ignm.errors import IgnmError
from ignm.files import write_text
from search.storage.remote import Remote

FOLDER = ".driver"
EVERY = 15.0
"""Seconds between two renewals."""
MISSED = 3
"""Renewals that a holder may miss."""
LAST_WORD = 10.0
"""Seconds that an ending driver waits for a renewal in progress."""
_log = logging.getLogger(__name__)


class LostError(IgnmError):
    """Another driver has taken the study over."""


@dataclass(frozen=True)
class Holder:
    """Who holds a study."""

    host: str
    pid: int
    place: str
    """The machine's start and the process namespace: where a pid means something."""
    folder: str
    """The local folder that it works in, by an id of its own."""
    token: str
    since: str
    beat: int = 0
    """Counts renewals."""
    released: bool = False

    def __str__(self) -> str:
        return f"{self.host}, process {self.pid}, since {self.since}"

    def is_dead(self) -> bool:
        """Tell for certain that its process has ended; False where that cannot be known from here."""
        if self.place != _place():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


class Lease:
    """The lease on a study: `held` takes it, renews it and lets it go."""

    def __init__(
        self,
        remote: Remote,
        folder: Path,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare for the study at `remote`, whose local copy is `folder`."""
        self._study, self._remote = remote, remote.inside(FOLDER)
        self._every, self._clock, self._sleep = every, clock, sleep
        self._me = Holder(
            host=os.uname().nodename,
            pid=os.getpid(),
            place=_place(),
            folder=_identity(folder),
            token=uuid4().hex,
            since=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._number, self._renewed = 0, 0.0
        self._lost: LostError | None = None
        self._lock = threading.Lock()
        self.is_ours = False
        """Whether the driver before worked in this same local folder, so that nothing elsewhere is newer."""

    def take(self) -> None:
        """Take the lease; a holder that is gone is waited out. Raises IgnmError, which names it, where one is alive."""
        newest = self._newest()
        if newest is not None:
            newest = self._wait_until_free(*newest)
        number, before = newest or (0, None)
        self._number = number + 1
        if not self._create():
            self._refuse()
        after = self._newest()
        if after is None or after[1].token != self._me.token:
            self._remote.remove([_name(self._number)])
            self._refuse()
        self.is_ours = before is not None and before.folder == self._me.folder
        self._renewed = self._clock()
        self._remote.remove([name for name in self._remote.listing() if name < _name(self._number)])

    def renew(self) -> None:
        """Show that this process lives; raises LostError where another has taken over."""
        with self._lock:
            self._renew()

    def check(self) -> None:
        """Raise LostError where the study is another's; to be called before writing to it. Costs nothing if fresh."""
        with self._lock:
            if self._lost is not None:
                raise self._lost
            if self._clock() - self._renewed >= 2 * self._every:
                self._renew()

    def release(self) -> None:
        """Let the study go, unless it is another's by now. The object stays, so that numbers only rise."""
        with self._lock:
            if self._lost is None:
                self._me = replace(self._me, released=True)
                self._remote.write(_name(self._number), _encoded(self._me))

    @contextmanager
    def held(self) -> Iterator["Lease"]:
        """Hold the study for as long as the block runs, renewing by a thread; `check` in it tells a loss."""
        self.take()
        ended = threading.Event()
        thread = threading.Thread(target=self._keep_renewing, args=(ended,), daemon=True, name="lease")
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join(LAST_WORD)
            if thread.is_alive():
                _log.warning("%s: not let go, the store is away; the next driver waits it out", self._study.uri)
            else:
                self._let_go()

    def _keep_renewing(self, ended: threading.Event) -> None:
        while not ended.wait(self._every):
            try:
                self.renew()
            except LostError as error:
                _log.warning("%s", error)
                return
            except IgnmError as error:
                # Whether it is still held is found out as soon as the store is back.
                _log.warning("%s", error)

    def _let_go(self) -> None:
        try:
            self.release()
        except IgnmError as error:
            _log.warning("%s: not let go; the next driver waits it out", error)

    def _renew(self) -> None:
        self._me = replace(self._me, beat=self._me.beat + 1)
        began = self._clock()
        self._remote.write(_name(self._number), _encoded(self._me))
        newest = max(self._remote.listing(), default="")
        if newest > _name(self._number):
            self._remote.remove([_name(self._number)])
            self._lost = LostError(
                f"{self._study.uri}: another driver has taken this study over ({self._read(newest) or newest}), "
                f"because this one was not heard of for {MISSED * self._every:.0f} s; it goes on there, and ends here"
            )
            raise self._lost
        self._renewed = began

    def _wait_until_free(self, number: int, holder: Holder) -> tuple[int, Holder]:
        began, first, told = self._clock(), holder, False
        while not (holder.released or holder.is_dead()):
            watched = self._clock() - began
            if watched >= MISSED * self._every:
                _log.warning("%s: taken over from %s, which is gone", self._study.uri, holder)
                break
            if not told:
                _log.warning(
                    "%s: held by %s; waiting up to %.0f s to see whether it is alive",
                    self._study.uri,
                    holder,
                    MISSED * self._every,
                )
            told = True
            self._sleep(self._every / 2)
            newest = self._newest()
            if newest is not None:
                number, holder = newest
            if not holder.released and (holder.token, holder.beat) != (first.token, first.beat):
                self._refuse(holder)
        return number, holder

    def _refuse(self, holder: Holder | None = None) -> None:
        if holder is None:
            newest = self._newest()
            holder = newest[1] if newest is not None else None
        raise IgnmError(
            f"{self._study.uri}: this study is being run already, by {holder or 'another process'}; "
            f"watch it with `ignm status {self._study.uri}`, or stop that process first"
        )

    def _create(self) -> bool:
        if self._remote.create(_name(self._number), _encoded(self._me)):
            return True
        # A write that was tried again finds what its first try has written.
        made = self._read(_name(self._number))
        return made is not None and made.token == self._me.token

    def _newest(self) -> tuple[int, Holder] | None:
        for name in sorted(self._remote.listing(), reverse=True):
            holder = self._read(name)
            if holder is not None:
                return int(name.partition(".")[0]), holder
        return None

    def _read(self, name: str) -> Holder | None:
        data = self._remote.read(name)
        if data is None:
            return None
        try:
            return Holder(**json.loads(data))
        except (ValueError, TypeError):
            raise IgnmError(
                f"{self._remote.uri}/{name}: damaged, or of another version; remove it if no driver runs"
            ) from None


def _name(number: int) -> str:
    return f"{number:08d}.json"


def _encoded(holder: Holder) -> bytes:
    return json.dumps(asdict(holder), indent=2).encode()


def _identity(folder: Path) -> str:
    """Return the id of a local folder, which it keeps for as long as it exists."""
    path = folder / ".identity"
    if not path.exists():
        write_text(path, uuid4().hex)
    return path.read_text(encoding="utf-8")


def _place() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return os.uname().nodename
