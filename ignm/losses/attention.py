"""Attention as supervision: where the discriminator looks, and that it looks at the same place in the mirror."""

from torch import Tensor

from ignm.losses.precision import at_least_float32

FLOOR = 1e-12
"""Added to the energy of each pixel, so that features that are all zero attend to every pixel alike."""


def attention_map(features: Tensor) -> Tensor:
    """Share of the activations' energy at each pixel: (N, C, H, W) -> (N, H, W), each map's sum is 1.

    The mean of squared activations over channels (activation-based attention, Zagoruyko and Komodakis 2017, section
    3.1). ValueError: shape.
    """
    if features.ndim != 4:
        raise ValueError(f"features must be (N, C, H, W): {tuple(features.shape)}")
    energy = at_least_float32(features).square().mean(dim=1) + FLOOR
    return energy / energy.sum(dim=(1, 2), keepdim=True)


def agreement(maps: Tensor, mirrored_maps: Tensor) -> Tensor:
    """How far attention on images is from that on their mirror images; 0 if and only if they agree.

    Both (N, H, W), in the same order; the second are the maps of the images flipped left to right. Those are flipped
    back, and the result is the mean over images of H W sum (p - q)^2: the mean squared difference in units of even
    attention, 1 / (H W), so that a weight means the same for a small map as for a large one.

    Visual attention consistency (Guo et al. 2019, equation 5) takes this squared distance, as its code does, between
    class activation maps. A discriminator has one class, and would bring such maps together by shrinking its
    activations; maps of sum 1 leave it no way but to look at the same place. ValueError: shapes.
    """
    if maps.ndim != 3 or maps.shape != mirrored_maps.shape:
        raise ValueError(f"maps must be (N, H, W) and alike: {tuple(maps.shape)}, {tuple(mirrored_maps.shape)}")
    pixels = maps.shape[1] * maps.shape[2]
    difference = at_least_float32(maps) - at_least_float32(mirrored_maps).flip(2)
    return pixels * difference.square().sum(dim=(1, 2)).mean()
