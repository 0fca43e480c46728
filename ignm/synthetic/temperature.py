"""Shifts of colour temperature along the Planckian locus."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ignm.synthetic.draws import Purpose, uniforms

_NEUTRAL = 6504.0  # kelvin of sRGB's white point
_WARMER, _COOLER = 90.0, 60.0  # mired at strength 1
_XYZ_TO_RGB = np.array(
    [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def planckian(kelvin: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return linear sRGB colours (n, 3) of luminance 1 of black bodies of 1,667 to 25,000 K (Kim et al. 2002)."""
    t = 1e3 / kelvin
    x = np.where(
        kelvin <= 4000,
        np.polyval([-0.2661239, -0.2343589, 0.8776956, 0.179910], t),
        np.polyval([-3.0258469, 2.1070379, 0.2226347, 0.240390], t),
    )
    y = np.select(
        [kelvin <= 2222, kelvin <= 4000],
        [
            np.polyval([-1.1063814, -1.34811020, 2.18555832, -0.20219683], x),
            np.polyval([-0.9549476, -1.37418593, 2.09137015, -0.16748867], x),
        ],
        np.polyval([3.0817580, -5.87338670, 3.75112997, -0.37001483], x),
    )
    return np.stack([x / y, np.ones_like(x), (1 - x - y) / y], axis=-1) @ _XYZ_TO_RGB.T


def gains(strength: float, seed: int, start: int, count: int) -> Tensor:
    """Return gains (n, 3, 1, 1) for linear light, as of a lamp of another temperature: images start, ... of the pool.

    Temperatures are spread evenly in mired (1e6 / K), in which even steps look even; strength 1 reaches 4,100 K and
    10,700 K. Grey keeps its luminance.
    """
    draw = uniforms(seed, Purpose.TEMPERATURE, start, count, 1)[:, 0]
    mired = 1e6 / _NEUTRAL + strength * (draw * (_WARMER + _COOLER) - _COOLER)
    lamps = planckian(1e6 / mired) / planckian(np.array([_NEUTRAL]))
    lamps /= lamps @ _LUMINANCE[:, None]
    return torch.from_numpy(lamps.astype(np.float32))[:, :, None, None]
