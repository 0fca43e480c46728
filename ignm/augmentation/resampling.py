"""Affine warps of image batches without aliasing, differentiable any number of times (Karras et al. 2020, appendix B).

Images are enlarged twice with the low-pass of the wavelet sym6, sampled bilinearly where the warp says, and reduced
with the same filter turned round. The wavelet is orthogonal, so away from the border a shift by whole pixels gives the
pixels back. Beyond its border an image goes on as its mirror image.

Both filters are matrices, which multiply the image from both sides: at 32x32 that is 30 times as fast as convolutions
of single channels on a CPU, and their derivatives are products too.
"""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SYM6 = (
    0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633, 0.4910559419267466,
    0.787641141030194, 0.3379294217276218, -0.07263752278646252, -0.021060292512300564, 0.04472490177066578,
    0.0017677118642428036, -0.007800708325034148,
)  # fmt: skip
"""Daubechies 1992, chapter 8: the least asymmetric wavelet of 6 vanishing moments, low-pass."""
BEFORE = 5
"""Enlarged pixels that the filter reaches before an image's first one; after its last it reaches one more."""
LAG = float(np.average(np.arange(len(SYM6)), weights=SYM6)) - BEFORE
"""Where on the enlarged image pixel 0 lies: the filter's centre of gravity, 0.098; pixel x is at 2 x + LAG."""


def warp(images: Tensor, matrices: Tensor) -> Tensor:
    """Move pixels: the result at p shows the image at matrix @ p.

    Images (N, C, R, R), R > 1, in float32 or float64; matrices (N, 3, 3) act on (x, y, 1) in pixels from the centre of
    the image, x to the right and y down. ValueError: images that are not square, or another number of matrices.
    """
    count, channels, side, width = images.shape
    if side != width or side < 2 or matrices.shape != (count, 3, 3):
        shapes = f"{tuple(images.shape)} and {tuple(matrices.shape)}"
        raise ValueError(f"images must be (N, C, R, R) with R > 1, and matrices (N, 3, 3): {shapes}")
    enlarge, reduce = _filters(side, images.dtype, images.device)
    # From what affine_grid counts in, -1 to 1 across all samples, to pixels from the centre, and back for the source.
    samples = reduce.shape[1]
    out = _scaled_and_moved(matrices, (samples - 1) / 4, (0.5 - LAG) / 2)
    back = _scaled_and_moved(matrices, 2 / (side - 1), LAG / (side - 1))
    grid = F.affine_grid(
        (back @ matrices @ out)[:, :2].to(images.dtype), [count, channels, samples, samples], align_corners=True
    )
    large = enlarge @ images @ enlarge.mT
    return reduce @ _Sampled.apply(large, grid) @ reduce.mT


def sample(images: Tensor, grid: Tensor) -> Tensor:
    """Images (N, C, S, S) at the places of grid (N, T, T, 2), x and y from -1 to 1, bilinearly and mirrored beyond."""
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=True)


def scatter(values: Tensor, grid: Tensor, side: int) -> Tensor:
    """The transpose of `sample` for images of `side`: values (N, C, T, T) to the pixels that they were taken from.

    In an order that is always the same, also on a GPU, where the derivative of grid_sample is not.
    """
    count, channels, *_ = values.shape
    last = side - 1
    place = ((grid + 1) / 2 * last).remainder(2 * last)
    place = torch.minimum(place, 2 * last - place)
    corner = place.floor().clamp(0, last - 1)
    share = place - corner
    first = torch.arange(count, device=grid.device)[:, None, None] * side**2
    index = first + corner[..., 1].long() * side + corner[..., 0].long()
    flat, total = values.movedim(1, -1), values.new_zeros(count * side**2, channels)
    for down in (0, 1):
        for right in (0, 1):
            weight = (share[..., 0] if right else 1 - share[..., 0]) * (share[..., 1] if down else 1 - share[..., 1])
            part = (flat * weight[..., None]).reshape(-1, channels)
            total.index_put_(((index + down * side + right).flatten(),), part, accumulate=True)
    return total.view(count, side, side, channels).movedim(-1, 1)


class _Sampled(torch.autograd.Function):
    """`sample` with a derivative that has derivatives, in the images alone."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.side = images.shape[-1]
        return sample(images, grid)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _Scattered.apply(gradients[0], grid, ctx.side), None


class _Scattered(torch.autograd.Function):
    """The derivative of `_Sampled`, which is linear: so each is the other's."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, grid: Tensor, side: int) -> Tensor:
        ctx.save_for_backward(grid)
        if values.is_cuda:
            return scatter(values, grid, side)
        shape = values.new_zeros(()).expand(*values.shape[:2], side, side)
        bilinear, reflection, wanted = 0, 2, (True, False)
        derivative = torch.ops.aten.grid_sampler_2d_backward
        return derivative(values, shape, grid, bilinear, reflection, True, wanted)[0]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sampled.apply(gradients[0], grid), None, None


def _scaled_and_moved(like: Tensor, scale: float, move: float) -> Tensor:
    """The matrix (3, 3) of p -> scale p + move, in both directions; made without a copy from the host."""
    matrix = torch.eye(3, device=like.device, dtype=like.dtype)
    matrix[:2].mul_(scale)
    matrix[:2, 2].fill_(move)
    return matrix


@lru_cache(maxsize=8)
def _filters(side: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Enlarging (2 R - 1, R), with the image mirrored beyond its border, and reducing (R, 2 R + 10)."""
    taps = np.array(SYM6) / np.sum(SYM6)
    enlarge, reduce = np.zeros((2 * side - 1, side)), np.zeros((side, 2 * side + len(taps) - 2))
    for pixel in range(side):
        reduce[pixel, 2 * pixel : 2 * pixel + len(taps)] = taps
    period = 2 * (side - 1)
    for pixel in range(-len(taps), side + len(taps)):
        mirrored = min(pixel % period, period - pixel % period)
        for tap, weight in enumerate(taps):
            row = 2 * pixel + tap - BEFORE
            if 0 <= row < len(enlarge):
                enlarge[row, mirrored] += 2 * weight
    return torch.tensor(enlarge, dtype=dtype, device=device), torch.tensor(reduce, dtype=dtype, device=device)
