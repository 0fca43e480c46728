"""The DCGAN family: transposed convolutions up to the image, strided convolutions down to one logit."""

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn

from ignm.config import Config
from ignm.config.schema import NetworkConfig
from ignm.models.layers import ACTIVATIONS, apply_spectral_norm, initialise, normalisation

N = TypeVar("N", bound=nn.Module)

SMALLEST_MAP = 4
WIDEST = 8


def channels_at(width: int, resolution: int, size: int) -> int:
    """Channels of the map of `size` x `size`: `width` at half the image's resolution, then doubling, to 8 times."""
    return width * min(WIDEST, resolution // (2 * size))


def _sizes(resolution: int) -> list[int]:
    """Map sizes between the networks' ends, rising: 4, 8, ..., resolution / 2."""
    sizes = [SMALLEST_MAP]
    while sizes[-1] < resolution // 2:
        sizes.append(sizes[-1] * 2)
    return sizes


class Generator(nn.Module):
    """Latent vectors (N, latent) to images (N, channels, R, R) in [-1, 1] (Radford et al. 2016, figure 1)."""

    def __init__(self, config: Config, image_channels: int) -> None:
        super().__init__()
        own, resolution = config.generator, config.data.resolution
        self.latent = own.latent
        sizes = _sizes(resolution)
        widths = [channels_at(own.width, resolution, size) for size in sizes]
        # A bias before a normalisation is cancelled by it.
        biased = own.normalisation is None
        layers: list[nn.Module] = [nn.ConvTranspose2d(own.latent, widths[0], SMALLEST_MAP, bias=biased)]
        for inner, outer in pairwise(widths):
            layers += [*normalisation(own.normalisation, inner), ACTIVATIONS[own.activation]()]
            layers += [nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=biased)]
        layers += [*normalisation(own.normalisation, widths[-1]), ACTIVATIONS[own.activation]()]
        layers += [nn.ConvTranspose2d(widths[-1], image_channels, 4, stride=2, padding=1, bias=biased), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """(N, latent) -> (N, channels, R, R)."""
        images: Tensor = self.layers(latents[:, :, None, None])
        return images


class Discriminator(nn.Module):
    """Images (N, channels, R, R) in [-1, 1] to logits (N,) (Radford et al. 2016; its first layer is not normalised)."""

    def __init__(self, config: Config, image_channels: int) -> None:
        super().__init__()
        own, resolution = config.discriminator, config.data.resolution
        sizes = _sizes(resolution)[::-1]
        widths = [channels_at(own.width, resolution, size) for size in sizes]
        biased = own.normalisation is None
        layers: list[nn.Module] = [nn.Conv2d(image_channels, widths[0], 4, stride=2, padding=1, bias=biased)]
        layers += [ACTIVATIONS[own.activation]()]
        for inner, outer in pairwise(widths):
            layers += [nn.Conv2d(inner, outer, 4, stride=2, padding=1, bias=biased)]
            layers += [*normalisation(own.normalisation, outer), ACTIVATIONS[own.activation]()]
        layers += [nn.Conv2d(widths[-1], 1, SMALLEST_MAP, bias=biased)]
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        """(N, channels, R, R) -> (N,)."""
        logits: Tensor = self.layers(images)
        return logits.flatten()


def _prepared(make: Callable[[Config, int], N], config: Config, section: NetworkConfig, channels: int, seed: int) -> N:
    # torch's layers draw their own first weights from the global generator; nobody else is to notice.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make(config, channels)
        initialise(network, section.weights, torch.Generator().manual_seed(seed))
        if section.spectral_norm:
            apply_spectral_norm(network)
    return network.to(memory_format=torch.channels_last)


def build_generator(config: Config, image_channels: int, seed: int) -> Generator:
    """Build and initialise the generator; the same seed gives the same weights."""
    return _prepared(Generator, config, config.generator, image_channels, seed)


def build_discriminator(config: Config, image_channels: int, seed: int) -> Discriminator:
    """Build and initialise the discriminator; the same seed gives the same weights."""
    return _prepared(Discriminator, config, config.discriminator, image_channels, seed)
