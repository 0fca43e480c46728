"""Self-attention over a map (Zhang et al. 2019, section 3, as its authors released it)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    """Add to each pixel a mixture of all others; the gate starts at 0, so at first it changes nothing.

    Queries and keys have an eighth of the channels, values half, keys and values come from 2x2 max-pooled maps, and no
    convolution has a bias.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        narrow, half = max(1, channels // 8), max(1, channels // 2)
        self.query = nn.Conv2d(channels, narrow, 1, bias=False)
        self.key = nn.Conv2d(channels, narrow, 1, bias=False)
        self.value = nn.Conv2d(channels, half, 1, bias=False)
        self.output = nn.Conv2d(half, channels, 1, bias=False)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W), H and W even."""
        count, _, height, width = x.shape
        query = self.query(x).flatten(2).transpose(1, 2)
        key = F.max_pool2d(self.key(x), 2).flatten(2)
        value = F.max_pool2d(self.value(x), 2).flatten(2).transpose(1, 2)
        weights = torch.softmax(query @ key, dim=2)
        mixed = (weights @ value).transpose(1, 2).reshape(count, -1, height, width)
        result: Tensor = x + self.gate * self.output(mixed)
        return result
