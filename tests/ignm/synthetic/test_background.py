"""Mattes and backgrounds, on pictures whose truth is known."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from ignm.synthetic.background import replaced, scenes, surroundings
from ignm.synthetic.blur import blurred
from ignm.synthetic.draws import coordinates
from ignm.synthetic.matte import _distance, _ways, matte


def portrait(inside, outside, size=64, channels=3):
    """A soft-edged head and neck, and the share of each pixel that they cover."""
    x, y = coordinates(size)
    head = (1 - ((x / 0.65) ** 2 + (y / 0.85) ** 2).sqrt()) * size / 4
    neck = torch.minimum(0.45 - x.abs(), y - 0.4) * size / 2
    share = (torch.maximum(head, neck) + 0.5).clamp(0, 1)
    return (outside + (inside - outside) * share).expand(1, channels, size, size).contiguous(), share


def test_blur_is_a_gaussian_with_repeated_edges():
    image = np.random.default_rng(0).random((1, 1, 24, 24))
    expected = gaussian_filter(image[0, 0], 1.7, mode="nearest", truncate=4)
    np.testing.assert_allclose(blurred(torch.from_numpy(image).float(), 1.7)[0, 0], expected, atol=2e-3)


def test_distances_are_dijkstras():
    side = 12
    rng = np.random.default_rng(0)
    image = gaussian_filter(rng.random((3, side, side)), (0, 2, 2)).astype(np.float32)
    rows = image[:, :, None, :]
    ways = [_ways(np.ascontiguousarray(np.rot90(rows, turn, axes=(1, 3)))) for turn in range(4)]
    seeds = np.zeros((side, 1, side), bool)
    seeds[3, 0, 7] = True
    graph = np.zeros((side * side, side * side))
    for row, column in np.ndindex(side, side):
        for down, right in np.ndindex(3, 3):
            other = row + down - 1, column + right - 1
            if other != (row, column) and min(other) >= 0 and max(other) < side:
                edge = np.abs(image[:, row, column] - image[:, other[0], other[1]]).mean()
                way = 2 / side * np.hypot(down - 1, right - 1)
                graph[row * side + column, other[0] * side + other[1]] = 12 * edge + way
    expected = dijkstra(csr_matrix(graph), indices=3 * side + 7).reshape(side, side)
    np.testing.assert_allclose(_distance(ways, seeds)[:, 0], expected, rtol=1e-3)


def test_the_matte_finds_a_face_before_a_plain_background():
    image, truth = portrait(0.8, 0.1)
    assert (matte(image) - truth).abs().mean() < 0.04
    image, truth = portrait(0.8, 0.1, size=32, channels=1)
    assert (matte(image) - truth).abs().mean() < 0.06


def test_where_no_edge_divides_them_all_is_person():
    assert matte(torch.full((1, 3, 32, 32), 0.5)).min() > 0.999


def test_a_mattes_batch_is_its_images_one_by_one():
    images = torch.cat([portrait(0.8, 0.1)[0], portrait(0.3, 0.9)[0], torch.full((1, 3, 64, 64), 0.5)])
    one_by_one = torch.cat([matte(image[None]) for image in images])
    torch.testing.assert_close(matte(images), one_by_one, atol=1e-5, rtol=0)


def test_a_new_background_leaves_no_halo():
    image, truth = portrait(0.8, 0.1)
    # A mean of 0.55, so that half the way to the old one is 0.325.
    made = replaced(image, torch.full_like(image, 0.55))
    clear = truth.expand_as(image) < 0.02
    assert (made[clear].mean() - 0.325).abs() < 0.05
    # From the background to the face brightness only rises: neither a dark ring nor a bright one.
    row = made[0, 0, 32, :33]
    assert row.diff().min() > -0.03
    assert row.max() < 0.83


def test_surroundings_do_not_show_the_face():
    image, _ = portrait(0.9, 0.2)
    around = surroundings(image)
    assert around.shape == image.shape
    assert around.max() < 0.4


def test_scenes_depend_on_the_image_alone():
    together = scenes(torch.tensor([0, 3, 5]), 3, 32, seed=1, start=64)
    assert together.shape == (3, 3, 32, 32)
    assert together.min() >= 0
    assert together.max() <= 1
    torch.testing.assert_close(together[1:2], scenes(torch.tensor([0]), 3, 32, seed=1, start=67))
    assert scenes(torch.tensor([], dtype=torch.long), 1, 32, 0, 0).shape == (0, 1, 32, 32)
