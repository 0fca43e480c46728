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
def judged_apart(monkeypatch):
    """Send each batch through the discriminator's forward, where hooks see it; that it comes to the same is tested
    beside `judge_together`."""

    def apart(network, batches, labels):
        return [network(batch, labels) for batch in batches]

    monkeypatch.setattr("ignm.training.trainer.judge_together", apart)
