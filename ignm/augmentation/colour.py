"""ADA's transformations of colour, as one linear map for each image (Karras et al. 2020, appendix B)."""

import math

import torch
from torch import Tensor

from ignm.augmentation.draws import Strength, normal, uniform

BRIGHTNESS = 0.2
"""Standard deviation; images are in [-1, 1]."""
CONTRAST = 0.5
"""Standard deviation of log2."""
SATURATION = 1.0
"""Standard deviation of log2."""


def colour(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Brightness, contrast, luma flip, hue and saturation of images (N, C, H, W), each with probability `strength`.

    Images of one channel have no hue and no saturation. An image that was drawn no change is returned bit for bit.
    ValueError: neither one nor three channels.
    """
    count, channels = images.shape[:2]
    if channels not in (1, 3):
        raise ValueError(f"images must have 1 channel or 3, not {channels}")
    (brighter,), (contrast,) = normal(1, count, strength, generator), normal(1, count, strength, generator)
    (flip,) = uniform(1, count, strength, generator)
    drawn, gain = [brighter, contrast, flip], torch.exp2(CONTRAST * contrast)
    luma = torch.where(flip < 0, -gain, gain)
    if channels == 1:
        linear = luma[:, None, None]
    else:
        (hue,), (vivid,) = uniform(1, count, strength, generator), normal(1, count, strength, generator)
        drawn += [hue, vivid]
        linear = colour_map(luma, gain * torch.exp2(SATURATION * vivid), math.pi * hue)
    offset = (luma * BRIGHTNESS * brighter)[:, None, None]
    moved = linear.to(images.dtype) @ images.flatten(2) + offset.to(images.dtype)
    changed = torch.stack(drawn).any(0)
    return torch.where(changed[:, None, None, None], moved.view(images.shape), images)


def colour_map(luma: Tensor, chroma: Tensor, angle: Tensor) -> Tensor:
    """Scale a colour along the grey axis by `luma`, and across it by `chroma` while turning it by `angle`.

    All (N,), in radians; gives matrices (N, 3, 3) for red, green and blue. Contrast, luma flip (luma -1), hue and
    saturation only do one or several of these, so their product in any order is one such map.
    """
    one = torch.eye(3, device=luma.device)
    along = torch.full_like(one, 1 / 3)
    # The cross product with the grey axis, a quarter turn about it.
    turned = (one.roll(-1, 1) - one.roll(1, 1)) / math.sqrt(3)
    luma, chroma, angle = luma[:, None, None], chroma[:, None, None], angle[:, None, None]
    return luma * along + chroma * (angle.cos() * (one - along) + angle.sin() * turned)
