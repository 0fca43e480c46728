"""ADA's pixel blitting, geometry and colour: what its authors train with (Karras et al. 2020, section 3.2)."""

import torch
from torch import Tensor

from ignm.augmentation.colour import colour
from ignm.augmentation.draws import Strength
from ignm.augmentation.geometry import geometry


def ada(images: Tensor, strength: Strength, generator: torch.Generator) -> Tensor:
    """Images (N, C, R, R) in [-1, 1] with each transformation at probability `strength`; computed in float32 or finer.

    ValueError: images that are not square, or have neither one nor three channels.
    """
    with torch.autocast(images.device.type, enabled=False):
        whole = images.to(torch.promote_types(images.dtype, torch.float32))
        changed = colour(geometry(whole, strength, generator), strength, generator)
        return changed.to(images.dtype).contiguous(memory_format=torch.channels_last)
