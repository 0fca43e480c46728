"""Gradient penalties of the discriminator as pure functions, unweighted; the caller multiplies by its gamma.

Each takes the critic, real and generated images, both (N, C, H, W), and a source of random numbers, and gives a scalar
that can be differentiated in the critic's weights. The images are constants to it. Gradients are those of the sum of
the logits: per image, as long as the critic judges each image alone; under minibatch standard deviation they include an
image's influence on its group, as in StyleGAN2. Norms are taken in float32, or float64 if the images are; the critic
may run under autocast. ValueError: images or logits of another shape.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ignm.losses.precision import at_least_float32

Critic = Callable[[Tensor], Tensor]
"""Images (N, C, H, W) to logits (N,)."""
Penalty = Callable[[Critic, Tensor, Tensor, torch.Generator], Tensor]

PIXELS = (1, 2, 3)
"""All dimensions of one image."""


def r1(critic: Critic, real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
    """|grad D(real)|^2 / 2, mean over images (Mescheder et al. 2018, equation 9)."""
    return _half_squared_norms(critic, [real])


def r2(critic: Critic, real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
    """|grad D(fake)|^2 / 2, mean over images (Mescheder et al. 2018, equation 10)."""
    return _half_squared_norms(critic, [fake])


def r1_r2(critic: Critic, real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
    """r1 + r2 (Huang et al. 2024, section 2)."""
    return _half_squared_norms(critic, [real, fake])


def wgan_gp(critic: Critic, real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
    """(|grad D(x)| - 1)^2 on x = e real + (1 - e) fake, e ~ U[0, 1] an image (Gulrajani et al. 2017, equation 3)."""
    if real.shape != fake.shape:
        raise ValueError(f"real and fake images must be alike: real {tuple(real.shape)}, fake {tuple(fake.shape)}")
    real, fake = _constant(real), _constant(fake)
    return _distance_from_slope_one(critic, fake + _one_for_each_image(real, random) * (real - fake))


def dragan(critic: Critic, real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
    """(|grad D(x)| - 1)^2 on x = real + a s u / 2, a ~ U[0, 1] an image, u ~ U[0, 1] a pixel (Kodali et al. 2017).

    s is the standard deviation of all pixels of the batch. This is the authors' code; their paper writes normal noise.
    """
    real = _constant(real)
    share = _one_for_each_image(real, random)
    noise = _uniform(real.shape, real, random)
    return _distance_from_slope_one(critic, real + share * (0.5 * real.std(correction=0) * noise))


PENALTIES: dict[str, Penalty] = {"r1": r1, "r2": r2, "r1_r2": r1_r2, "wgan_gp": wgan_gp, "dragan": dragan}


def _half_squared_norms(critic: Critic, batches: list[Tensor]) -> Tensor:
    gradients = _gradients(critic, [_constant(images) for images in batches])
    return torch.stack([gradient.square().sum(dim=PIXELS).mean() / 2 for gradient in gradients]).sum()


def _distance_from_slope_one(critic: Critic, images: Tensor) -> Tensor:
    (gradient,) = _gradients(critic, [images])
    # vector_norm has the derivative 0 at 0, where that of sqrt(sum of squares) is NaN.
    return (torch.linalg.vector_norm(gradient, dim=PIXELS) - 1).square().mean()


def _gradients(critic: Critic, batches: list[Tensor]) -> list[Tensor]:
    """Gradients of the logits' sum in each batch; batches are judged apart, so that no group of images mixes two."""
    batches = [images.requires_grad_(True) for images in batches]
    logits = [critic(images) for images in batches]
    for images, judged in zip(batches, logits, strict=True):
        if judged.shape != images.shape[:1]:
            raise ValueError(f"logits must be (N,): {tuple(judged.shape)} for images {tuple(images.shape)}")
    sums = [judged.sum() for judged in logits]
    return [at_least_float32(gradient) for gradient in torch.autograd.grad(sums, batches, create_graph=True)]


def _constant(images: Tensor) -> Tensor:
    if images.ndim != 4:
        raise ValueError(f"images must be (N, C, H, W): {tuple(images.shape)}")
    return at_least_float32(images.detach())


def _one_for_each_image(images: Tensor, random: torch.Generator) -> Tensor:
    return _uniform((images.shape[0], 1, 1, 1), images, random)


def _uniform(shape: tuple[int, ...], like: Tensor, random: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=random, device=like.device, dtype=like.dtype)
