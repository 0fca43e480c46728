import numpy as np
import pytest

from ignm.config import load_preset

TINY = {
    "data.name": "tiny",
    "data.resolution": 16,
    "generator.width": 8,
    "discriminator.width": 8,
    "generator.latent": 8,
    "optim.batch": 8,
    "optim.precision": "fp32",
}


@pytest.fixture
def tiny_config():
    return load_preset("dcgan", TINY)


@pytest.fixture
def tiny_images():
    return np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
