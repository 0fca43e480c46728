"""Twice as large and half as large: convolutions with resampling, by the names that the Config uses."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ignm.config.networks import DiscriminatorConfig


class BlurPool(nn.Module):
    """Halve a map after a binomial blur, so that it does not alias (Zhang 2019, section 3.2)."""

    kernel: Tensor

    def __init__(self, taps: int) -> None:
        super().__init__()
        row = torch.ones(1)
        for _ in range(taps - 1):
            row = F.pad(row, (1, 0)) + F.pad(row, (0, 1))
        kernel = torch.outer(row, row)
        self.register_buffer("kernel", (kernel / kernel.sum())[None, None], persistent=False)
        self._padding = ((taps - 1) // 2, taps // 2 - (1 - taps % 2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H/2, W/2)."""
        kernel = self.kernel.to(x.dtype).expand(x.shape[1], 1, -1, -1)
        before, after = self._padding
        for _ in range(2):
            # F.pad's own derivative is summed in any order on a GPU; resuming is to be bit-exact.
            x = torch.cat([x[..., :1]] * before + [x] + [x[..., -1:]] * after, dim=-1).mT
        return F.conv2d(x, kernel, stride=2, groups=x.shape[1])


class Bilinear(nn.Module):
    """Twice as large, bilinearly; F.interpolate's own derivative is summed in any order on a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 2H, 2W)."""
        for _ in range(2):
            before = torch.cat([x[..., :1], x[..., :-1]], dim=-1)
            after = torch.cat([x[..., 1:], x[..., -1:]], dim=-1)
            x = torch.stack([0.25 * before + 0.75 * x, 0.75 * x + 0.25 * after], dim=-1).flatten(-2).mT
        return x


def _transposed(inner: int, outer: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=bias))


def _nearest(inner: int, outer: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inner, outer, 3, padding=1, bias=bias))


def _bilinear(inner: int, outer: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(Bilinear(), nn.Conv2d(inner, outer, 3, padding=1, bias=bias))


def _pixel_shuffle(inner: int, outer: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inner, 4 * outer, 3, padding=1, bias=bias), nn.PixelShuffle(2))


UPSAMPLING: dict[str, Callable[[int, int, bool], nn.Sequential]] = {
    "transposed": _transposed,
    "nearest": _nearest,
    "bilinear": _bilinear,
    "pixel_shuffle": _pixel_shuffle,
}
"""(channels in, channels out, bias) -> a convolution whose map is twice as large."""


def enlarged(kind: str) -> nn.Module:
    """The shortcut beside an upsampling convolution: without weights, twice as large."""
    return Bilinear() if kind == "bilinear" else nn.Upsample(scale_factor=2)


def _average_pool(size: int) -> nn.Module:
    return nn.AvgPool2d(size, stride=2, padding=(size - 1) // 2, count_include_pad=False)


POOLING: dict[str, Callable[[int], nn.Module]] = {
    "average": _average_pool,
    "max": lambda size: nn.MaxPool2d(size, stride=2, padding=(size - 1) // 2),
    # One tap more than the window: with two taps it would be average pooling.
    "blur": lambda size: BlurPool(size + 1),
}
"""Window -> a layer without weights whose map is half as large."""


def downsampling(own: DiscriminatorConfig, inner: int, outer: int, bias: bool) -> nn.Sequential:
    """A convolution whose map is half as large."""
    if own.downsampling == "strided":
        return nn.Sequential(nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=bias))
    return nn.Sequential(nn.Conv2d(inner, outer, 3, padding=1, bias=bias), reduced(own))


def reduced(own: DiscriminatorConfig) -> nn.Module:
    """The shortcut beside it: without weights, half as large."""
    return POOLING.get(own.downsampling, POOLING["average"])(own.pooling_size)
