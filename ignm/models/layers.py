"""Activations, normalisations, convolutions and initial weights by the names that the Config uses."""

import math
from collections.abc import Callable
from contextvars import ContextVar

import torch
from torch import Tensor, nn

from ignm.config.networks import NetworkConfig

ACTIVATIONS: dict[str | None, Callable[[], nn.Module]] = {
    None: nn.Identity,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "prelu": nn.PReLU,
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


BATCHES: ContextVar[int] = ContextVar("BATCHES", default=1)
"""How many batches of equal size what passes through the layers consists of."""


class BatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of one batch, or of BATCHES batches that stand one after the other, each by itself."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        if BATCHES.get() == 1:
            return super().forward(x)
        return torch.cat([super(BatchNorm2d, self).forward(part) for part in x.chunk(BATCHES.get())])


def _group(channels: int) -> nn.Module:
    # Up to 32 groups (Wu and He 2018), of four channels or more: a group of one would be instance normalisation.
    return nn.GroupNorm(math.gcd(channels, min(32, max(1, channels // 4))), channels)


NORMALISATIONS: dict[str | None, Callable[[int], nn.Module]] = {
    None: lambda channels: nn.Identity(),
    "batch": BatchNorm2d,
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    # One group over channels and pixels is layer normalisation of an image (Wu and He 2018).
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "group": _group,
    "pixel": lambda channels: PixelNorm(),
}


class ConditionalBatchNorm(nn.Module):
    """Batch normalisation whose gains and biases belong to the labels (Zhang et al. 2019, the authors' release)."""

    def __init__(self, channels: int, labels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain = nn.Parameter(torch.zeros(labels, channels))
        self.bias = nn.Parameter(torch.zeros(labels, channels))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(N, C, H, W) and label vectors (N, labels) -> (N, C, H, W); a label's gain is 1 + its row."""
        gain, bias = 1 + labels @ self.gain, labels @ self.bias
        result: Tensor = self.norm(x) * gain[:, :, None, None] + bias[:, :, None, None]
        return result


def biased(own: NetworkConfig, normalised: bool) -> bool:
    """Whether a convolution has a bias; `normalised`: a normalisation, if the network has any, follows it."""
    if own.bias == "needed":
        return own.normalisation is None or not normalised
    return own.bias == "all" or own.normalisation is None


def channels_at(own: NetworkConfig, widest: int, size: int) -> int:
    """Channels of the map of `size` x `size` where the map of `widest` x `widest` has `own.width`."""
    growth: float = min(own.max_multiplier, own.multiplier ** math.log2(widest / size))
    return max(1, round(own.width * growth))


Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def fan_in(layer: Weighted) -> int:
    """How many values a value that the layer gives is a sum of."""
    if isinstance(layer, nn.ConvTranspose2d):
        # A stride leaves gaps between the pixels that the kernel sees (torch's own rule counts the channels out).
        return layer.in_channels * math.prod(layer.kernel_size) // math.prod(layer.stride)
    return layer.weight.shape[1:].numel()


def _normal(layer: Weighted, generator: torch.Generator) -> None:
    nn.init.normal_(layer.weight, 0.0, 0.02, generator=generator)


def _orthogonal(layer: Weighted, generator: torch.Generator) -> None:
    nn.init.orthogonal_(layer.weight, generator=generator)


def _xavier(layer: Weighted, generator: torch.Generator) -> None:
    nn.init.xavier_uniform_(layer.weight, generator=generator)


def _he(layer: Weighted, generator: torch.Generator) -> None:
    bound = math.sqrt(6 / max(1, fan_in(layer)))
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)


WEIGHTS: dict[str, Callable[[Weighted, torch.Generator], None]] = {
    "normal": _normal,
    "orthogonal": _orthogonal,
    "xavier": _xavier,
    "he": _he,
}


@torch.no_grad()
def initialise(network: nn.Module, weights: str, generator: torch.Generator) -> None:
    """Draw all weights of a network on the CPU from `generator`.

    Biases are 0; with `normal`, gains of batch normalisation are N(1, 0.02) (DCGAN's reference code).
    """
    for module in network.modules():
        if isinstance(module, Weighted):
            WEIGHTS[weights](module, generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine and weights == "normal":
            nn.init.normal_(module.weight, 1.0, 0.02, generator=generator)


def apply_spectral_norm(network: nn.Module) -> None:
    """Give every weight a spectral norm of 1 by one power iteration a forward pass (Miyato et al. 2018)."""
    for module in network.modules():
        if isinstance(module, Weighted):
            nn.utils.parametrizations.spectral_norm(module, eps=1e-6)
