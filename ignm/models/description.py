"""What a config's networks are made of: layers, parameters, multiply-adds, activation memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ignm.config import Config
from ignm.models.attention import SelfAttention
from ignm.models.layers import ConditionalBatchNorm
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape

BYTES = 4
"""Of one activation in fp32."""


@dataclass(frozen=True)
class Layer:
    """One layer, for one image."""

    name: str
    kind: str
    output: tuple[int, ...]
    """Shape of what it gives, the batch left out."""
    parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class NetworkDescription:
    """One network, for one image."""

    layers: tuple[Layer, ...]
    parameters: int
    multiply_adds: int
    activations: int
    """Values that its layers give, those that a backward pass would keep at most."""

    @property
    def activation_bytes(self) -> int:
        """Their memory in fp32; half of that in bf16."""
        return self.activations * BYTES


def describe_config(config: Config, shape: DataShape) -> dict[str, NetworkDescription]:
    """Describe both networks without computing an image; raises IgnmError where a file that `init` names is no good."""
    resolution = config.data.resolution
    labels = torch.zeros(1, shape.labels, device="meta")
    entries = {
        "generator": (build_generator(config, shape, 0), torch.zeros(1, config.generator.latent, device="meta")),
        "discriminator": (
            build_discriminator(config, shape, 0),
            torch.zeros(1, shape.channels, resolution, resolution, device="meta"),
        ),
    }
    return {name: _described(network.eval().to("meta"), entry, labels) for name, (network, entry) in entries.items()}


def _described(network: nn.Module, entry: Tensor, labels: Tensor) -> NetworkDescription:
    outputs: dict[str, tuple[int, ...]] = {}
    kept = dict(_layers(network))

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            outputs[name] = tuple(output.shape[1:])

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in kept.items()]
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        network(entry, labels)
    for handle in handles:
        handle.remove()
    counts = counter.get_flop_counts()
    root = type(network).__name__
    layers = tuple(
        Layer(
            name,
            _kind(kept[name]),
            shape,
            sum(parameter.numel() for parameter in kept[name].parameters()),
            _multiply_adds(counts, f"{root}.{name}"),
        )
        for name, shape in outputs.items()
    )
    return NetworkDescription(
        layers,
        sum(parameter.numel() for parameter in network.parameters()),
        _multiply_adds(counts, "Global"),
        sum(_size(layer.output) + _attention_weights(kept[layer.name], layer.output) for layer in layers),
    )


def _layers(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """What is shown as one layer: modules without parts, and those whose parts say little alone."""
    for name, part in module.named_children():
        if name == "parametrizations" or isinstance(part, nn.Identity):
            continue
        inner = [child for child, _ in part.named_children() if child != "parametrizations"]
        if isinstance(part, SelfAttention | ConditionalBatchNorm) or not (inner or _is_container(part)):
            yield f"{prefix}{name}", part
        else:
            yield from _layers(part, f"{prefix}{name}.")


def _is_container(module: nn.Module) -> bool:
    return isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)


def _kind(module: nn.Module) -> str:
    kernel = getattr(module, "kernel_size", None)
    # A parametrised module's class is made for it, and named after its own.
    name = type(module).__name__.removeprefix("Parametrized")
    if kernel is None:
        return name
    sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    stride = getattr(module, "stride", 1)
    stride = stride[0] if isinstance(stride, tuple) else stride
    return f"{name} {sides[0]}x{sides[1]}{f', stride {stride}' if stride != 1 else ''}"


def _multiply_adds(counts: dict[str, dict[Any, int]], name: str) -> int:
    # One multiply-add is two floating-point operations.
    return sum(counts.get(name, {}).values()) // 2


def _attention_weights(module: nn.Module, output: tuple[int, ...]) -> int:
    """Values that self-attention keeps beside what it gives: each pixel's weights of a quarter of all pixels."""
    return (output[1] * output[2]) ** 2 // 4 if isinstance(module, SelfAttention) else 0


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size
