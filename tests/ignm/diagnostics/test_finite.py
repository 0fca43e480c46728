"""What is not finite is found wherever it is, and never written."""

import math

import pytest
import torch

from ignm.diagnostics.finite import first_not_finite
from ignm.training.checkpoint import load_generator, open_checkpoint, save_checkpoint
from ignm.training.trainer import DivergedError, Trainer

CPU = torch.device("cpu")


def _first(network):
    return next(network.parameters()).data


def poison(tensor, value):
    tensor[(0,) * tensor.ndim] = value


PLACES = {
    "generator": lambda trainer: _first(trainer.generator),
    "discriminator": lambda trainer: _first(trainer.discriminator),
    "generator_ema": lambda trainer: _first(trainer.average),
    "a running average": lambda trainer: next(
        buffer for name, buffer in trainer.average.named_buffers() if name.endswith("running_var")
    ),
    "optimisers.discriminator": lambda trainer: next(iter(trainer.optimisers["discriminator"].state.values()))[
        "exp_avg_sq"
    ],
    "optimisers.generator": lambda trainer: next(iter(trainer.optimisers["generator"].state.values()))["exp_avg"],
}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_it_ends_the_trial_and_the_last_good_checkpoint_stays(trial, tmp_path, monkeypatch, place, value):
    step = Trainer._step

    def poisoned(trainer):
        step(trainer)
        if trainer.images_seen == 304:  # within two steps of the second measurement
            poison(place(trainer), value)

    monkeypatch.setattr(Trainer, "_step", poisoned)
    running = trial(kimg=0.32, points=2, folder=tmp_path)
    good = next(running)
    with pytest.raises(DivergedError, match=r"finite after 0\.32 kimg"):
        next(running)
    (left,) = tmp_path.glob("checkpoint-*")
    checkpoint = open_checkpoint(tmp_path)
    assert (checkpoint.path, checkpoint.measurements) == (left, [good])
    assert bool(load_generator(checkpoint, CPU)(torch.randn(2, 16)).isfinite().all())


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_no_checkpoint_of_it_is_written(trial, tmp_path, monkeypatch, place):
    kept = []

    def saved(trainer, *rest):
        kept.append((trainer, save_checkpoint(trainer, *rest)))

    monkeypatch.setattr("ignm.training.trial.save_checkpoint", saved)
    next(trial(kimg=0.16, points=1, folder=tmp_path))
    ((trainer, written),) = kept
    poison(place(trainer), math.nan)
    with pytest.raises(DivergedError, match=r"not finite after 0\.16 kimg"):
        save_checkpoint(trainer, [], "f", tmp_path / "again")
    assert written.exists()
    assert not (tmp_path / "again").exists()


def test_large_numbers_are_finite_and_integers_are_passed_over():
    large = torch.full((1000,), 3e38)
    state = {"a": {"b": [large, torch.tensor([1, 2])]}, "c": None, "d": 3, "e": torch.empty(0)}
    assert first_not_finite(state) is None
    assert first_not_finite({}) is None
    assert first_not_finite({**state, "x": (torch.zeros(2), {"y": torch.tensor([0.0, math.nan])})}) == "x.1.y"
    assert first_not_finite({"x": torch.tensor([math.nan, 5.0]).double()}) == "x"
