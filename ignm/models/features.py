"""Features of a pretrained network for the discriminator to read (Projected GAN: Sauer et al. 2021)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import safetensors.torch
import torch
import torchvision  # type: ignore[import-untyped]
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F

from ignm.errors import IgnmError
from ignm.files import expanded
from ignm.words import first_line

STRIDES = (4, 8, 16, 32)
SMALLEST_INPUT = 128
"""Smaller images are enlarged to this side. ImageNet's networks look for shapes of tens of pixels, and at 128 the map
of stride 32 is the 4x4 that a discriminator ends with; the paper's 256 would cost four times as much."""
CHANNELS = (64, 128, 256, 512)
"""Of the maps that come out, finest first, as in the authors' code."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class _Backbone:
    """A torchvision network, cut at its last layer of each of the STRIDES."""

    build: Callable[..., nn.Module]
    stages: Callable[[Any], list[nn.Module]]
    channels: tuple[int, ...]


def _residual_stages(network: Any) -> list[nn.Module]:
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool, network.layer1)
    return [stem, network.layer2, network.layer3, network.layer4]


def _cut(*ends: int) -> Callable[[Any], list[nn.Module]]:
    return lambda network: [network.features[start:end] for start, end in pairwise((0, *ends))]


BACKBONES: dict[str, _Backbone] = {
    "resnet18": _Backbone(torchvision.models.resnet18, _residual_stages, (64, 128, 256, 512)),
    "resnet50": _Backbone(torchvision.models.resnet50, _residual_stages, (256, 512, 1024, 2048)),
    "vgg16": _Backbone(torchvision.models.vgg16, _cut(10, 17, 24, 31), (128, 256, 512, 512)),
    "efficientnet_b0": _Backbone(torchvision.models.efficientnet_b0, _cut(3, 4, 6, 8), (24, 40, 112, 320)),
    "mobilenet_v3_large": _Backbone(torchvision.models.mobilenet_v3_large, _cut(4, 7, 13, 16), (24, 40, 112, 160)),
}


class _HardSigmoid(nn.Module):
    """nn.Hardsigmoid, whose second derivative torch lacks, and gradient penalties need."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape -> the same shape."""
        return F.relu6(x + 3) / 6


class _RandomConvolution(nn.Module):
    """A convolution that never learns: its weights are a buffer, drawn as for a linear layer (He et al. 2015)."""

    mixing_weight: Tensor

    def __init__(self, inner: int, outer: int, size: int, generator: torch.Generator) -> None:
        super().__init__()
        drawn = torch.randn(outer, inner, size, size, generator=generator, device=generator.device)
        self.register_buffer("mixing_weight", drawn / (inner * size**2) ** 0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inner, H, W) -> (N, outer, H, W)."""
        return F.conv2d(x, self.mixing_weight, padding=self.mixing_weight.shape[2] // 2)


class PretrainedFeatures(nn.Module):
    """Images (N, 1 or 3, R, R) in [-1, 1] to maps of a frozen pretrained network, mixed at random (section 3.2).

    Mixing across channels (1x1 convolutions) and across scales (3x3 convolutions from coarse to fine, added after
    enlarging) spreads what the network tells apart over all that a discriminator sees. Nothing here learns: there are
    no parameters. Gradients flow to the images. The pretrained network stays in eval mode, moves with the module, and
    is not in its state dict, as its file is at hand; the mixing weights are buffers in it.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str, weights: str, generator: torch.Generator) -> None:
        """Read the network named `backbone` from the file `weights` (.pth or .safetensors); `generator` draws the rest.

        Raises IgnmError, beginning with `init.features_weights`, where the file does not hold that network.
        """
        super().__init__()
        own = BACKBONES[backbone]
        # Not a child: children are saved, put in training mode, initialised and normalised with their parents.
        self._stages = (nn.ModuleList(_read_stages(backbone, weights)),)
        self.across_channels = nn.ModuleList(
            _RandomConvolution(inner, outer, 1, generator) for inner, outer in zip(own.channels, CHANNELS, strict=True)
        )
        self.across_scales = nn.ModuleList(
            _RandomConvolution(coarse, fine, 3, generator) for fine, coarse in pairwise(CHANNELS)
        )
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD)[:, None, None], persistent=False)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the maps, from the finest to the coarsest."""
        return CHANNELS

    def sizes(self, resolution: int) -> tuple[int, ...]:
        """Sides of the maps of images of a resolution, from the finest to the coarsest."""
        return tuple(max(resolution, SMALLEST_INPUT) // stride for stride in STRIDES)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(N, 1 or 3, R, R) in [-1, 1] -> maps (N, channels, size, size), from the finest to the coarsest."""
        x = enlarged(images, max(images.shape[2], SMALLEST_INPUT))
        x = (x / 2 + 0.5 - self.mean) / self.std
        mixed = []
        for stage, mix in zip(self._stages[0], self.across_channels, strict=True):
            x = stage(x)
            mixed.append(mix(x))
        maps = [mixed[-1]]
        for own, mix in zip(mixed[-2::-1], reversed(self.across_scales), strict=True):
            maps.append(own + enlarged(mix(maps[-1]), own.shape[2]))
        return maps[::-1]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "PretrainedFeatures":
        # Every move to a device, dtype or memory format goes through here.
        super()._apply(fn, recurse)
        self._stages[0]._apply(fn, recurse)
        return self


def enlarged(x: Tensor, size: int) -> Tensor:
    """Enlarge maps (N, C, H, H) bilinearly to `size`: F.interpolate as two matrix products.

    Its own derivative is summed in any order on a GPU; resuming is to be bit-exact.
    """
    if x.shape[2] == size:
        return x
    unit = torch.eye(x.shape[2], device=x.device, dtype=x.dtype)
    along = F.interpolate(unit[None], size=size, mode="linear", align_corners=False)[0]
    return along.T @ x @ along


def _read_stages(backbone: str, weights: str) -> list[nn.Module]:
    path = expanded(weights, "init.features_weights")
    held = _read(path, backbone)
    # No memory and no random numbers for weights that the file replaces.
    with torch.device("meta"):
        network = BACKBONES[backbone].build(weights=None)
    stages = BACKBONES[backbone].stages(network)
    used = {id(tensor) for stage in stages for tensor in stage.state_dict(keep_vars=True).values()}
    expected = network.state_dict(keep_vars=True)
    # Files of before torch 0.4.1 have no counters, and a file without the classifier has all that is used.
    missing = [
        name
        for name, tensor in expected.items()
        if name not in held and id(tensor) in used and not name.endswith("num_batches_tracked")
    ]
    other = [name for name, tensor in held.items() if name not in expected or tensor.shape != expected[name].shape]
    if missing or other:
        problems = [f"{len(missing)} weights are missing (as {missing[0]})"] if missing else []
        problems += [f"{len(other)} are not its own (as {other[0]})"] if other else []
        raise IgnmError(
            f"init.features_weights: {path}: not the weights of torchvision's {backbone}: {' and '.join(problems)}; "
            "give that network's file, or set init.features to the network that this file is of"
        )
    network.load_state_dict(held, strict=False, assign=True)
    for stage in stages:
        _make_twice_differentiable(stage)
        stage.requires_grad_(False).eval()
    return stages


def _make_twice_differentiable(stage: nn.Module) -> None:
    for module in list(stage.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Hardsigmoid):
                setattr(module, name, _HardSigmoid())


def _read_pickled(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


READERS: dict[str, Callable[[Path], Any]] = {
    ".pth": _read_pickled,
    ".pt": _read_pickled,
    ".safetensors": safetensors.torch.load_file,
}


def _read(path: Path, backbone: str) -> dict[str, Tensor]:
    if path.suffix not in READERS:
        raise IgnmError(f"init.features_weights: {path}: expected a file that ends in {', '.join(READERS)}")
    if not path.is_file():
        raise IgnmError(
            f"init.features_weights: {path}: no such file; torchvision's model documentation says where to get "
            f"{backbone}'s weights"
        )
    try:
        held = READERS[path.suffix](path)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, UnpicklingError, SafetensorError) as error:
        reason = first_line(error)
        raise IgnmError(
            f"init.features_weights: {path}: damaged, or not a file of weights ({reason}); get it again"
        ) from None
    if not isinstance(held, Mapping) or not all(isinstance(value, Tensor) for value in held.values()):
        raise IgnmError(
            f"init.features_weights: {path}: holds {type(held).__name__}, not weights by name; save the network's "
            "state_dict() alone"
        )
    weights = {name: value.float() if value.is_floating_point() else value for name, value in held.items()}
    broken = [name for name, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]
    if broken:
        raise IgnmError(f"init.features_weights: {path}: damaged: {broken[0]} is not finite; get it again")
    return weights
