"""What every feature extractor promises."""

from typing import ClassVar

import torch
from torch import Tensor, nn


class Extractor(nn.Module):
    """Maps uint8 images to features in which the Frechet distance is taken; always in eval mode, never trained.

    A subclass sets the class attributes and implements `features`. Raise `version` whenever its numbers change: it is
    part of a reference's identity, so old cached statistics are then left alone instead of compared with.
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
    standardise: ClassVar[bool] = False
    """Whether features are divided by their standard deviation over the reference images before anything else."""

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

    def train(self, mode: bool = True) -> "Extractor":
        """Stay in eval mode whatever is asked: a metric with live batch statistics is a wrong metric."""
        return super().train(False)

    @property
    def device(self) -> torch.device:
        """Where the extractor's tensors live, and so where its images must be."""
        tensor = next(self.buffers(), None)
        tensor = next(self.parameters(), None) if tensor is None else tensor
        return torch.device("cpu") if tensor is None else tensor.device
