"""Requests to stop, as files: whoever can write a study's folder may leave one, its driver obeys."""

import os
import socket
import time
from pathlib import Path

from ignm.files import write_json

BY_HAND = "stopped by hand"
"""Reason of a trial that was asked to stop."""
_REQUEST = "stop.json"


class StoppedByHand(Exception):  # noqa: N818  it is no error
    """Somebody asked for the study to be stopped; what is unfinished goes on in the next run."""


def request_stop(folder: Path) -> None:
    """Ask for a study, or a trial, to be stopped at the next measurement; `folder` is its own."""
    write_json(folder / _REQUEST, {"host": socket.gethostname(), "pid": os.getpid(), "time": time.time()})


def stop_requested(folder: Path) -> bool:
    """Whether a study, or a trial, was asked to stop."""
    return (folder / _REQUEST).exists()


def clear_stop(folder: Path) -> None:
    """Forget a request."""
    (folder / _REQUEST).unlink(missing_ok=True)
