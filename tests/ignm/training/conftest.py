from types import SimpleNamespace

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


@pytest.fixture
def dataset(tiny_images, tmp_path):
    class Images(SimpleNamespace):
        name, resolution, channels, fingerprint, path = "tiny", 16, 3, "f1", tmp_path / "data" / "tiny" / "16"

    return Images(images=tiny_images, test_images=tiny_images[:0])


@pytest.fixture
def judged_apart(monkeypatch):
    """Send each batch through the discriminator's forward, where hooks see it; that it comes to the same is tested
    beside `judge_together`."""

    def apart(network, batches, labels):
        return [network(batch, labels) for batch in batches]

    monkeypatch.setattr("ignm.training.discriminator_step.judge_together", apart)
