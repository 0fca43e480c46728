"""Trials over noise images, scored by their weights, and how two of them are compared."""

from types import SimpleNamespace

import torch

from ignm.config import Evaluation, TrialSpec
from ignm.training import trial
from ignm.training.checkpoint import latest_checkpoint
from ignm.training.trial import run_trial

CPU = torch.device("cpu")
POINTS = (0.08, 0.16, 0.24)
HARD = {
    "loss.adversarial": "relativistic",
    "loss.penalty": "r1",
    "loss.interval": 3,
    "discriminator.normalisation": "layer",
    "discriminator.spectral_norm": True,
    "augment.policy": "ada",
    "augment.target": 0.5,
    "augment.adapt_kimg": 1.0,
    "data.synthetic.fraction": 0.5,
    "data.synthetic.count": 20,
    "data.degrade.blur": 0.5,
    "data.degrade.keep": 0.9,
    "data.mirror": True,
    "optim.n_critic": 2,
}


class WeightSum:
    """Scores a generator by its weights, so that any difference between two runs shows."""

    def __init__(self, value=None):
        self.value = value

    def score(self, generator):
        quality = self.value or sum(p.double().abs().sum().item() for p in generator.parameters())
        return SimpleNamespace(
            quality=quality, quality_error=0.5, diversity=1.0, metric="sum", reference_id="none", count=1, columns={}
        )


def spec(config, points=POINTS, seed=0):
    return TrialSpec(config=config, seed=seed, kimg=points[-1], measure_at=points, evaluation=Evaluation())


def run(specification, dataset, directory, evaluator=None, **options):
    return run_trial(specification, dataset, directory, evaluator or WeightSum(), CPU, **options)


def final_state(directory):
    checkpoint = latest_checkpoint(directory)
    state = torch.load(checkpoint.path / "state.pt", weights_only=True)
    state.pop("seconds")
    return (
        (checkpoint.path / "networks.safetensors").read_bytes(),
        (checkpoint.path / "generator_ema.safetensors").read_bytes(),
        state,
    )


def equal(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return a == b


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def killed_after(monkeypatch, saves):
    """Have a run end for good right after so many checkpoints."""
    save, left = trial.save_checkpoint, [saves]

    def last(*arguments):
        path = save(*arguments)
        left[0] -= 1
        if left[0] == 0:
            raise Killed
        return path

    monkeypatch.setattr(trial, "save_checkpoint", last)
