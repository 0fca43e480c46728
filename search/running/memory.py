"""How much memory a training takes: an upper estimate, made before it begins, from the shapes of its networks.

What a training holds at its peak: weights, gradients and Adam's moments; the largest of its passes, each of which keeps
the activations of its networks for a part of the batch; images of the whole batch. The bytes of one activation were
measured (docs/speed.md), gradients and the library's copies included. Left out are the metric's extractor, the learnt
latents of two-step training, and what a process holds before it trains.
"""

import os
from functools import lru_cache
from pathlib import Path

import torch

from ignm.config import Config
from ignm.losses.penalties import PENALTIES
from ignm.models.description import NetworkDescription, describe_config
from ignm.models.shape import DataShape
from ignm.training.device import default_device, resolve_precision
from ignm.training.parts import largest_part, more_parts
from ignm.training.samples import BATCH

GIB = 2**30
FLOAT = 4
ACTIVATION = {"bf16": 6.5, "fp32": 8.5}
"""Bytes for each value that a pass keeps."""
TWICE_DERIVED = {"bf16": 10.0, "fp32": 14.0}
"""The same of a penalty's pass, whose backward pass is kept too."""
FURTHER = 0.5
"""What mirrored or augmented views of the batch take, over what the first ones do."""
COPIES = 6
"""Of the batch's images: as read, mirrored, augmented, generated, together."""
POLICY_COPIES = {None: 0, "diffaugment": 6, "ada": 25}
"""Further ones that an augmentation keeps for the generator's gradient."""
CUDA_CONTEXT_GIB = 0.75
"""Of GPU memory that a process takes beside its tensors."""


def estimate_gib(config: Config, shape: DataShape, parts: int = 1) -> float:
    """Peak memory of training, with each batch in `parts` parts; for `optim.precision: auto`, as on this machine.

    Raises IgnmError where a file that `init` names is no good.
    """
    nets = _described(config, shape)
    held = _held(config, nets["generator"], nets["discriminator"])
    largest = max(_passes(config, nets["generator"], nets["discriminator"], parts))
    pixels = config.optim.batch * shape.channels * config.data.resolution**2
    images = (COPIES + POLICY_COPIES[config.augment.policy]) * pixels * FLOAT
    return (held + images + largest) / GIB


def fitting_parts(config: Config, shape: DataShape, available_gib: float) -> int | None:
    """The smallest number of parts of a batch that fit into `available_gib` by the estimate; None where none do."""
    parts: int | None = 1
    while parts is not None and estimate_gib(config, shape, parts) > available_gib:
        parts = more_parts(config.optim.batch, parts)
    return parts


def available_gib(device: torch.device, share: float) -> float:
    """What a trial may take of a device: its share, up to 1, of a GPU's memory, or all memory of this machine.

    A CPU's trials have no walls between them, so there only what can never fit is told by it.
    """
    if device.type == "cuda":
        total: int = torch.cuda.get_device_properties(device).total_memory
        return total * min(1.0, share) / GIB - CUDA_CONTEXT_GIB
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_cgroup_limits()]) / GIB


def hold_to(device: torch.device, share: float) -> None:
    """Keep this process within its share of a GPU, so that it, and not another on it, runs out of memory."""
    if device.type == "cuda" and 0 < share < 1:
        total = torch.cuda.get_device_properties(device).total_memory / GIB
        torch.cuda.set_per_process_memory_fraction(max(0.01, share - CUDA_CONTEXT_GIB / total), device)


def _cgroup_limits() -> list[int]:
    paths = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    words = [Path(path).read_text(encoding="utf-8").strip() for path in paths if Path(path).is_file()]
    return [int(word) for word in words if word.isdigit()]


@lru_cache(maxsize=64)
def _described(config: Config, shape: DataShape) -> dict[str, NetworkDescription]:
    return describe_config(config, shape)


def _held(config: Config, generator: NetworkDescription, discriminator: NetworkDescription) -> int:
    """Bytes from the first step to the last: weights, gradients, two moments, and the generator's average."""
    moments = 4 if config.init.reconstruction > 0 else 2
    return FLOAT * ((3 + moments) * generator.parameters + 4 * discriminator.parameters)


def _passes(
    config: Config, generator: NetworkDescription, discriminator: NetworkDescription, parts: int
) -> list[float]:
    """Bytes of each kind of pass: the discriminator's, its penalty's, the generator's, an evaluation."""
    precision = resolve_precision(config.optim.precision, default_device())
    images, once = largest_part(config.optim.batch, parts), ACTIVATION[precision]
    # Whole batches of generated images keep their graph through the discriminator's last step, for the generator's own.
    kept = images * generator.activations * once if parts == 1 else 0.0
    views = 2 * (1 + FURTHER * ((config.loss.attention > 0) + (config.augment.consistency > 0)))
    passes = [
        kept + views * images * discriminator.activations * once,
        images * (generator.activations + discriminator.activations) * once,
        2 * BATCH * max(_values(layer.output) for layer in generator.layers) * FLOAT,
    ]
    penalty = PENALTIES.get(str(config.loss.penalty))
    if penalty is not None:
        passes.append(kept + penalty.batches * images * discriminator.activations * TWICE_DERIVED[precision])
    return passes


def _values(shape: tuple[int, ...]) -> int:
    return int(torch.Size(shape).numel())
