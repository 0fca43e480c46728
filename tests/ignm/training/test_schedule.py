"""Learning rates against closed forms, and that the optimisers use them."""

import math

import pytest
import torch

from ignm.config import load_preset, override
from ignm.training.schedule import rate
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet


def at(kimg, **changes):
    optim = load_preset("dcgan", {f"optim.{key}": value for key, value in changes.items()}).optim
    return rate(optim, round(kimg * 1000))


@pytest.mark.parametrize("kimg", [0, 1, 10_000])
def test_without_a_schedule_the_rate_stays(kimg):
    assert at(kimg) == 1.0


@pytest.mark.parametrize(("kimg", "expected"), [(0, 0), (5, 0.25), (10, 0.5), (20, 1), (500, 1)])
def test_warm_up_rises_from_nothing_in_a_line(kimg, expected):
    assert at(kimg, warmup=20.0) == pytest.approx(expected)


@pytest.mark.parametrize("final", [0.0, 0.01, 0.3, 1.0])
@pytest.mark.parametrize("kimg", [0.0, 0.064, 50.0, 100.0, 199.9, 200.0, 5000.0])
def test_rates_fall_to_their_final_share_and_stay_there(kimg, final):
    progress = min(kimg / 200, 1.0)
    options = {"schedule_kimg": 200.0, "final": final}
    assert at(kimg, schedule="linear", **options) == pytest.approx(1 - (1 - final) * progress)
    cosine = final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2
    assert at(kimg, schedule="cosine", **options) == pytest.approx(cosine)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_rates_never_rise_once_warm_and_end_at_final_exactly(schedule):
    options = {"schedule": schedule, "schedule_kimg": 200.0, "final": 0.1, "warmup": 20.0}
    rates = [at(kimg, **options) for kimg in range(20, 260, 10)]
    assert rates == sorted(rates, reverse=True)
    assert rates[18:] == pytest.approx([0.1] * 6, abs=1e-15)


def test_warm_up_and_schedule_are_multiplied():
    both = at(10, warmup=20.0, schedule="linear", schedule_kimg=200.0, final=0.2)
    assert both == pytest.approx(0.5 * (1 - 0.8 * 0.05))


def test_every_optimiser_follows_the_schedule_and_keeps_what_its_groups_differ_in(tiny_config, tiny_images):
    changes = {"init.layer_decay": 0.5, "optim.warmup": 0.04, "optim.schedule": "linear", "optim.schedule_kimg": 0.16}
    changes |= {"optim.generator.lr": 1e-3, "optim.discriminator.lr": 4e-3}
    trainer = Trainer(override(tiny_config, changes), TrainingSet.of(tiny_images), 0, torch.device("cpu"))
    expected = {"generator": 1e-3, "discriminator": 4e-3}
    for step in range(22):
        trainer.advance(trainer.kimg + 1e-4)
        # The discriminator's update comes before its images count as seen, the generator's after.
        for name, seen in (("discriminator", 8 * step), ("generator", 8 * (step + 1))):
            factor = min(1, seen / 40) * max(0, 1 - seen / 160)
            rates = [group["lr"] for group in trainer.optimisers[name].param_groups]
            assert rates == pytest.approx([expected[name] * factor * decay for decay in (0.25, 0.5, 1.0)]), (name, step)


def test_nothing_moves_after_a_schedule_to_0(tiny_config, tiny_images):
    changes = {"optim.schedule": "cosine", "optim.schedule_kimg": 0.04}
    trainer = Trainer(override(tiny_config, changes), TrainingSet.of(tiny_images), 0, torch.device("cpu"))
    trainer.advance(0.04)
    before = {name: [p.clone() for p in network.parameters()] for name, network in trainer.networks().items()}
    trainer.advance(0.08)
    for name in ("generator", "discriminator"):
        assert all(map(torch.equal, before[name], trainer.networks()[name].parameters())), name
