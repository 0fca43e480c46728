"""Turned faces: no folds, no black edges, and the thin plate against scipy's."""

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator

from ignm.synthetic import pose
from ignm.synthetic.draws import coordinates


def jacobian(places):
    """Determinants of the derivatives by forward differences, 1 where nothing moves."""
    step = 2 / places.shape[1]
    down = places.double().diff(dim=1)[:, :, :-1] / step
    right = places.double().diff(dim=2)[:, :-1] / step
    return right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]


@pytest.mark.parametrize("size", [16, 64])
def test_no_warp_folds_not_even_the_most_extreme(size, monkeypatch):
    assert jacobian(pose.origins(500, size, 1.0, seed=0, start=0)).min() > 0.2

    def extremes(seed, purpose, start, count, columns):
        return np.random.default_rng(1).integers(0, 2, (count, columns)).astype(float)

    monkeypatch.setattr(pose, "uniforms", extremes)
    assert jacobian(pose.origins(500, size, 1.0, seed=0, start=0)).min() > 0


def test_without_strength_every_pixel_stays():
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(pose.turned(images, 0.0, 0, 0), images, atol=1e-5, rtol=0)


def test_edges_are_reflected_and_never_black():
    white = torch.ones(64, 1, 32, 32)
    torch.testing.assert_close(pose.turned(white, 1.0, 0, 0), white, atol=1e-5, rtol=0)


def test_yaw_moves_the_nose_sideways_and_the_background_little(monkeypatch):
    def only_yaw(seed, purpose, start, count, columns):
        draws = np.full((count, columns), 0.5)
        draws[:, 0] = 1
        return draws

    monkeypatch.setattr(pose, "uniforms", only_yaw)
    places = pose.origins(1, 64, 1.0, 0, 0)[0]
    x, y = coordinates(64)
    moved = places[..., 0] - x[0, 0]
    assert moved[32, 32] > 0.25
    assert moved[32, [0, -1]].abs().max() < 0.15
    assert (places[..., 1] - y[0, 0]).abs().max() < 0.1


def test_the_plate_is_scipys_thin_plate_spline():
    axis = np.linspace(-0.8, 0.8, 4)
    knots = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    bends = np.random.default_rng(0).normal(size=16)
    x, y = coordinates(16)
    points = np.stack([np.tile(x.numpy().ravel(), 16), np.repeat(y.numpy().ravel(), 16)], axis=-1)
    expected = RBFInterpolator(knots, bends, kernel="thin_plate_spline")(points)
    np.testing.assert_allclose(bends @ pose._plates(16).double().numpy(), expected, atol=1e-5)
