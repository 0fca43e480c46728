"""Where datasets go, and a folder of images that can be imported."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def good(tmp_path):
    """40 pictures of smooth colour noise, 0.png to 39.png."""
    folder = tmp_path / "good"
    folder.mkdir()
    for index in range(40):
        small = np.random.default_rng(index).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(small).resize((40, 40), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    return folder
