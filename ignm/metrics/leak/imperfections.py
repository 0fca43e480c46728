"""What weak generators do to images without any augmentation: the classifiers learn to look past it."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

_OFTEN = 0.3
_WARP = 0.06
_GHOST = 0.4
_BLOTCH = 0.12
_GRAIN = 0.15
# Binomial kernels, of standard deviation 1/2 and 1 pixel of 32.
_KERNELS = ((1.0, 6.0, 1.0), (1.0, 4.0, 6.0, 4.0, 1.0))


def imperfect(images: Tensor, generator: Generator) -> Tensor:
    """Images (N, C, R, R) in [-1, 1], each warped, ghosted, blotched, blurred and grainy, or some of it, or nothing."""
    for harm in (_warp, _ghost, _blotch, _blur, _grain):
        chosen = torch.rand(len(images), generator=generator) < _OFTEN
        if chosen.any():
            images = images.index_copy(0, chosen.nonzero()[:, 0], harm(images[chosen], generator))
    return images


def _amount(images: Tensor, generator: Generator) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, generator=generator)


def _field(images: Tensor, planes: int, generator: Generator) -> Tensor:
    """Smooth normal noise (N, planes, R, R), of the size of an eye."""
    coarse = torch.randn(len(images), planes, 4, 4, generator=generator)
    return F.interpolate(coarse, size=images.shape[-2:], mode="bicubic", align_corners=False)


def _warp(images: Tensor, generator: Generator) -> Tensor:
    count, side = len(images), images.shape[-1]
    line = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    moved = torch.stack((x, y), dim=-1) + _WARP * _field(images, 2, generator).permute(0, 2, 3, 1)
    return F.grid_sample(images, moved.view(count, side, side, 2), padding_mode="reflection", align_corners=True)


def _ghost(images: Tensor, generator: Generator) -> Tensor:
    amount = _GHOST * _amount(images, generator)
    return (1 - amount) * images + amount * images[torch.randperm(len(images), generator=generator)]


def _blotch(images: Tensor, generator: Generator) -> Tensor:
    amount = _BLOTCH * _amount(images, generator)
    return images + amount * _field(images, images.shape[1], generator)


def _blur(images: Tensor, generator: Generator) -> Tensor:
    slight, strong = (_smoothed(images, kernel) for kernel in _KERNELS)
    return torch.where(_amount(images, generator) < 0.5, slight, strong)


def _smoothed(images: Tensor, kernel: tuple[float, ...]) -> Tensor:
    count, channels, side, _ = images.shape
    weights = torch.tensor(kernel) / sum(kernel)
    reach = len(kernel) // 2
    padded = F.pad(images, (reach,) * 4, mode="reflect").flatten(0, 1)[:, None]
    blurred = F.conv2d(F.conv2d(padded, weights.view(1, 1, 1, -1)), weights.view(1, 1, -1, 1))
    return blurred.view(count, channels, side, side)


def _grain(images: Tensor, generator: Generator) -> Tensor:
    return images + _GRAIN * _amount(images, generator) * torch.randn(images.shape, generator=generator)
