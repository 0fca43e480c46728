"""The real images that generated ones are measured against, as far as the metrics that were asked for need them."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ignm.errors import IgnmError
from ignm.metrics.extractors import Extractor
from ignm.metrics.reference import Reference, load_or_compute_reference, load_or_compute_rows
from ignm.metrics.store import load_or_make

HELD_OUT_FEWEST = 100
"""Held-out images from which on they, and not training images without themselves, are what copies are told by."""


class Real:
    """Reference, features and images of one dataset's split; each is loaded or computed when it is first asked for.

    `images` are the split's (N, H, W, C), `training` and `held_out` the dataset's; all uint8. Feature rows come in
    the space of the reference (`standardised`); they and all else on `device`, or on the CPU where that lacks float64.
    """

    def __init__(
        self,
        images: np.ndarray,
        fingerprint: str,
        extractor: Extractor,
        cache: Path,
        *,
        count: int | None = None,
        training: tuple[np.ndarray, str] | None = None,
        held_out: tuple[np.ndarray, str] | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Load or compute the reference; IgnmError where the images are too few for it."""
        self.extractor, self._extracting = extractor, torch.device(device)
        self.device = float64_device(self._extracting)
        self._cache, self._count = cache, count
        self._images, self._fingerprint = images, fingerprint
        self._training, self._held_out = training or (images, fingerprint), held_out
        self.reference: Reference = load_or_compute_reference(
            images, fingerprint, extractor, cache, count=count, device=device
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image, (C, H, W)."""
        height, width, channels = self._images.shape[1:]
        return channels, height, width

    @cached_property
    def rows(self) -> Tensor:
        """Features (count, D) of the reference's images."""
        return self._rows(self._images, self._fingerprint, self._count)

    @cached_property
    def training(self) -> Tensor:
        """Features (N, D) of all images that are trained on."""
        images, fingerprint = self._training
        if fingerprint == self._fingerprint and self._count in (None, len(images)):
            return self.rows
        return self._rows(images, fingerprint, None)

    @cached_property
    def held_out(self) -> Tensor | None:
        """Features (M, D) of images that are not trained on; None where there are fewer than HELD_OUT_FEWEST."""
        if self._held_out is None or len(self._held_out[0]) < HELD_OUT_FEWEST:
            return None
        return self._rows(*self._held_out, None)

    def images(self, count: int) -> Tensor:
        """At most `count` uint8 images (n, C, H, W) of the split, by a fixed draw in random order."""
        chosen = np.random.default_rng(0).permutation(len(self._images))[:count]
        return torch.from_numpy(self._images[chosen]).permute(0, 3, 1, 2).to(self.device)

    def prepared(self, name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """What a metric computes of real images alone, kept as `name` under the reference's identity; on `device`."""
        identity = f"{self.reference.id}-{name}"
        return {key: tensor.to(self.device) for key, tensor in load_or_make(self._cache, identity, make).items()}

    def require(self, least: int, metric: str) -> None:
        """Raise IgnmError unless the reference has `least` images, which `metric` needs."""
        if self.reference.count < least:
            raise IgnmError(
                f"evaluation.metrics: {metric} needs at least {least} real images, and the reference "
                f"{self.reference.id} has {self.reference.count}; leave it out, or use a larger reference"
            )

    def _rows(self, images: np.ndarray, fingerprint: str, count: int | None) -> Tensor:
        rows = load_or_compute_rows(
            images, fingerprint, self.extractor, self._cache, count=count, device=self._extracting
        )
        return standardised(rows, self.reference, self.extractor).to(self.device)


def float64_device(device: torch.device) -> torch.device:
    """Where statistics of what is on `device` are taken: there, if it knows float64."""
    return torch.device("cpu") if device.type == "mps" else device


def standardised(features: Tensor, reference: Reference, extractor: Extractor) -> Tensor:
    """Features (n, D) as distances see them, float32: divided by the reference's scale, then its mean taken off.

    Those of an extractor without floors are left as they are: KID's kernel hangs on where the origin is.
    """
    if not extractor.floors:
        return features.float()
    local = reference.to(features.device)
    return torch.cat([(part.double() / local.scale - local.mean).float() for part in features.split(4096)])
