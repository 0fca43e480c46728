"""What a leak is looked for of: the transformations of the policies one by one, on every image."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from ignm.augmentation import diffaugment
from ignm.augmentation.geometry import SCALE
from ignm.metrics.leak.estimate import Transform


def rotation(images: Tensor, generator: Generator) -> Tensor:
    """A quarter, half or three-quarter turn, at even odds (ADA's pixel blitting)."""
    turns = torch.randint(1, 4, (len(images), 1, 1, 1), generator=generator)
    turned = torch.stack([torch.rot90(images, turn, (2, 3)) for turn in (1, 2, 3)])
    return turned.gather(0, (turns - 1).expand(images.shape)[None])[0]


def scale(images: Tensor, generator: Generator) -> Tensor:
    """Enlarged or shrunk by ADA's log-normal factor."""
    factors = torch.exp2(-SCALE * torch.randn(len(images), generator=generator))
    maps = torch.eye(2, 3).repeat(len(images), 1, 1) * factors[:, None, None]
    grid = F.affine_grid(maps, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def inversion(images: Tensor, generator: Generator) -> Tensor:
    """Light and dark exchanged (ADA's luma flip, of a grey image)."""
    return -images


def _at_full_strength(change: Callable[[Tensor, float, Generator], Tensor]) -> Transform:
    return lambda images, generator: change(images, 1.0, generator)


PROBES: dict[str, Transform] = {
    **{
        change.__name__: _at_full_strength(change)
        for change in (
            diffaugment.brightness,
            diffaugment.contrast,
            diffaugment.saturation,
            diffaugment.translation,
            diffaugment.cutout,
        )
    },
    "rotation": rotation,
    "scale": scale,
    "inversion": inversion,
}
