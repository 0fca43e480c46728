"""Building the two networks from a Config, with their initial weights."""

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn

from ignm.config import Config
from ignm.config.networks import NetworkConfig
from ignm.models.discriminator import Discriminator
from ignm.models.generator import Generator
from ignm.models.layers import apply_spectral_norm, initialise
from ignm.models.shape import DataShape

if TYPE_CHECKING:
    from ignm.models.projected import ProjectedDiscriminator

N = TypeVar("N", bound=nn.Module)


def _prepared(
    make: Callable[[Config, DataShape], N], config: Config, section: NetworkConfig, shape: DataShape, seed: int
) -> N:
    # torch's layers draw their own first weights from the global generator; nobody else is to notice.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make(config, shape)
        initialise(network, section.weights, torch.Generator().manual_seed(seed))
        if section.spectral_norm:
            apply_spectral_norm(network)
    return network.to(memory_format=torch.channels_last)


def build_generator(config: Config, shape: DataShape, seed: int) -> Generator:
    """Build and initialise the generator; the same seed gives the same weights."""
    return _prepared(Generator, config, config.generator, shape, seed)


def build_discriminator(config: Config, shape: DataShape, seed: int) -> "Discriminator | ProjectedDiscriminator":
    """Build and initialise the discriminator; the same seed gives the same weights."""
    if config.init.features is None:
        return _prepared(Discriminator, config, config.discriminator, shape, seed)
    # Imports torchvision, which takes longer than building any network.
    from ignm.models.projected import ProjectedDiscriminator

    return _prepared(ProjectedDiscriminator, config, config.discriminator, shape, seed)
