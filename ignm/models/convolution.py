"""Convolutions whose kernels on a CPU are chosen by measurement: the library's, or one matrix product.

On maps of 4x4 and 8x8 the library's bf16 kernels fall to a tenth of what the matrix unit can do; copying the windows
into one matrix and multiplying that is then several times faster. Three operations, each linear in both of its
arguments, are derivatives of each other, so that gradients of every order (a gradient penalty needs the second) are
made of them:

    correlate(x, w) = y      spread(y, w) = x, the transpose of it      kernel(x, y) = w, what a weight's gradient is

torch's own second derivatives are convolutions with kernels as large as the map, and many times slower. On other
devices these layers are torch's own.
"""

import math
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

MAP_PRODUCTS = {4: 1 << 20}
"""Side of the smaller map: weights from which on `correlate` and `spread` are products. Measured: docs/speed.md."""
KERNEL_PRODUCTS = {4: 0, 8: 1 << 17}
"""The same of `kernel`."""


class Geometry(NamedTuple):
    """Of a square kernel: its side, its stride and the zeros around the map."""

    side: int
    stride: int
    padding: int


GEOMETRIES = {Geometry(1, 1, 0), Geometry(3, 1, 1), Geometry(4, 2, 1)}


def _windows(x: Tensor, side: int, stride: int, count: int, padding: int, first: tuple[int, int] = (0, 0)) -> Tensor:
    """Copy windows of a map (N, C, H, W) into the rows of a matrix (N count count, side side C), channels innermost.

    `count` windows along each side, the first one beginning at `first` of the map with `padding` zeros around it.
    """
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, *(padding,) * 4))
    image, row, pixel, channel = padded.stride()
    shape = (len(x), count, count, side, side, x.shape[1])
    strides = (image, row * stride, pixel * stride, row, pixel, channel)
    start = padded.storage_offset() + first[0] * row + first[1] * pixel
    return padded.as_strided(shape, strides, start).reshape(len(x) * count**2, -1)


def _map(rows: Tensor, images: int, side: int) -> Tensor:
    """Give a matrix (N side side, C) as a map (N, C, side, side), channels last in memory."""
    return rows.view(images, side, side, -1).permute(0, 3, 1, 2)


def _rows(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _pays(products: dict[int, int], side: int, weights: int, like: Tensor) -> bool:
    return like.dtype == torch.bfloat16 and weights >= products.get(side, sys.maxsize)


def correlate(x: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """What conv2d gives: (N, C, H, H) and (O, C, k, k) -> (N, O, H/s, H/s)."""
    side, stride, padding = geometry
    small = x.shape[2] // stride
    if not _pays(MAP_PRODUCTS, small, weight.numel(), weight):
        return F.conv2d(x, weight, None, stride, padding)
    matrix = weight.permute(0, 2, 3, 1).reshape(len(weight), -1)
    return _map(_windows(x, side, stride, small, padding) @ matrix.T, len(x), small)


def spread(y: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """What conv_transpose2d gives: (N, O, h, h) and (O, C, k, k) -> (N, C, s h, s h)."""
    side, stride, padding = geometry
    small, channels = y.shape[2], weight.shape[1]
    if not _pays(MAP_PRODUCTS, small, weight.numel(), weight):
        return F.conv_transpose2d(y, weight, None, stride, padding)
    taps = side // stride
    # A pixel of the large map sees only every stride-th tap: those of its own row and column modulo the stride.
    reach = (side - 1 - padding) // stride
    before = reach - taps + 1
    made = y.new_empty(len(y), small, stride, small, stride, channels)
    for down in range(stride):
        for right in range(stride):
            part = weight[:, :, (down + padding) % stride :: stride, (right + padding) % stride :: stride].flip(2, 3)
            matrix = part.permute(2, 3, 0, 1).reshape(-1, channels)
            first = ((down + padding) // stride + before, (right + padding) // stride + before)
            windows = _windows(y, taps, 1, small, reach, first)
            made[:, :, down, :, right] = (windows @ matrix).view(len(y), small, small, channels)
    return made.view(len(y), small * stride, small * stride, channels).permute(0, 3, 1, 2)


def kernel(x: Tensor, y: Tensor, geometry: Geometry) -> Tensor:
    """The weight's gradient of `correlate`: (N, C, H, H) and (N, O, h, h) -> (O, C, k, k)."""
    side, stride, padding = geometry
    shape = (y.shape[1], x.shape[1], side, side)
    if not _pays(KERNEL_PRODUCTS, y.shape[2], math.prod(shape), x):
        return conv2d_weight(x, shape, y, stride, padding)
    product = _rows(y).T @ _windows(x, side, stride, y.shape[2], padding)
    return product.view(y.shape[1], side, side, x.shape[1]).permute(0, 3, 1, 2)


Operation = Callable[[Tensor, Tensor, Geometry], Tensor]
_Derivative = Callable[[Tensor, Tensor, Tensor], tuple[Operation, Tensor, Tensor]]

DERIVATIVES: dict[Operation, tuple[_Derivative, _Derivative]] = {
    correlate: (lambda x, weight, y: (spread, y, weight), lambda x, weight, y: (kernel, x, y)),
    spread: (lambda y, weight, x: (correlate, x, weight), lambda y, weight, x: (kernel, x, y)),
    kernel: (lambda x, y, weight: (spread, y, weight), lambda x, y, weight: (correlate, x, weight)),
}
"""From both arguments and the result's gradient: the operation that gives the gradient of the first, of the second."""


class _Bilinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, operation: Operation, first: Tensor, second: Tensor, geometry: Geometry) -> Tensor:
        ctx.save_for_backward(first, second)
        ctx.operation, ctx.geometry = operation, geometry
        return operation(first, second, geometry)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        first, second = ctx.saved_tensors
        found: list[Tensor | None] = []
        for derivative, wanted in zip(DERIVATIVES[ctx.operation], ctx.needs_input_grad[1:3], strict=True):
            operation, one, other = derivative(first, second, gradient)
            found.append(differentiable(operation, one, other, ctx.geometry) if wanted else None)
        return None, *found, None


def differentiable(operation: Operation, first: Tensor, second: Tensor, geometry: Geometry) -> Tensor:
    """Apply an operation so that it has derivatives of every order in both arguments."""
    if not torch.is_grad_enabled():
        return operation(first, second, geometry)
    made: Tensor = _Bilinear.apply(operation, first, second, geometry)
    return made


def _here(x: Tensor, geometry: Geometry) -> bool:
    """Whether this input is convolved here."""
    return x.device.type == "cpu" and geometry in GEOMETRIES and x.shape[2] == x.shape[3] and x.shape[2] % 2 == 0


def as_autocast(tensor: Tensor) -> Tensor:
    """The tensor in the precision that autocast, if it is on, gives to convolutions on a CPU."""
    return tensor.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else tensor


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """What F.conv2d gives for a square kernel."""
    geometry = Geometry(weight.shape[2], stride, padding)
    if not _here(x, geometry):
        return F.conv2d(x, weight, bias, stride, padding)
    made = differentiable(correlate, as_autocast(x), as_autocast(weight), geometry)
    return made if bias is None else made + as_autocast(bias)[:, None, None]


def transposed(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """What F.conv_transpose2d gives for a square kernel."""
    geometry = Geometry(weight.shape[2], stride, padding)
    if not _here(x, geometry):
        return F.conv_transpose2d(x, weight, bias, stride, padding)
    made = differentiable(spread, as_autocast(x), as_autocast(weight), geometry)
    return made if bias is None else made + as_autocast(bias)[:, None, None]


class Conv2d(nn.Conv2d):
    """torch's convolution with a square kernel, by the faster way."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, O, H/s, W/s)."""
        return convolved(x, self.weight, self.bias, int(self.stride[0]), int(self.padding[0]))


class ConvTranspose2d(nn.ConvTranspose2d):
    """torch's transposed convolution with a square kernel, by the faster way."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """(N, C, H, W) -> (N, O, s H, s W)."""
        return transposed(x, self.weight, self.bias, int(self.stride[0]), int(self.padding[0]))
