import numpy as np
import pytest
from support.configs import TINY

from ignm.config import load_preset


@pytest.fixture
def tiny_config():
    return load_preset("dcgan", TINY)


@pytest.fixture
def tiny_images():
    return np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3), dtype=np.uint8)
