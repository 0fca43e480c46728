"""Activations, normalisations and initial weights by the names that the Config uses."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class PixelNorm(nn.Module):
    """Scale the feature vector of each pixel to unit mean square (Karras et al. 2018, section 4.2)."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + 1e-8)


NORMALISATIONS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    # One group over channels and pixels is layer normalisation of an image (Wu and He 2018).
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "pixel": lambda channels: PixelNorm(),
}


def normalisation(name: str | None, channels: int) -> list[nn.Module]:
    """Return the named normalisation for maps of `channels` channels, or no module for None."""
    return [] if name is None else [NORMALISATIONS[name](channels)]


def _normal(weight: Tensor, generator: torch.Generator) -> None:
    nn.init.normal_(weight, 0.0, 0.02, generator=generator)


def _orthogonal(weight: Tensor, generator: torch.Generator) -> None:
    nn.init.orthogonal_(weight, generator=generator)


def _xavier(weight: Tensor, generator: torch.Generator) -> None:
    nn.init.xavier_uniform_(weight, generator=generator)


WEIGHTS: dict[str, Callable[[Tensor, torch.Generator], None]] = {
    "normal": _normal,
    "orthogonal": _orthogonal,
    "xavier": _xavier,
}


@torch.no_grad()
def initialise(network: nn.Module, weights: str, generator: torch.Generator) -> None:
    """Draw all weights of a network on the CPU from `generator`.

    Biases are 0; with `normal`, gains of batch normalisation are N(1, 0.02) (DCGAN's reference code).
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            WEIGHTS[weights](module.weight, generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and weights == "normal":
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)


def apply_spectral_norm(network: nn.Module) -> None:
    """Give every convolution a spectral norm of 1 by one power iteration a forward pass (Miyato et al. 2018)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.utils.parametrizations.spectral_norm(module, eps=1e-6)
