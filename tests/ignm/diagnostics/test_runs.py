"""Each defect is found in a run made to have it, and in no healthy run of the same size."""

import pytest
import torch

from ignm.training.checkpoint import load_generator, open_checkpoint
from ignm.training.measurement import read_measurements
from ignm.training.trainer import DivergedError, Trainer

CRITIC = {"loss__adversarial": "wasserstein", "discriminator__normalisation": "layer"}
PENALTY = {"loss__penalty": "wgan_gp", "loss__gamma": 10.0, "loss__interval": 1}
MOMENTUM = {
    f"optim__{network}__{name}": value
    for network in ("generator", "discriminator")
    for name, value in (("lr", 2e-3), ("beta1", 0.9))
}
SAGAN = {
    "preset": "sagan",
    "generator__attention": None,
    "discriminator__attention": None,
    "optim__batch": 8,
    "kimg": 1.5,
}

HEALTHY = {
    "dcgan": {"kimg": 8.0},
    "ignm": {"preset": "ignm", "kimg": 8.0},
    "sagan": SAGAN,
    "wgan-gp": {"preset": "wgan-gp", "optim__n_critic": 2, "kimg": 2.0},
    "a penalised critic": CRITIC | PENALTY | {"kimg": 8.0},
}
DEFECTIVE = {
    "SAGAN at 100 times its learning rates": (
        SAGAN | {"optim__generator__lr": 1e-2, "optim__discriminator__lr": 4e-2},
        {"vanishing-gradient"},
    ),
    "a critic without penalty, with momentum": (
        CRITIC | MOMENTUM | {"discriminator__normalisation": None, "optim__batch": 8, "kimg": 5.0},
        {"oscillation"},
    ),
    "a critic without penalty at 100 times its learning rate": (
        CRITIC | {"discriminator__normalisation": None, "kimg": 2.0, "optim__discriminator__lr": 2e-2},
        {"exploding-gradient"},
    ),
    "a loss that saturates": (
        {"loss__adversarial": "minimax", "optim__discriminator__lr": 2e-3, "kimg": 8.0},
        {"vanishing-gradient", "mode-collapse"},
    ),
    "a frozen discriminator": ({"optim__discriminator__lr": 1e-12, "kimg": 2.0}, {"weak-discriminator"}),
    "a handful of images": ({"shown": 8, "kimg": 2.0}, {"discriminator-overfitting"}),
}


@pytest.mark.parametrize("changes", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_run_shows_no_defect_at_any_age(trial, changes):
    assert [each.defects for each in trial(**changes, points=4)] == [()] * 4


@pytest.mark.parametrize(("changes", "expected"), DEFECTIVE.values(), ids=DEFECTIVE)
def test_a_run_that_was_made_to_have_a_defect_shows_it(trial, changes, expected):
    assert expected <= set(list(trial(**changes))[-1].defects)


def test_total_collapse_ends_the_trial_and_leaves_its_last_good_checkpoint(trial, tmp_path, monkeypatch):
    step = Trainer._step

    def forgetful(trainer):
        step(trainer)
        if trainer.images_seen > 2000:
            # Nothing of the latents gets through.
            next(trainer.average.parameters()).zero_()

    monkeypatch.setattr(Trainer, "_step", forgetful)
    running = trial(kimg=2.4, points=2, optim__batch=4, folder=tmp_path)
    good = next(running)
    assert good.generator_updates == 300
    with pytest.raises(DivergedError, match=r"alike after 2\.4 kimg: diversity 0\.0000"):
        next(running)
    checkpoint = open_checkpoint(tmp_path)
    assert (checkpoint.measurements, checkpoint.images_seen) == ([good], 1200)
    images = load_generator(checkpoint, torch.device("cpu"))(torch.randn(4, 16))
    assert images.isfinite().all()
    assert images.std(dim=0).max() > 0.01
    assert len(read_measurements(tmp_path / "measurements.jsonl")) == 1
