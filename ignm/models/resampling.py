"""Twice as large and half as large: convolutions with resampling, by the names that the Config uses."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ignm.config.networks import DiscriminatorConfig
from ignm.models.convolution import Conv2d, ConvTranspose2d, as_autocast, convolved, transposed


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


class _Widened(torch.autograd.Function):
    """Kernels (O, C, 3, 3) convolved with a square of four ones, (O, C, 4, 4); `turned`: by half a turn."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, turned: bool) -> Tensor:
        ctx.turned = turned
        for side in (2, 3):
            one, two, three = weight.split(1, dim=side)
            taps = [one, one + two, two + three, three]
            weight = torch.cat(taps[::-1] if turned else taps, dim=side)
        return weight

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, None]:
        return _Narrowed.apply(weight, ctx.turned), None


class _Narrowed(torch.autograd.Function):
    """The transpose of `_Widened`: sums over squares of four, (O, C, 4, 4) -> (O, C, 3, 3)."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, turned: bool) -> Tensor:
        ctx.turned = turned
        for side in (2, 3):
            weight = weight.narrow(side, 0, 3) + weight.narrow(side, 1, 3)
        return weight.flip(2, 3) if turned else weight

    @staticmethod
    def backward(ctx: Any, weight: Tensor) -> tuple[Tensor, None]:
        return _Widened.apply(weight, ctx.turned), None


def widened(weight: Tensor, turned: bool = False) -> Tensor:
    """Kernels (O, C, 3, 3) convolved with a square of four ones, (O, C, 4, 4), rounded as autocast says.

    `turned`: by half a turn and with inputs and outputs exchanged, as a transposed convolution takes them.
    """
    # Half the memory to go through, where the convolution would round the weight anyway.
    rounded = as_autocast(weight)
    if turned:
        rounded = rounded.transpose(0, 1).contiguous(memory_format=torch.channels_last)
    made: Tensor = _Widened.apply(rounded, turned)
    return made


FEWEST_PIXELS = 4096
"""Of the small map, in all images: for fewer, widening a kernel costs what it saves, unless gradients are wanted."""


def _pays(small: Tensor) -> bool:
    many = small.shape[0] * small.shape[2] * small.shape[3] >= FEWEST_PIXELS
    return small.device.type == "cpu" and (many or torch.is_grad_enabled())


class NearestConv(nn.Sequential):
    """A map twice as large by repetition, then a 3x3 convolution: on a CPU as one transposed 4x4 convolution.

    Pixels that are repeated meet the sums of their taps, which are 16 products for 36.
    """

    def __init__(self, inner: int, outer: int, bias: bool) -> None:
        super().__init__(nn.Upsample(scale_factor=2), Conv2d(inner, outer, 3, padding=1, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, 2H, 2W)."""
        if not _pays(x):
            return super().forward(x)
        layer = cast(Conv2d, self[1])
        return transposed(x, widened(layer.weight, turned=True), layer.bias, 2, 1)


class ConvAverage(nn.Sequential):
    """A 3x3 convolution, then the mean of each 2x2 pixels: on a CPU as one 4x4 convolution of stride 2.

    As in NearestConv 16 products stand for 36.
    """

    def __init__(self, inner: int, outer: int, bias: bool) -> None:
        super().__init__(Conv2d(inner, outer, 3, padding=1, bias=bias), nn.AvgPool2d(2))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H/2, W/2)."""
        if not _pays(x[:, :, ::2, ::2]):
            return super().forward(x)
        layer = cast(Conv2d, self[0])
        return convolved(x, widened(layer.weight) / 4, layer.bias, 2, 1)


def _transposed(inner: int, outer: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=bias))


def _bilinear(inner: int, outer: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(Bilinear(), Conv2d(inner, outer, 3, padding=1, bias=bias))


def _pixel_shuffle(inner: int, outer: int, bias: bool) -> nn.Sequential:
    return nn.Sequential(Conv2d(inner, 4 * outer, 3, padding=1, bias=bias), nn.PixelShuffle(2))


UPSAMPLING: dict[str, Callable[[int, int, bool], nn.Sequential]] = {
    "transposed": _transposed,
    "nearest": NearestConv,
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
        return nn.Sequential(Conv2d(inner, outer, 4, stride=2, padding=1, bias=bias))
    if (own.downsampling, own.pooling_size) == ("average", 2):
        return ConvAverage(inner, outer, bias)
    return nn.Sequential(Conv2d(inner, outer, 3, padding=1, bias=bias), reduced(own))


def reduced(own: DiscriminatorConfig) -> nn.Module:
    """The shortcut beside it: without weights, half as large."""
    return POOLING.get(own.downsampling, POOLING["average"])(own.pooling_size)
