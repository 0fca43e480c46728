"""Gradient penalties of the discriminator as pure functions."""

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]


def r1(discriminator: Critic, real: Tensor, fake: Tensor) -> Tensor:
    """|grad D(real)|^2 / 2, mean over images (Mescheder et al. 2018, equation 9); images are (N, C, H, W)."""
    return _squared_gradient(discriminator, real) / 2


def _squared_gradient(discriminator: Critic, images: Tensor) -> Tensor:
    images = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(discriminator(images).sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


PENALTIES: dict[str, Callable[[Critic, Tensor, Tensor], Tensor]] = {"r1": r1}
