"""Which images are held out for testing, and so in which order a dataset is written."""

import hashlib

import numpy as np
import numpy.typing as npt

from ignm.data.sources import Source
from ignm.errors import IgnmError

MAX_SHARE = 0.5


def check_share(share: float | None) -> None:
    """Raise IgnmError unless a share of the images can be held out."""
    if share is not None and not 0 <= share <= MAX_SHARE:
        raise IgnmError(f"The share of images to hold out is {share}; allowed is from 0 to {MAX_SHARE}.")


def arrange(source: Source, share: float | None) -> tuple[npt.NDArray[np.int64], int]:
    """Return the indices of the images, those to train on first, each part in order, and the length of the first part.

    `share` None keeps to the source's own partition; else each image is held out or not by its name alone, so that
    images that come or go change nothing for the others.
    """
    held = np.zeros(len(source.names), bool)
    if share is None:
        held[list(source.test)] = True
    elif share > 0:
        held[:] = [_position(name) < share for name in source.names]
    return np.concatenate([np.flatnonzero(~held), np.flatnonzero(held)]), int((~held).sum())


def _position(name: str) -> float:
    """Return a number in [0, 1) that follows from a name, uniform over names."""
    digest = hashlib.sha256(name.encode("utf-8", "backslashreplace")).digest()
    return int.from_bytes(digest[:6]) / 2**48
