"""What every feature extractor promises."""

from typing import ClassVar

import torch
from torch import Tensor, nn


class Extractor(nn.Module):
    """Maps uint8 images to features in which the Frechet distance is taken; always in eval mode, never trained.

    A subclass sets the class attributes and implements `features`. Raise `version` whenever its numbers or floors
    change: it is part of a reference's identity, so old cached statistics are then left alone instead of compared with.
    """

    name: ClassVar[str]
    """Key in the registry."""
    metric: ClassVar[str]
    """Name under which the distance is reported."""
    dim: ClassVar[int]
    """Number of features of an image."""
    version: ClassVar[int] = 1
    resize: ClassVar[str] = "none"
    """How images are brought to the extractor's own size, in words; part of a reference's identity."""
    floors: ClassVar[tuple[tuple[int, float], ...]] = ()
    """Least standard deviations by which features are divided: (features, floor in their own unit) group by group, for
    all `dim` of them; empty: features are left as they are."""

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, dim), float32, of uint8 images (N, C, H, W) with 0..255 and C 1 or 3; ValueError on others."""
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(f"expected uint8 images (N, 1 or 3, H, W), got {images.dtype} {tuple(images.shape)}")
        # A surrounding bf16 autocast would shift the features away from those of the reference.
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return self.features(images)

    def features(self, images: Tensor) -> Tensor:
        """Features (N, dim) of checked images; called without gradients and autocast."""
        raise NotImplementedError

    def scale(self, variance: Tensor) -> Tensor:
        """What features are divided by (D,), given their variance over the reference images (D,).

        Their standard deviation, but not less than their group's floor: a feature that hardly varies among real images
        would else decide the distance by differences that nobody sees.
        """
        if not self.floors:
            return torch.ones_like(variance)
        floor = torch.cat([variance.new_full((count,), least) for count, least in self.floors])
        return torch.maximum(variance.sqrt(), floor)

    def train(self, mode: bool = True) -> "Extractor":
        """Stay in eval mode whatever is asked: a metric with live batch statistics is a wrong metric."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """Where the extractor's tensors live, and so where its images must be."""
        tensor = next(self.buffers(), None)
        tensor = next(self.parameters(), None) if tensor is None else tensor
        return torch.device("cpu") if tensor is None else tensor.device
