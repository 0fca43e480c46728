"""Turning a face: a dome of depth rotated about the face's axis, perspective, and a thin-plate warp."""

from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from ignm.synthetic.draws import Purpose, between, coordinates, uniforms

_YAW, _PITCH = 0.45, 0.25  # radians at strength 1
_DEPTH, _WIDTH, _HEIGHT, _CENTRE = 0.65, 0.52, 0.7, 0.05  # of the dome, in half pictures
_PERSPECTIVE = 0.2
_KNOTS = 4
_BEND = 0.06  # of each knot at strength 1, in half pictures


def turned(images: Tensor, strength: float, seed: int, start: int) -> Tensor:
    """Turn and bend images (n, C, R, R) of 0..1: images start, ... of the pool; edges are filled by reflection."""
    places = origins(len(images), images.shape[-1], strength, seed, start)
    return F.grid_sample(images, places, mode="bicubic", padding_mode="reflection", align_corners=False).clamp_(0, 1)


def origins(count: int, size: int, strength: float, seed: int, start: int) -> Tensor:
    """Return where each pixel comes from: (n, R, R, 2), x and y of -1 to 1 over the picture.

    The face is taken for a dome about the crop's vertical axis, what is behind it for a plane that stays. At strength
    1 yaw reaches 26 degrees and pitch 14, and each of 16 knots of a thin plate (Bookstein 1989) moves by up to 3 % of
    the side in x and y.
    """
    draws = uniforms(seed, Purpose.POSE, start, count, 2 + 2 * _KNOTS**2)
    yaw, pitch = (between(draws[:, i], -strength * most, strength * most) for i, most in enumerate((_YAW, _PITCH)))
    x, y = coordinates(size)
    dome = torch.exp(-0.5 * (x / _WIDTH) ** 2) * torch.exp(-0.5 * ((y - _CENTRE) / _HEIGHT) ** 2)
    nearer = 1 + _PERSPECTIVE * (yaw.sin() * x + pitch.sin() * y)
    turned_x = (x + dome * (_DEPTH * yaw.sin() + x * (yaw.cos() - 1))) * nearer
    turned_y = (y + dome * (_DEPTH * pitch.sin() + y * (pitch.cos() - 1))) * nearer
    bends = torch.from_numpy(((draws[:, 2:] * 2 - 1) * strength * _BEND).astype(np.float32))
    bent = (bends.reshape(2 * count, -1) @ _plates(size)).reshape(count, 2, size, size)
    return torch.stack([turned_x[:, 0] + bent[:, 0], turned_y[:, 0] + bent[:, 1]], dim=-1)


@cache
def _plates(size: int) -> Tensor:
    """The thin-plate splines (K, R * R) that are 1 at one knot and 0 at the others."""
    axis = np.linspace(-0.8, 0.8, _KNOTS)
    knots = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    flat = np.column_stack([np.ones(len(knots)), knots])
    system = np.block([[_kernel(knots, knots), flat], [flat.T, np.zeros((3, 3))]])
    x, y = coordinates(size)
    points = np.stack([np.tile(x.numpy().ravel(), size), np.repeat(y.numpy().ravel(), size)], axis=-1)
    basis = np.column_stack([_kernel(points, knots), np.ones(len(points)), points])
    return torch.from_numpy(np.linalg.solve(system, basis.T)[:-3].astype(np.float32))


def _kernel(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    square = ((a[:, None] - b[None]) ** 2).sum(-1)
    return square * np.log(np.maximum(square, 1e-300))
