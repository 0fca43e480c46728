"""DiffAugment: colour, translation and cutout on every image (Zhao et al. 2020, section 3)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from ignm.augmentation.draws import Strength


def brightness(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Add +-0.5 at strength 1."""
    return images + strength * _uniform(images, -0.5, 0.5, generator)


def saturation(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Scale the distance from the grey image by 0 to 2 at strength 1; leaves one-channel images as they are."""
    grey = images.mean(dim=1, keepdim=True)
    return (images - grey) * _uniform(images, 1 - strength, 1 + strength, generator) + grey


def contrast(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Scale the distance from the image's mean by 0.5 to 1.5 at strength 1."""
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return (images - mean) * _uniform(images, 1 - strength / 2, 1 + strength / 2, generator) + mean


def translation(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Shift by up to an eighth of the side at strength 1, zeros moving in."""
    count, _, height, width = images.shape
    reach = round(height / 8) if isinstance(strength, Tensor) else round(strength * height / 8)
    if reach == 0:
        return images
    shifts = _shifts(count, height, strength, generator)
    rows = torch.arange(height, device=images.device) + shifts[0]
    columns = torch.arange(width, device=images.device) + shifts[1]
    padded = F.pad(images, (reach,) * 4).permute(0, 2, 3, 1)
    index = torch.arange(count, device=images.device)[:, None, None]
    return padded[index, rows[:, :, None] + reach, columns[:, None, :] + reach].permute(0, 3, 1, 2)


def cutout(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Set a square of half the side to zero at strength 1, its centre anywhere."""
    count, _, height, width = images.shape
    half = strength * height / 4
    centres = torch.rand(2, count, 1, generator=generator, device=images.device) * height
    rows = (torch.arange(height, device=images.device) + 0.5 - centres[0]).abs() < half
    columns = (torch.arange(width, device=images.device) + 0.5 - centres[1]).abs() < half
    hole = (rows[:, :, None] & columns[:, None, :])[:, None]
    return images.masked_fill(hole, 0.0)


def _uniform(images: Tensor, low: Strength, high: Strength, generator: torch.Generator) -> Tensor:
    """One value per image, (N, 1, 1, 1)."""
    values = torch.rand(images.shape[0], 1, 1, 1, generator=generator, device=images.device, dtype=torch.float32)
    return (low + (high - low) * values).to(images.dtype)


def _shifts(count: int, height: int, strength: Strength, generator: torch.Generator) -> Tensor:
    """Whole pixels for rows and columns, (2, N, 1), evenly from -reach to reach."""
    if not isinstance(strength, Tensor):
        reach = round(strength * height / 8)
        return torch.randint(-reach, reach + 1, (2, count, 1), generator=generator, device=generator.device)
    # The host does not know the reach, and is not to wait for it.
    limit = (strength * height / 8).round()
    drawn = torch.rand(2, count, 1, generator=generator, device=generator.device)
    # In float32 the product can be rounded up to the next integer.
    return torch.minimum((drawn * (2 * limit + 1)).floor() - limit, limit).long()
