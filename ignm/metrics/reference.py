"""Statistics of the real images that a metric compares with: computed once, then shared by all trials."""

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from safetensors.torch import save, save_file
from torch import Tensor

from ignm.errors import IgnmError
from ignm.files import atomic_file
from ignm.metrics.extractors import Extractor
from ignm.metrics.frechet import Moments, covariance_root

FORMAT = 2
"""Raised whenever a reference's content or the rule that scales its features changes: part of its identity."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """Moments of real images in feature space, the covariance as its root; two numbers compare only if ids are equal.

    `scale` (D,) divides features; `mean` (D,) and `root` (D, r) are those of the scaled features, in float64.
    """

    id: str
    metric: str
    count: int
    mean: Tensor
    scale: Tensor
    root: Tensor

    @property
    def total_variance(self) -> float:
        """Trace of the covariance of the scaled features."""
        return float(self.root.square().sum())

    def to(self, device: torch.device | str) -> "Reference":
        """The same reference with its tensors on `device`."""
        return replace(self, **{name: getattr(self, name).to(device) for name in _TENSORS})


_TENSORS = ("mean", "scale", "root")
_FACTS = tuple(field.name for field in fields(Reference) if field.name not in _TENSORS)


def load_or_compute_reference(
    images: np.ndarray,
    fingerprint: str,
    extractor: Extractor,
    cache: Path,
    *,
    count: int | None = None,
    batch: int = 256,
    device: torch.device | str = "cpu",
) -> Reference:
    """Reference of `images` (N, H, W, C), uint8, from `cache` if it is there, else computed, stored and returned.

    `count` images are drawn without replacement by a fixed draw (None: all). `fingerprint` identifies the dataset's
    content. The extractor is moved to `device`; the reference's tensors are on the CPU. Safe when many processes
    start at once; a damaged file is computed anew; a cache that cannot be written costs a warning and the computation
    in each process. Raises IgnmError when there are too few images.
    """
    used = len(images) if count is None else count
    if not 2 <= used <= len(images):
        raise IgnmError(
            f"a reference of {used} images was asked for and the dataset has {len(images)}; "
            f"at least 2 and at most {len(images)} are possible"
        )
    identity = reference_id(fingerprint, images.shape[1:], used, extractor)
    path = cache / f"{identity}.safetensors"
    reference = _load(path, identity)
    if reference is None:
        with _turn(cache / f"{identity}.lock"):
            reference = _load(path, identity)
            if reference is None:
                reference = _compute(images, used, extractor.to(device), batch, identity)
                _keep(path, reference)
    return reference


def reference_id(fingerprint: str, shape: tuple[int, ...], count: int, extractor: Extractor) -> str:
    """Readable, content-addressed identity of a reference on images of `shape` (H, W, C)."""
    identity = {
        "format": FORMAT,
        "dataset": fingerprint,
        "shape": [int(side) for side in shape],
        "count": count,
        "extractor": [extractor.name, extractor.version],
        "resize": extractor.resize,
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{extractor.metric}-{shape[0]}px-{count}-{digest[:16]}"


def _compute(images: np.ndarray, count: int, extractor: Extractor, batch: int, identity: str) -> Reference:
    moments = Moments.of((extractor(part) for part in _batches(images, count, batch, extractor.device)), extractor.dim)
    mean, covariance = moments.mean.cpu(), moments.covariance.cpu()
    variance = covariance.diagonal()
    if float(variance.sum()) == 0:
        raise IgnmError(f"all {count} reference images have the same features; a reference needs images that differ")
    scale = extractor.scale(variance)
    root = covariance_root(covariance / torch.outer(scale, scale))
    return Reference(identity, extractor.metric, count, mean / scale, scale, root)


def _batches(images: np.ndarray, count: int, batch: int, device: torch.device) -> Iterator[Tensor]:
    # Datasets are often sorted by class, so the first `count` would be another population.
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:count])
    for start in range(0, count, batch):
        part = torch.from_numpy(images[chosen[start : start + batch]])
        yield part.permute(0, 3, 1, 2).to(device)


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


def _keep(path: Path, reference: Reference) -> None:
    try:
        _store(path, reference)
    except (OSError, SafetensorError) as error:
        _log.warning(
            "the reference %s cannot be kept in %s, and is computed anew each time: %s", path.stem, path.parent, error
        )


def _store(path: Path, reference: Reference) -> None:
    tensors = {name: getattr(reference, name).contiguous() for name in _TENSORS}
    facts = {name: getattr(reference, name) for name in _FACTS}
    metadata = {"facts": json.dumps(facts), "sha256": _digest(tensors)}
    with atomic_file(path) as temporary:
        save_file(tensors, temporary, metadata)


def _load(path: Path, identity: str) -> Reference | None:
    """The stored reference, or None if it is absent or damaged."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in _TENSORS}
        facts = json.loads(metadata["facts"])
        if metadata["sha256"] != _digest(tensors) or facts["id"] != identity:
            return None
        return Reference(**facts, **tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _digest(tensors: dict[str, Tensor]) -> str:
    return hashlib.sha256(save(tensors)).hexdigest()
