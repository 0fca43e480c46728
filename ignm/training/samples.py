"""Pictures of what a generator makes."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ignm.files import atomic_file
from ignm.models.generator import Generator
from ignm.training.randomness import Stream, generator_of, latents

BATCH = 128


def to_uint8(images: Tensor) -> Tensor:
    """[-1, 1] floats to uint8 0..255, rounded to nearest, as a PNG would hold them."""
    return images.float().add(1.0).mul(127.5).round_().clamp_(0, 255).to(torch.uint8)


@torch.no_grad()
def generate(
    generator: Generator, count: int, seed: int, stream: Stream = Stream.SAMPLES, truncation: float = 1.0
) -> Iterator[Tensor]:
    """Yield `count` images as uint8 batches (n, C, R, R); latent i depends on the seed and i's batch alone, in fp32.

    truncation: latents are multiplied by it.
    """
    device = next(generator.parameters()).device
    for start in range(0, count, BATCH):
        # Drawn on the CPU, so that a GPU and a CPU evaluate the same latents.
        random = generator_of(seed, stream, start, torch.device("cpu"))
        batch, labels = latents(BATCH, generator.latent, random), generator.sample_labels(BATCH, random)
        wanted = slice(0, count - start)
        yield to_uint8(generator((batch[wanted] * truncation).to(device), None if labels is None else labels[wanted]))


def grid(images: np.ndarray, columns: int | None = None, gap: int = 1) -> Image.Image:
    """Lay uint8 images (N, R, R, C) out as one picture, row by row, nearly square unless `columns` is given."""
    count, size, _, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    canvas = np.full((rows * (size + gap) - gap, columns * (size + gap) - gap, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (size + gap), (index % columns) * (size + gap)
        canvas[top : top + size, left : left + size] = image
    return Image.fromarray(canvas[:, :, 0] if channels == 1 else canvas)


def save_picture(picture: Image.Image, path: Path) -> None:
    """Write a picture as PNG, atomically."""
    with atomic_file(path) as temporary:
        picture.save(temporary, format="PNG")


def save_samples(generator: Generator, path: Path, count: int = 64, seed: int = 0, columns: int | None = None) -> None:
    """Write a grid of samples; the same seed gives the same latents for every generator of one latent size."""
    batches = torch.cat(list(generate(generator, count, seed)))
    save_picture(grid(batches.permute(0, 2, 3, 1).cpu().numpy(), columns), path)
