"""Gradient penalties of the discriminator as pure functions, unweighted; the caller multiplies by its gamma.

Each takes the critic, real and generated images, both (N, C, H, W), and a source of random numbers, and gives a scalar
that can be differentiated in the critic's weights. The images are constants to it. Gradients are those of the sum of
the logits: per image, as long as the critic judges each image alone; under minibatch standard deviation they include an
image's influence on its group, as in StyleGAN2. Norms are taken in float32, or float64 if the images are; the critic
may run under autocast. ValueError: images or logits of another shape.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ignm.losses.precision import at_least_float32

Critic = Callable[[Tensor], Tensor]
"""Images (N, C, H, W) to logits (N,)."""

PIXELS = (1, 2, 3)
"""All dimensions of one image."""


@dataclass(frozen=True)
class Penalty:
    """Where the critic's slope is looked at, and what is asked of it there."""

    places: Callable[[Tensor, Tensor, torch.Generator], list[Tensor]]
    """Real and generated images of a whole batch to batches of as many images, constants."""
    of: Callable[[Critic, list[Tensor]], Tensor]
    """Mean over images: of a batch whose places are looked at in equal parts, it is the mean of the parts."""
    batches: int = 1
    """How many batches `places` gives: what a step costs in time and memory grows with it."""

    def __call__(self, critic: Critic, real: Tensor, fake: Tensor, random: torch.Generator) -> Tensor:
        """The penalty of a whole batch."""
        return self.of(critic, self.places(real, fake, random))


def _between(real: Tensor, fake: Tensor, random: torch.Generator) -> list[Tensor]:
    if real.shape != fake.shape:
        raise ValueError(f"real and fake images must be alike: real {tuple(real.shape)}, fake {tuple(fake.shape)}")
    real, fake = _constant(real), _constant(fake)
    return [fake + _one_for_each_image(real, random) * (real - fake)]


def _around(real: Tensor, fake: Tensor, random: torch.Generator) -> list[Tensor]:
    real = _constant(real)
    share = _one_for_each_image(real, random)
    noise = _uniform(real.shape, real, random)
    return [real + share * (0.5 * real.std(correction=0) * noise)]


def _half_squared_norms(critic: Critic, batches: list[Tensor]) -> Tensor:
    gradients = _gradients(critic, batches)
    return torch.stack([gradient.square().sum(dim=PIXELS).mean() / 2 for gradient in gradients]).sum()


def _distance_from_slope_one(critic: Critic, batches: list[Tensor]) -> Tensor:
    (gradient,) = _gradients(critic, batches)
    # vector_norm has the derivative 0 at 0, where that of sqrt(sum of squares) is NaN.
    return (torch.linalg.vector_norm(gradient, dim=PIXELS) - 1).square().mean()


def _gradients(critic: Critic, batches: list[Tensor]) -> list[Tensor]:
    """Gradients of the logits' sum in each batch; batches are judged apart, so that no group of images mixes two."""
    batches = [images.detach().requires_grad_(True) for images in batches]
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


r1 = Penalty(lambda real, fake, random: [_constant(real)], _half_squared_norms)
"""|grad D(real)|^2 / 2, mean over images (Mescheder et al. 2018, equation 9)."""

r2 = Penalty(lambda real, fake, random: [_constant(fake)], _half_squared_norms)
"""|grad D(fake)|^2 / 2, mean over images (Mescheder et al. 2018, equation 10)."""

r1_r2 = Penalty(lambda real, fake, random: [_constant(real), _constant(fake)], _half_squared_norms, batches=2)
"""r1 + r2 (Huang et al. 2024, section 2)."""

wgan_gp = Penalty(_between, _distance_from_slope_one)
"""(|grad D(x)| - 1)^2 on x = e real + (1 - e) fake, e ~ U[0, 1] an image (Gulrajani et al. 2017, equation 3)."""

dragan = Penalty(_around, _distance_from_slope_one)
"""(|grad D(x)| - 1)^2 on x = real + a s u / 2, a ~ U[0, 1] an image, u ~ U[0, 1] a pixel (Kodali et al. 2017).

s is the standard deviation of all pixels of the batch. This is the authors' code; their paper writes normal noise.
"""

PENALTIES: dict[str, Penalty] = {"r1": r1, "r2": r2, "r1_r2": r1_r2, "wgan_gp": wgan_gp, "dragan": dragan}
