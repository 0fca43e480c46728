"""Trials of tiny networks on drawn faces, held-out ones beside them."""

from types import SimpleNamespace

import pytest
import torch

from ignm.config import Evaluation, TrialSpec, load_preset
from ignm.data.faces import draw_faces
from ignm.metrics.evaluator import Evaluator
from ignm.training.trial import run_trial

SMALL = {
    "data.name": "drawn",
    "data.resolution": 16,
    "generator.width": 8,
    "discriminator.width": 8,
    "generator.latent": 16,
    "optim.batch": 16,
    "optim.precision": "fp32",
}
TRAINED, HELD_OUT = 600, 128


@pytest.fixture(scope="session")
def drawn():
    """Drawn faces, uint8 (N, 16, 16, 3)."""
    return draw_faces(TRAINED + HELD_OUT, 16, seed=5).images


@pytest.fixture(scope="session")
def trial(drawn, tmp_path_factory):
    """Run a preset with changes; returns its measurements, its folder and what ended it, if anything did."""
    cache = tmp_path_factory.mktemp("references")
    cpu = torch.device("cpu")

    def dataset(count):
        return SimpleNamespace(
            name="drawn", resolution=16, channels=3, fingerprint=f"drawn-{count}", path=cache / "drawn" / "16",
            images=drawn[:count], test_images=drawn[TRAINED:],
        )  # fmt: skip

    def run(preset="dcgan", kimg=4.0, points=2, shown=TRAINED, folder=None, seed=0, **changes):
        named = {path.replace("__", "."): value for path, value in changes.items()}
        config = load_preset(preset, SMALL | named)
        measure_at = tuple(kimg * part / points for part in range(1, points + 1))
        evaluation = Evaluation(images=128, extractor="scatter")
        spec = TrialSpec(config=config, seed=seed, kimg=kimg, measure_at=measure_at, evaluation=evaluation)
        # All are measured against the same real images, however few of them are shown.
        evaluator = Evaluator(evaluation, dataset(TRAINED), cpu, cache)
        return run_trial(spec, dataset(shown), folder or tmp_path_factory.mktemp("trial"), evaluator, cpu)

    return run
