"""Statistics of the real images that a metric compares with: computed once, then shared by all trials."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ignm.errors import IgnmError
from ignm.metrics.extractors import Extractor
from ignm.metrics.frechet import Moments, covariance_root
from ignm.metrics.store import load_or_make

FORMAT = 2
"""Raised whenever a reference's content or the rule that scales its features changes: part of its identity."""


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
    used, identity = _described(images, fingerprint, extractor, count)
    tensors = load_or_make(cache, identity, lambda: _compute(images, used, extractor.to(device), batch))
    return Reference(identity, extractor.metric, used, *(tensors[name] for name in _TENSORS))


def load_or_compute_rows(
    images: np.ndarray,
    fingerprint: str,
    extractor: Extractor,
    cache: Path,
    *,
    count: int | None = None,
    batch: int = 256,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Features (count, D), float32, of the very images of the reference that is made of the same arguments.

    Kept beside it, and computed only where a metric asks for them; otherwise as `load_or_compute_reference`.
    """
    used, identity = _described(images, fingerprint, extractor, count)

    def compute() -> dict[str, Tensor]:
        own = extractor.to(device)
        return {"rows": torch.cat([own(part).cpu() for part in _batches(images, used, batch, own.device)])}

    return load_or_make(cache, f"{identity}-rows", compute)["rows"]


def _described(images: np.ndarray, fingerprint: str, extractor: Extractor, count: int | None) -> tuple[int, str]:
    """How many images are used, and the identity of what is made of them."""
    used = len(images) if count is None else count
    if not 2 <= used <= len(images):
        raise IgnmError(
            f"a reference of {used} images was asked for and the dataset has {len(images)}; "
            f"at least 2 and at most {len(images)} are possible"
        )
    return used, reference_id(fingerprint, images.shape[1:], used, extractor)


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


def _compute(images: np.ndarray, count: int, extractor: Extractor, batch: int) -> dict[str, Tensor]:
    moments = Moments.of((extractor(part) for part in _batches(images, count, batch, extractor.device)), extractor.dim)
    mean, covariance = moments.mean.cpu(), moments.covariance.cpu()
    variance = covariance.diagonal()
    if float(variance.sum()) == 0:
        raise IgnmError(f"all {count} reference images have the same features; a reference needs images that differ")
    scale = extractor.scale(variance)
    root = covariance_root(covariance / torch.outer(scale, scale))
    return {"mean": mean / scale, "scale": scale, "root": root}


def _batches(images: np.ndarray, count: int, batch: int, device: torch.device) -> Iterator[Tensor]:
    # Datasets are often sorted by class, so the first `count` would be another population.
    chosen = np.sort(np.random.default_rng(0).permutation(len(images))[:count])
    for start in range(0, count, batch):
        part = torch.from_numpy(images[chosen[start : start + batch]])
        yield part.permute(0, 3, 1, 2).to(device)
