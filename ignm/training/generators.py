"""A trained generator as something to hand on: opened in one line, asked for images as arrays.

import ignm
generator = ignm.open_generator("studies/mine/best")
images = generator.sample(16, seed=0, truncation=0.7)
"""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor

from ignm.config import Config, load_config
from ignm.errors import IgnmError
from ignm.files import read_json
from ignm.models.generator import Generator
from ignm.training.checkpoint import load_generator, load_generator_file, open_checkpoint, read_shape
from ignm.training.device import default_device
from ignm.training.randomness import Stream, generator_of, latents
from ignm.training.samples import BATCH, generate, to_uint8

WEIGHTS, CONFIG, EVIDENCE = "generator.safetensors", "config.yaml", "evidence.json"
"""Files of a study's best/."""


@dataclass(frozen=True)
class TrainedGenerator:
    """A generator in eval mode, with the config that it was trained by.

    defects: what the last measurement of a trial's checkpoint showed; nothing where there is none, as in a study's
    best/.
    """

    network: Generator
    config: Config
    defects: tuple[str, ...] = ()

    def sample(self, count: int = 64, seed: int = 0, truncation: float = 1.0) -> np.ndarray:
        """Return images, uint8 (count, R, R, C); the same seed gives the same images.

        truncation: latents are multiplied by it, 0 to 1; below 1 images are more alike, and fewer of them odd.
        """
        return _arrays(torch.cat(list(generate(self.network, count, seed, truncation=truncation))))

    @torch.no_grad()
    def interpolate(self, pairs: int = 8, steps: int = 8, seed: int = 0, truncation: float = 1.0) -> np.ndarray:
        """Return the ways between pairs of samples, uint8 (pairs, steps, R, R, C): the first to the second, and so on.

        Both ends included; along great circles, as latents of many dimensions all have nearly one length (White 2016);
        where a generator has labels, those of the first end. steps >= 2.
        """
        device = next(self.network.parameters()).device
        random = generator_of(seed, Stream.SAMPLES, 0, torch.device("cpu"))
        # As many as `sample` draws at once, so that its images are the ends.
        drawn, wanted = max(BATCH, 2 * pairs), slice(0, 2 * pairs)
        ends = latents(drawn, self.network.latent, random)[wanted] * truncation
        every = self.network.sample_labels(drawn, random)
        labels = None if every is None else every[wanted][::2]
        between = torch.stack([slerp(ends[::2], ends[1::2], step / (steps - 1)) for step in range(steps)], dim=1)
        repeated = None if labels is None else labels.repeat_interleave(steps, dim=0)
        parts = between.flatten(0, 1).split(BATCH)
        theirs = itertools.repeat(None) if repeated is None else repeated.split(BATCH)
        made = [to_uint8(self.network(z.to(device), y)) for z, y in zip(parts, theirs, strict=False)]
        images = _arrays(torch.cat(made))
        return images.reshape(pairs, steps, *images.shape[1:])


def open_generator(path: str | Path, device: torch.device | None = None) -> TrainedGenerator:
    """Open a study's best/, a trial's folder or a checkpoint; on the best device there is, unless one is given.

    Raises IgnmError, naming the file, where there is none, or a damaged one.
    """
    folder, device = Path(path).expanduser(), device or default_device()
    if not (folder / WEIGHTS).exists():
        checkpoint = open_checkpoint(folder)
        measured = checkpoint.measurements
        defects = measured[-1].defects if measured else ()
        return TrainedGenerator(load_generator(checkpoint, device), checkpoint.config, defects)
    config = load_config(folder / CONFIG)
    try:
        shape = read_shape(read_json(folder / EVIDENCE, "shape")["shape"])
    except (KeyError, TypeError, ValueError) as error:
        raise IgnmError(f"{folder / EVIDENCE}: damaged: {error}") from None
    try:
        return TrainedGenerator(load_generator_file(folder / WEIGHTS, config, shape, device), config)
    except (OSError, RuntimeError, SafetensorError) as error:
        reason = str(error).splitlines()[0]
        raise IgnmError(f"{folder / WEIGHTS}: damaged, or not of {folder / CONFIG}: {reason}") from None


def slerp(one: Tensor, other: Tensor, share: float) -> Tensor:
    """Return the points (n, d) that lie a share of the great circle's arc from `one` to `other`, 0 to 1."""
    cosine = torch.nn.functional.cosine_similarity(one, other, dim=1).clamp(-1, 1)
    angle = cosine.arccos()[:, None]
    sine = angle.sin()
    along = ((1 - share) * angle).sin() / sine * one + (share * angle).sin() / sine * other
    return torch.where(sine.abs() < 1e-6, torch.lerp(one, other, share), along)


def _arrays(images: Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).cpu().numpy()
