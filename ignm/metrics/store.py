"""Tensors of real images that are computed once, kept under their identity, and shared by all processes."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ignm.files import atomic_file

_log = logging.getLogger(__name__)


Tensors = dict[str, Tensor]


def load_or_make(cache: Path, identity: str, make: Callable[[], Tensors]) -> Tensors:
    """Tensors that are kept as `identity` in `cache`, else those that `make` returns, which are kept from then on.

    Safe when many processes start at once; a damaged file is made anew; a cache that cannot be written costs a warning
    and the computation in each process. What `make` raises goes through, and nothing is kept then.
    """
    path = cache / f"{identity}.safetensors"
    stored = _load(path, identity)
    if stored is None:
        with _turn(cache / f"{identity}.lock"):
            stored = _load(path, identity)
            if stored is None:
                stored = make()
                _keep(path, identity, stored)
    return stored


@contextmanager
def _turn(lock: Path) -> Iterator[None]:
    """Let one process at a time in; all of them where no lock can be made."""
    with ExitStack() as stack:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(lock))
        except (OSError, NotImplementedError) as error:
            _log.warning("%s cannot be locked: %s", lock, error)
        yield


def _keep(path: Path, identity: str, stored: Tensors) -> None:
    tensors = {name: tensor.cpu().contiguous() for name, tensor in stored.items()}
    try:
        with atomic_file(path) as temporary:
            save_file(tensors, temporary, {"facts": json.dumps({"id": identity}), "sha256": _digest(tensors)})
    except (OSError, SafetensorError) as error:
        _log.warning(
            "the reference %s cannot be kept in %s, and is computed anew each time: %s", path.stem, path.parent, error
        )


def _load(path: Path, identity: str) -> Tensors | None:
    """The stored tensors, or None if they are absent or damaged."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - a file is no mapping
        if metadata["sha256"] != _digest(tensors) or json.loads(metadata["facts"])["id"] != identity:
            return None
        return tensors
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _digest(tensors: Tensors) -> str:
    """SHA-256 of names, types, shapes and bytes (on the CPU, contiguous), without a second copy of them in memory."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()
