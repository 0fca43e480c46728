"""The embedded extractor's distance must rise with every known harm, far beyond what sampling alone does."""

import io
import itertools
import os
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from ignm.data.faces import draw_faces
from ignm.metrics.disturbances import DISTURBANCES, GAN_FAULTS
from ignm.metrics.extractors import build_extractor
from ignm.metrics.quality import score
from ignm.metrics.reference import load_or_compute_reference

REAL_FACES = "IGNM_REAL_FACES"
PART = 400
HARMS = DISTURBANCES | GAN_FAULTS


def embedded_faces(count):
    return draw_faces(count, 32, seed=1).images


def real_faces(count):
    if REAL_FACES not in os.environ:
        pytest.skip(f"{REAL_FACES} does not name a zip of real faces")
    with zipfile.ZipFile(os.environ[REAL_FACES]) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".png"))
        chosen = np.random.default_rng(0).choice(names, count, replace=False)
        pictures = [Image.open(io.BytesIO(archive.read(str(name)))).convert("L").resize((32, 32)) for name in chosen]
    return np.stack([np.asarray(picture) for picture in pictures])[..., None]


@pytest.fixture(scope="module", params=[embedded_faces, real_faces], ids=lambda source: source.__name__)
def scene(request, tmp_path_factory):
    """A scorer against one part of the images, the part to be harmed, and the scores of four untouched parts."""
    images = request.param(5 * PART)
    extractor = build_extractor("scatter")
    reference = load_or_compute_reference(images[:PART], "part", extractor, tmp_path_factory.mktemp("cache"))

    def scored(batch):
        return score(batch.split(200), reference, extractor)

    parts = torch.from_numpy(images[PART:]).permute(0, 3, 1, 2).contiguous().split(PART)
    return scored, parts[0], [scored(part).quality for part in parts]


@pytest.mark.parametrize("harm", HARMS)
def test_distance_rises_with_every_level_far_beyond_sampling_noise(scene, harm):
    scored, images, untouched = scene
    disturb, levels = HARMS[harm]
    rise = [untouched[0]] + [
        scored(disturb(images, level, torch.Generator().manual_seed(0))).quality for level in levels
    ]

    noise = max(untouched) - min(untouched)
    assert all(low < high for low, high in itertools.pairwise(rise)), rise
    assert rise[2] - rise[0] > 2 * noise, (rise, noise)
    assert rise[-1] > 4 * max(untouched), (rise, untouched)


def test_diversity_falls_with_collapse_and_stays_near_one_for_real_images(scene):
    scored, images, _ = scene
    disturb, levels = HARMS["collapse"]
    diversity = [
        scored(disturb(images, level, torch.Generator().manual_seed(0))).diversity for level in (0.0, *levels, 1.0)
    ]
    assert diversity[0] == pytest.approx(1, abs=0.1)
    assert diversity[-2] < 0.5
    assert diversity[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("harm", HARMS)
def test_level_zero_changes_nothing_and_every_level_keeps_shape_type_and_input(harm):
    disturb, levels = HARMS[harm]
    for channels in (1, 3):
        generator = torch.Generator().manual_seed(2)
        images = torch.randint(0, 256, (40, channels, 24, 24), generator=generator, dtype=torch.uint8)
        before = images.clone()
        assert torch.equal(disturb(images, 0.0, torch.Generator().manual_seed(0)), images)
        for level in levels:
            harmed = disturb(images, level, torch.Generator().manual_seed(0))
            assert harmed.shape == images.shape
            assert harmed.dtype == torch.uint8
            assert torch.equal(harmed, disturb(images, level, torch.Generator().manual_seed(0)))
        assert torch.equal(images, before)
