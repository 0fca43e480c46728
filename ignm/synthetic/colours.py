"""Images between grey and colour, and between bytes and numbers of 0 to 1."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as decoded images become grey


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Return (n, 1 or 3, R, R) with 1 or 3 channels: luma of colour, grey three times."""
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.expand(-1, 3, -1, -1)
    return (images * images.new_tensor(_LUMA).reshape(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def from_bytes(images: npt.NDArray[np.uint8]) -> Tensor:
    """Uint8 (n, R, R, C) to float32 (n, C, R, R) of 0 to 1."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float().div_(255)


def to_bytes(images: Tensor) -> npt.NDArray[np.uint8]:
    """Float (n, C, R, R) of 0 to 1 to uint8 (n, R, R, C), rounded to nearest."""
    rounded = images.mul(255).round_().clamp_(0, 255).to(torch.uint8)
    return np.ascontiguousarray(rounded.permute(0, 2, 3, 1).cpu().numpy())
