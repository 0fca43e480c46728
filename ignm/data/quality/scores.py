"""What can be said of one image alone: how sharp, how contrasty, how well exposed it is.

Every score takes uint8 pixels (R, R, C), C 1 or 3; grey pixels score the same as the three equal channels.
"""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_SIDE = 64
_FLAT = 1.0
_DARK, _BRIGHT = 2, 253
_TAIL = 0.01


def luma(pixels: Pixels) -> Pixels:
    """ITU-R 601 luma, uint8 (R, R), in PIL's own integers: of three equal channels it is exactly that channel."""
    if pixels.shape[2] == 1:
        return pixels[:, :, 0]
    red, green, blue = (pixels[:, :, channel].astype(np.int32) for channel in range(3))
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)


def sharpness(pixels: Pixels) -> float:
    """How much fine detail there is, 0 for none: 100 * (R / 64) * variance of the Laplacian / variance of the luma.

    The share makes it blind to contrast, so that a dim picture is not called blurred. R / 64 undoes how detail thins
    out with resolution: a face blurred by one pixel scores about the same from 16x16 to 64x64, where it was measured;
    smooth faces of 128x128 and more score lower. Noise counts as detail.
    Source: variance of the Laplacian, Pech-Pacheco et al. 2000.
    """
    plane = luma(pixels).astype(np.float32)
    inner = plane[1:-1, 1:-1]
    laplacian = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:] - 4 * inner
    share = laplacian.var(dtype=np.float64) / (plane.var(dtype=np.float64) + _FLAT)
    return float(100 * len(plane) / _SIDE * share)


def contrast(pixels: Pixels) -> float:
    """Robust range of the luma, 0 to 1: between its first and last hundredth, as a share of black to white."""
    cumulative = np.cumsum(np.bincount(luma(pixels).ravel(), minlength=256))
    low, high = np.searchsorted(cumulative, (_TAIL * cumulative[-1], (1 - _TAIL) * cumulative[-1]))
    return float(high - low) / 255


def clipped(pixels: Pixels) -> float:
    """Share of the pixels, 0 to 1, that are black or white, within the ringing of a JPEG (luma up to 2, from 253)."""
    plane = luma(pixels)
    return float(((plane <= _DARK) | (plane >= _BRIGHT)).mean())
