"""Memory that is freed stays with the process, until it is asked back."""

import ctypes
import logging
from contextlib import suppress

# From malloc.h of the GNU C library.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_log = logging.getLogger(__name__)


def keep_freed_memory() -> bool:
    """Have the C library keep freed memory for the next allocation; returns whether it can.

    It gives large blocks back to the system at once, and a training step asks for them again: the system then clears
    every page anew. Measured on two cores: 11 to 17 % of a step.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library, another system
        return False
    settings = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 64 << 20}
    done = all(mallopt(name, value) for name, value in settings.items())
    _log.debug("freed memory is kept: %s", done)
    return done


def give_back_freed_memory() -> None:
    """Have the C library return what is free to the system now, where it can."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
