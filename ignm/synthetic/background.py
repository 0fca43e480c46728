"""Another background behind the person: what surrounds another face, blurred, or a drawn scene."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ignm.data.faces import sample_parameters
from ignm.data.faces.scene import draw_background
from ignm.synthetic.blur import blurred
from ignm.synthetic.colours import with_channels
from ignm.synthetic.draws import Purpose, coordinates, seed_for
from ignm.synthetic.matte import matte

_KEPT_BRIGHTNESS = 0.5
_COARSE, _SPREAD = 16, 2.5
_DISPLAY = 2.2


def replaced(images: Tensor, behind: Tensor) -> Tensor:
    """Lay the people of (n, C, R, R) display values of 0..1 before `behind`, of the same shape.

    The new background goes half the way to the mean colour of the old one, as light in one place does.
    """
    share = matte(images)
    away = 1 - share
    area = away.sum(dim=(2, 3), keepdim=True).clamp_(min=1)
    change = ((images - behind) * away).sum(dim=(2, 3), keepdim=True) / area
    behind = (behind + _KEPT_BRIGHTNESS * change).clamp_(0, 1)
    return torch.lerp(behind, _foreground(images, share), share)


def surroundings(images: Tensor) -> Tensor:
    """Return what is beside and above the faces of (n, C, R, R), blurred over where they are."""
    size = images.shape[-1]
    small = F.interpolate(images, size=(_COARSE, _COARSE), mode="area")
    x, y = coordinates(_COARSE)
    beside, above = (x.abs() - 0.5).clamp_(min=0) * (y < 0.5), (-y - 0.7).clamp_(min=0) * (x.abs() > 0.35)
    weight = beside * beside + above * above + 1e-7
    filled = blurred(small * weight, _SPREAD) / blurred(weight, _SPREAD)
    return F.interpolate(filled, size=(size, size), mode="bilinear", align_corners=False)


def scenes(chosen: Tensor, channels: int, size: int, seed: int, start: int) -> Tensor:
    """Draw the backgrounds of embedded faces: display values (n, C, R, R) for the images start + chosen of the pool."""
    if not len(chosen):
        return torch.empty(0, channels, size, size)
    last = int(chosen.max()) + 1
    parameters = sample_parameters(last, seed_for(seed, Purpose.SCENE), start).columns(chosen.numpy())
    linear = np.clip(np.moveaxis(draw_background(parameters, size), 0, 1), 0, 1)
    return with_channels(torch.from_numpy(linear ** np.float32(1 / _DISPLAY)), channels)


def _foreground(images: Tensor, share: Tensor) -> Tensor:
    """Estimate the colours of the person alone, without the old background that shines through at the edges.

    Blur fusion (Forte 2021): smooth estimates of both layers, corrected by what they leave unexplained.
    """
    sigma = images.shape[-1] / 20
    own = blurred(share, sigma)
    person = blurred(images * share, sigma) / (own + 1e-4)
    other = blurred(images * (1 - share), sigma) / (1 - own + 1e-4)
    return (person + share * (images - torch.lerp(other, person, share))).clamp_(0, 1)
