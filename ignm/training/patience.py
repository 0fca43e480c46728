"""Storage that is full or away for a while is waited for."""

import errno
import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

from ignm.errors import IgnmError

SECONDS = 120.0
"""How long storage is waited for, unless another time is asked for."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0
PASSING = frozenset({
    errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.EACCES,
    errno.EAGAIN, errno.EBUSY, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN,
    errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETUNREACH, errno.ECONNRESET, errno.EREMOTEIO,
})  # fmt: skip
"""What a full disk, a network file system that is away or a folder on it gives."""
_log = logging.getLogger(__name__)

T = TypeVar("T")


class OutOfReachError(IgnmError):
    """Storage did not come back in time; no fault of whoever wanted it."""


def patiently(action: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Do something with storage, again and again until it works; a log line says each time that it has not.

    Pauses double from FIRST_PAUSE to LONGEST_PAUSE. Raises OutOfReachError when `seconds` are over. `what` names the
    file or folder, for people; whatever else than an OSError of PASSING the action raises is handed on.
    """
    begun, pause = time.monotonic(), FIRST_PAUSE
    while True:
        try:
            return action()
        except OSError as error:
            if error.errno not in PASSING:
                raise
            waited = time.monotonic() - begun
            problem = os.strerror(error.errno)
        if waited >= seconds:
            raise OutOfReachError(
                f"{what}: {problem}, for {waited:.0f} s; free some space or bring the storage back, then run the same "
                "command again: it goes on from the last checkpoint"
            )
        pause = min(pause, seconds - waited)
        _log.warning("%s: %s; trying again in %.1f s", what, problem, pause)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
