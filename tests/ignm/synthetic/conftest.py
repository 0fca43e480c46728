"""Real images for the pool: 300 drawn faces at 32 x 32, in colour and in grey."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from ignm.data.faces import draw_faces


@pytest.fixture(autouse=True)
def one_thread():
    """Pictures this small are made faster by one thread than by several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def colour():
    images = draw_faces(300, 32, seed=11).images
    return SimpleNamespace(images=images, fingerprint="colour", resolution=32, channels=3)


@pytest.fixture(scope="session")
def grey(colour):
    images = colour.images.mean(axis=-1, keepdims=True).astype(np.uint8)
    return SimpleNamespace(images=images, fingerprint="grey", resolution=32, channels=1)
