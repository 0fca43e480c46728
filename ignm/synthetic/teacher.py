"""Images of a trained generator, its latents truncated, the least believable ones rejected."""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional as F

from ignm.config import Config
from ignm.config.data import SyntheticConfig
from ignm.data.cache import Dataset
from ignm.errors import IgnmError
from ignm.files import digest_of, expanded
from ignm.models.generator import Generator
from ignm.models.head import Judgement
from ignm.models.networks import build_discriminator
from ignm.models.shape import DataShape
from ignm.synthetic.colours import to_bytes, with_channels
from ignm.synthetic.draws import Purpose, seed_for
from ignm.synthetic.recipe import Block, Recipe, block_of, without_source
from ignm.training.checkpoint import load_generator_file, open_checkpoint
from ignm.training.device import default_device
from ignm.training.filenames import AVERAGE, NETWORKS
from ignm.training.kept import read_kept
from ignm.words import first_line

VERSION = 1
BLOCK = 64

Judge: TypeAlias = Callable[[Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Teacher:
    """Where a trained generator's files are; `networks`, which has the discriminator, a study's best/ lacks."""

    generator: Path
    networks: Path | None
    config: Config
    shape: DataShape


def taught(config: SyntheticConfig, dataset: Dataset) -> Recipe:
    """Sample the averaged generator of `config.teacher`, on the GPU where there is one.

    Of each block of candidates the share `config.rejection` that the discriminator gives the lowest logits is dropped.
    Other resolutions are resized (bicubic, antialiased), other channels converted. Raises IgnmError, beginning with
    the setting's path, where the teacher is missing or damaged, or has no discriminator to reject by.
    """
    teacher = find(config.teacher)
    rejects = config.rejection > 0
    if rejects and teacher.networks is None:
        raise IgnmError(
            f"data.synthetic.rejection: {config.rejection:g} of the images are to be dropped by the teacher's "
            f"discriminator, and {config.teacher} holds a generator alone; set it to 0, or data.synthetic.teacher to a "
            "checkpoint or a trial's folder"
        )
    identity = {
        "version": VERSION,
        "generator": _digest(teacher.generator),
        "teacher": teacher.config.config_id,
        "shape": asdict(teacher.shape),
        "resolution": dataset.resolution,
        "channels": dataset.channels,
        "truncation": config.truncation,
        "rejection": config.rejection,
        "seed": config.seed,
    }
    if rejects and teacher.networks is not None:
        identity["discriminator"] = _digest(teacher.networks)

    @cache
    def networks() -> tuple[Generator, Judge | None]:
        device = default_device()
        return load(teacher, device), load_judge(teacher, device) if rejects else None

    def make(block: int) -> Block:
        images = sampled(*networks(), config, block, block_of(teacher.config.data.resolution))
        return without_source(_fitted(images, dataset.resolution, dataset.channels))

    return Recipe(identity, BLOCK, make)


def find(path: str | None) -> Teacher:
    """Find a checkpoint, the newest one of a trial, or what a study keeps in best/; raises IgnmError."""
    folder = expanded(path or "", "data.synthetic.teacher")
    if path is None or not folder.is_dir():
        raise IgnmError(
            f"data.synthetic.teacher: {path}: no such folder; give a checkpoint, a trial's folder or a study's best/"
        )
    try:
        kept = read_kept(folder)
        if kept is not None:
            return Teacher(kept.weights, None, kept.config, kept.shape)
        checkpoint = open_checkpoint(folder)
    except IgnmError as error:
        raise IgnmError(f"data.synthetic.teacher: {error}") from None
    generator, networks = (checkpoint.path / name for name in (AVERAGE, NETWORKS))
    return Teacher(generator, networks, checkpoint.config, checkpoint.shape)


def load(teacher: Teacher, device: torch.device) -> Generator:
    """Return the generator, in eval mode; raises IgnmError where the file does not fit its config."""
    try:
        return load_generator_file(teacher.generator, teacher.config, teacher.shape, device)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise _misfit("data.synthetic.teacher", teacher.generator, error) from None


def load_judge(teacher: Teacher, device: torch.device) -> Judge:
    """Return what gives images their discriminator's logits; raises IgnmError where it cannot be loaded."""
    if teacher.networks is None:
        raise ValueError("a teacher without a discriminator")
    try:
        weights = safetensors.torch.load_file(teacher.networks, device=str(device))
        prefix = "discriminator."
        own = {key.removeprefix(prefix): value for key, value in weights.items() if key.startswith(prefix)}
        discriminator: nn.Module = build_discriminator(teacher.config, teacher.shape, seed=0).to(device)
        discriminator.load_state_dict(own)
    except (OSError, RuntimeError, SafetensorError, IgnmError) as error:
        raise _misfit("data.synthetic.rejection", teacher.networks, error) from None
    discriminator.eval().requires_grad_(False)
    return lambda images, labels: cast(Judgement, discriminator(images, labels)).logits


@torch.no_grad()
def sampled(generator: Generator, judge: Judge | None, config: SyntheticConfig, block: int, batch: int) -> Tensor:
    """Return one block of images (BLOCK, C, R, R) of -1 to 1, made in batches; rejection leaves the rest in order."""
    device = next(generator.parameters()).device
    # Drawn on the CPU, so that a GPU and a CPU see the same latents.
    random = torch.Generator().manual_seed(seed_for(config.seed, Purpose.LATENTS, block))
    count = math.ceil(BLOCK / (1 - config.rejection))
    latents = (torch.randn(count, generator.latent, generator=random) * config.truncation).to(device)
    labels = generator.sample_labels(count, random)
    if judge is not None:
        logits = torch.cat([judge(generator(z, wanted), wanted) for z, wanted in _batches(latents, labels, batch)])
        # Only the logits of what is dropped are ever kept; what stays is made again.
        kept = logits.topk(BLOCK).indices.sort().values
        latents, labels = latents[kept], None if labels is None else labels[kept]
    return torch.cat([generator(z, wanted) for z, wanted in _batches(latents, labels, batch)])


def _batches(latents: Tensor, labels: Tensor | None, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    parts = latents.split(size)
    return zip(parts, itertools.repeat(None) if labels is None else labels.split(size), strict=False)


def _fitted(images: Tensor, resolution: int, channels: int) -> np.ndarray:
    if images.shape[-1] != resolution:
        images = F.interpolate(images, (resolution, resolution), mode="bicubic", antialias=True, align_corners=False)
    return to_bytes(with_channels(images.float().add(1).mul(0.5).clamp(0, 1), channels))


def _digest(path: Path) -> str:
    try:
        return digest_of(path)
    except OSError as error:
        raise IgnmError(f"data.synthetic.teacher: {path}: {error.strerror or error}") from None


def _misfit(setting: str, path: Path, error: Exception) -> IgnmError:
    reason = first_line(error).rstrip(":")
    return IgnmError(f"{setting}: {path}: cannot be loaded ({reason}); give another teacher")
