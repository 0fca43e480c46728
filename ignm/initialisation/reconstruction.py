"""The first step of two-step training: the generator alone learns to reconstruct images (GLO, Bojanowski et al. 2018).

Each training image has a latent of its own, learnt together with the generator that is to turn it into that image.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

SMALLEST = 4
"""Side of the map at which the pyramid ends."""
BINOMIAL = (1.0, 4.0, 6.0, 4.0, 1.0)


class LatentTable:
    """One learnt latent for each training image, on the sphere of radius sqrt(latent).

    GLO keeps its latents in the unit ball and later samples from a Gaussian fitted to them. Ours are to begin the
    adversarial training that follows, whose latents are N(0, I): in many dimensions those all lie close to this sphere,
    so the generator learns where it will be asked.
    """

    def __init__(self, count: int, latent: int, generator: torch.Generator, device: torch.device) -> None:
        """Draw `count` latents evenly over the sphere, on the generator's device, and keep them on `device`."""
        drawn = torch.randn(count, latent, generator=generator, device=generator.device)
        self.latents = _on_sphere(drawn).to(device)

    def rows(self, indices: Tensor | np.ndarray) -> Tensor:
        """Return a copy (B, latent) of the latents of some images; a leaf that takes gradients."""
        return self.latents[self._on_device(indices)].requires_grad_()

    @torch.no_grad()
    def move(self, indices: Tensor | np.ndarray, gradient: Tensor, lr: float) -> None:
        """Take a step of SGD on the latents of a batch, and project them back onto the sphere.

        `gradient` (B, latent) is with respect to `rows(indices)`. Gradients of an image that is in the batch more than
        once are added up; the same numbers come out each time on any one device.
        """
        where = self._on_device(indices)
        # Adding into rows by index is done in any order on a GPU. Here each occurrence has the whole sum, and the first
        # one's is written by all.
        same = where[:, None] == where[None, :]
        with torch.autocast(where.device.type, enabled=False):
            summed = same.to(gradient.dtype) @ gradient
        summed = summed[same.to(torch.uint8).argmax(dim=1)]
        self.latents[where] = _on_sphere(self.latents[where] - lr * summed.to(self.latents.dtype))

    def state(self) -> dict[str, Tensor]:
        """The latents, for a checkpoint."""
        return {"latents": self.latents}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from `state`, which is copied; raise ValueError if it is of another number or size of latents."""
        if state["latents"].shape != self.latents.shape:
            raise ValueError(f"latents {tuple(state['latents'].shape)}, expected {tuple(self.latents.shape)}")
        self.latents.copy_(state["latents"])

    def _on_device(self, indices: Tensor | np.ndarray) -> Tensor:
        return torch.as_tensor(indices, device=self.latents.device)


def laplacian_pyramid_l1(images: Tensor, targets: Tensor) -> Tensor:
    """Distance between images, both (N, C, R, R) with R >= 4 a power of two, as a scalar (GLO, equation 2).

    There it is sum_j 2^2j |L^j(x) - L^j(y)|_1 over the levels of the Laplacian pyramid (Burt and Adelson 1983), the
    finest of R x R. Level j has 2^-2j times its values, so that is the number of values in x times the sum of the
    levels' means; this is the sum of means, averaged over images. So its scale is that of the pixels at any resolution:
    an image enlarged gains one more level, of nearly 0. Computed in float32 or finer, also under autocast.
    """
    # The pyramid is linear: its difference is that of the pyramids.
    level = (images - targets).to(torch.promote_types(images.dtype, torch.float32))
    loss = level.new_zeros(())
    with torch.autocast(level.device.type, enabled=False):
        while level.shape[-1] > SMALLEST:
            coarser = _halved(level)
            loss = loss + (level - _doubled(coarser)).abs().mean()
            level = coarser
    return loss + level.abs().mean()


def _on_sphere(latents: Tensor) -> Tensor:
    return F.normalize(latents, dim=1) * latents.shape[1] ** 0.5


def _halved(x: Tensor) -> Tensor:
    return _blurred(x, 1.0)[..., ::2, ::2]


def _doubled(x: Tensor) -> Tensor:
    """Zeros between the pixels, then the blur at four times its weight (Burt and Adelson 1983, EXPAND)."""
    count, channels, height, width = x.shape
    spread = torch.stack([x, torch.zeros_like(x)], dim=-1).reshape(count, channels, height, 2 * width)
    spread = torch.stack([spread, torch.zeros_like(spread)], dim=-2).reshape(count, channels, 2 * height, 2 * width)
    return _blurred(spread, 4.0)


def _blurred(x: Tensor, weight: float) -> Tensor:
    row = x.new_tensor(BINOMIAL) / sum(BINOMIAL)
    kernel = (weight * torch.outer(row, row))[None, None]
    flat = x.reshape(-1, 1, *x.shape[2:])
    return F.conv2d(_mirrored(_mirrored(flat).mT).mT, kernel).view_as(x)


def _mirrored(x: Tensor) -> Tensor:
    """Two more pixels left and right, mirrored; F.pad's own derivative is summed in any order on a GPU."""
    return torch.cat([x[..., 1:3].flip(-1), x, x[..., -3:-1].flip(-1)], dim=-1)
