"""Arrays that are made once and kept: mapped read-only by all, made by one process at a time."""

import shutil
import tokenize
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from ignm.files import restore_directory

# numpy reads headers with Python's own tokenizer and parser, so a flipped byte raises what those raise.
DAMAGE = (OSError, ValueError, EOFError, SyntaxError, tokenize.TokenError, TypeError, KeyError, OverflowError)
"""What reading a damaged array, or a damaged JSON beside it, raises."""


def mapped(file: Path) -> npt.NDArray[Any]:
    """Map a .npy file read-only; raise one of DAMAGE where it is not whole."""
    array = np.lib.format.open_memmap(file, mode="r")
    # A damaged length of the header would else shift every value.
    if array.offset + array.nbytes != file.stat().st_size:
        raise ValueError(f"{file.name} has {file.stat().st_size} bytes, not {array.offset + array.nbytes}")
    return array


def mapped_as(file: Path, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Map a .npy file read-only; raise one of DAMAGE where it is not whole, or not of this type and shape."""
    array = mapped(file)
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{file.name} is {array.dtype} {array.shape}, not {np.dtype(dtype)} {shape}")
    return array


@contextmanager
def sole_maker(path: Path, root: Path) -> Iterator[None]:
    """Hold the right to make the folder `path` under `root`; whoever comes second waits.

    What was left behind by a process that was killed while making it is removed.
    """
    locks = root / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / f"{path.parent.name.removeprefix('.')}-{path.name}.lock"):
        restore_directory(path)
        for pattern in (f".{path.name}.*.partial", f".{path.name}.*.old"):
            for leftover in path.parent.glob(pattern):
                shutil.rmtree(leftover, ignore_errors=True)
        yield
