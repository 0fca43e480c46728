"""Fine-tuning: which layers learn, and how fast each of them."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from ignm.config.learning import AdamConfig
from ignm.errors import IgnmError


def freeze(ordered: Sequence[nn.Module], count: int) -> list[nn.Parameter]:
    """Freeze the first `count` layers with parameters, and return the parameters of the others (Mo et al. 2020).

    As there, parameters alone are frozen: batch statistics and the singular vectors of spectral normalisation still
    follow the images. Raises IgnmError where no layer would be left to learn.
    """
    layers = _layers(ordered)
    _check(count, len(layers))
    for parameter in (each for layer in layers[:count] for each in layer):
        parameter.requires_grad_(False)
    return [each for layer in layers[count:] for each in layer]


def parameter_groups(
    ordered: Sequence[nn.Module], adam: AdamConfig, layer_decay: float, frozen: int
) -> list[dict[str, Any]]:
    """Return an optimiser's groups: the last layer learns at `adam.lr`, each one before it at `layer_decay` times that.

    `ordered` lists the layers from input to output; those without parameters are not counted, and the first `frozen`
    are left out. Each group has `lr` and `base_lr`, from which schedules set `lr`. Where all learn equally there is one
    group, as a fused Adam launches its kernels once for each (Howard and Ruder 2018, section 3.2). Raises IgnmError
    where no layer would be left to learn.
    """
    layers = _layers(ordered)
    _check(frozen, len(layers))
    if layer_decay == 1.0:
        return [_group([each for layer in layers[frozen:] for each in layer], adam.lr)]
    rates = [adam.lr * layer_decay**before for before in reversed(range(len(layers)))]
    return [_group(layer, rate) for layer, rate in zip(layers[frozen:], rates[frozen:], strict=True)]


def _group(parameters: list[nn.Parameter], rate: float) -> dict[str, Any]:
    return {"params": parameters, "lr": rate, "base_lr": rate}


def _layers(ordered: Sequence[nn.Module]) -> list[list[nn.Parameter]]:
    layers = [list(layer.parameters()) for layer in ordered]
    return [layer for layer in layers if layer]


def _check(count: int, layers: int) -> None:
    if count > layers - 1:
        raise IgnmError(
            f"init.freeze: {count} layers, and this discriminator has {layers}, of which the last must learn; use at "
            f"most {max(layers - 1, 0)}"
        )
