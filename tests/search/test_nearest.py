"""Generated images beside the training images most like them."""

import numpy as np

from search.nearest import CHUNK, nearest_images


def test_a_copy_is_found_wherever_it_lies_and_mirrored_too():
    noise = np.random.default_rng(0)
    training = noise.integers(0, 256, (2 * CHUNK + 100, 16, 16, 1), dtype=np.uint8)
    generated = np.stack([training[CHUNK + 3], training[2 * CHUNK + 50][:, ::-1], training[0]])
    found = nearest_images(generated, training, 2)
    assert found.shape == (3, 3, 16, 16, 1)
    np.testing.assert_array_equal(found[:, 0], generated)
    np.testing.assert_array_equal(found[:, 1], training[[CHUNK + 3, 2 * CHUNK + 50, 0]])


def test_order_is_that_of_all_distances():
    noise = np.random.default_rng(1)
    training = noise.integers(0, 256, (CHUNK + 7, 32, 32, 3), dtype=np.uint8)
    generated = noise.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    small = training.reshape(-1, 16, 2, 16, 2, 3).mean(axis=(2, 4))
    for own, row in zip(generated, nearest_images(generated, training, 5), strict=True):
        wanted = own.reshape(16, 2, 16, 2, 3).mean(axis=(1, 3))
        plain, mirrored = (((each - wanted) ** 2).sum(axis=(1, 2, 3)) for each in (small, small[:, :, ::-1]))
        np.testing.assert_array_equal(row[1:], training[np.argsort(np.minimum(plain, mirrored))[:5]])
