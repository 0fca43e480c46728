"""The optimisers of a training: one for each network, one more for the reconstruction step."""

import torch
from torch import nn

from ignm.config import Config
from ignm.config.learning import AdamConfig, LossConfig
from ignm.initialisation.groups import parameter_groups
from ignm.losses.penalties import PENALTIES


def is_lazy(loss: LossConfig) -> bool:
    """Whether the gradient penalty is a step of its own, once in `loss.interval`."""
    return loss.penalty in PENALTIES and loss.interval > 1


def build_optimisers(
    config: Config, generator: list[nn.Module], discriminator: list[nn.Module]
) -> dict[str, torch.optim.Adam]:
    """Return Adam for each network, given as its modules in order, under the names they have in a checkpoint."""
    init, optim, loss = config.init, config.optim, config.loss
    lazy = loss.interval / (loss.interval + 1) if is_lazy(loss) else 1.0
    optimisers = {
        "generator": _adam(generator, optim.generator, init.layer_decay),
        "discriminator": _adam(discriminator, optim.discriminator, init.layer_decay, init.freeze, lazy),
    }
    if init.reconstruction > 0:
        # Its gradients are of another size: the game begins with fresh moments.
        optimisers["reconstruction"] = _adam(generator, optim.generator, 1.0)
    return optimisers


def _adam(
    ordered: list[nn.Module], config: AdamConfig, layer_decay: float, frozen: int = 0, lazy: float = 1.0
) -> torch.optim.Adam:
    # A lazy penalty is a step of its own, one more for each `interval`, so lr and betas are scaled (StyleGAN2:
    # Karras et al. 2020, appendix B).
    scaled = AdamConfig(lr=config.lr * lazy, beta1=config.beta1**lazy, beta2=config.beta2**lazy)
    groups = parameter_groups(ordered, scaled, layer_decay, frozen)
    return torch.optim.Adam(groups, lr=scaled.lr, betas=(scaled.beta1, scaled.beta2), fused=True)
