"""The estimate of a training's memory against what a process takes, and what follows from it."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest
import torch

from ignm.config import load_preset
from ignm.losses.penalties import PENALTIES
from ignm.models.shape import DataShape
from ignm.training.parts import most_parts
from search.running.memory import CUDA_CONTEXT_GIB, available_gib, estimate_gib, fitting_parts, hold_to

SHAPE = DataShape(3)
MEASURED = """
import json, sys
import numpy as np
import torch
from ignm.config import load_preset
from ignm.training.memory import keep_freed_memory
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet

def kib(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))

def trainer(config, parts=1):
    side = config.data.resolution
    images = np.random.default_rng(0).integers(0, 256, (256, side, side, 3), dtype=np.uint8)
    return Trainer(config, TrainingSet.of(images), 0, torch.device("cpu"), parts)

torch.set_num_threads(1)
small = {"data.resolution": 16, "generator.width": 8, "discriminator.width": 8, "optim.batch": 8}
trainer(load_preset("dcgan", small)).advance(0.01)  # what any first step loads
keep_freed_memory()
for preset, changes, parts in json.loads(sys.argv[1]):
    config = load_preset(preset, changes)
    before = kib("VmRSS")
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    training = trainer(config, parts)
    for _ in range(2):
        training.advance(training.kimg + 1e-4)
    print((kib("VmHWM") - before) / 2**20, flush=True)
"""
CASES = {
    "dcgan": ("dcgan", {"data.resolution": 32, "generator.width": 64, "discriminator.width": 64}, 1),
    "dcgan, larger": ("dcgan", {"generator.width": 32, "discriminator.width": 32}, 1),
    "in parts": ("dcgan", {"generator.width": 32, "discriminator.width": 32}, 4),
    "penalised": (
        "dcgan",
        {"generator.width": 32, "discriminator.width": 32, "loss.penalty": "r1_r2", "loss.interval": 1,
         "discriminator.normalisation": "layer"},
        1,
    ),
    "wgan-gp": ("wgan-gp", {"data.resolution": 32, "optim.n_critic": 1, "generator.width": 32,
                            "discriminator.width": 32}, 1),
    "sagan": ("sagan", {"data.resolution": 32, "generator.width": 32, "discriminator.width": 32}, 1),
    "fp32": ("dcgan", {"data.resolution": 32, "optim.precision": "fp32"}, 1),
}  # fmt: skip


def config_of(**changes):
    return load_preset("dcgan", {key.replace("__", "."): value for key, value in changes.items()})


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_above_what_is_taken_by_a_factor_of_two_at_most(case):
    """Growth of the resident memory at its peak, of a process that has trained before."""
    preset, changes, parts = case
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, json.dumps([case])],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert 1.0 <= estimate_gib(load_preset(preset, changes), SHAPE, parts) / float(done.stdout) <= 2.2


def test_weights_and_moments_by_hand():
    """With a batch of 2 nearly all is weights: DCGAN's 3,576,704 and 2,765,568 parameters, 20 and 16 bytes of each."""
    held = (20 * 3_576_704 + 16 * 2_765_568) / 2**30
    # 2 images of 6 copies, and 4 or 2 + 2 images' activations, or 128 images' two largest maps.
    images = 6 * 2 * 3 * 64**2 * 4 / 2**30
    evaluation = 2 * 128 * 32**2 * 64 * 4 / 2**30
    assert estimate_gib(config_of(optim__batch=2), SHAPE) == pytest.approx(held + images + evaluation, rel=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"generator.width": 128}, {"discriminator.width": 128}, {"optim.batch": 256}, {"optim.precision": "fp32"},
        {"augment.policy": "ada"}, {"loss.attention": 1.0}, {"augment.policy": "ada", "augment.consistency": 1.0},
        {"discriminator.normalisation": None, "loss.penalty": "r1_r2"},
    ],
    ids=str,
)  # fmt: skip
def test_whatever_takes_more_is_estimated_higher(changes):
    base = {"optim.precision": "bf16", "discriminator.normalisation": None}
    more = estimate_gib(load_preset("dcgan", base | changes), SHAPE)
    assert more > estimate_gib(load_preset("dcgan", base), SHAPE)


@pytest.mark.parametrize("name", sorted(PENALTIES))
def test_a_penalty_takes_as_much_more_as_it_looks_at_more_batches(name, monkeypatch):
    config = load_preset("dcgan", {"discriminator.normalisation": None, "loss.penalty": name})
    before = estimate_gib(config, SHAPE)
    monkeypatch.setitem(PENALTIES, name, dataclasses.replace(PENALTIES[name], batches=PENALTIES[name].batches + 1))
    assert estimate_gib(config, SHAPE) > before


def test_the_fewest_parts_that_fit_are_chosen_and_none_where_none_do():
    config = config_of(optim__batch=64)
    needs = {parts: estimate_gib(config, SHAPE, parts) for parts in (1, 2, 4, 8, 16)}
    assert list(needs.values()) == sorted(needs.values(), reverse=True)
    assert most_parts(64) == 16
    for parts, need in needs.items():
        assert fitting_parts(config, SHAPE, need + 1e-6) == next(p for p in needs if needs[p] <= need + 1e-6) <= parts
    assert fitting_parts(config, SHAPE, needs[16] - 1e-3) is None
    assert fitting_parts(config, SHAPE, 0.0) is None


def test_a_cpu_has_the_machines_memory():
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    assert 0 < available_gib(torch.device("cpu"), 1.0) <= total


@pytest.fixture
def gpu(monkeypatch):
    """A GPU of 80 GiB, as far as torch is asked about it; returns the fractions that processes are held to."""
    held = []
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: type("G", (), {"total_memory": 80 * 2**30}))
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", lambda share, device: held.append(share))
    return held


@pytest.mark.parametrize(("share", "gib"), [(0.25, 20), (0.5, 40), (1.0, 80), (2.0, 80)])
def test_a_trial_has_its_share_of_a_gpu_without_the_context(gpu, share, gib):
    assert available_gib(torch.device("cuda"), share) == pytest.approx(gib - CUDA_CONTEXT_GIB)


def test_a_process_is_held_to_a_part_of_a_gpu_and_not_to_a_whole_one(gpu):
    for share in (0.25, 1.0, 2.0):
        hold_to(torch.device("cuda"), share)
    assert gpu == [pytest.approx(0.25 - CUDA_CONTEXT_GIB / 80)]
    hold_to(torch.device("cpu"), 0.5)
    assert len(gpu) == 1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpus_peak_is_below_the_estimate():
    import numpy as np

    from ignm.training.trainer import Trainer
    from ignm.training.training_set import TrainingSet

    images = np.random.default_rng(0).integers(0, 256, (256, 64, 64, 3), dtype=np.uint8)
    for changes in ({}, {"optim.precision": "fp32"}, {"augment.policy": "ada"}):
        config = load_preset("dcgan", changes)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        training = Trainer(config, TrainingSet.of(images), 0, torch.device("cuda"))
        training.advance(1.0)
        peak = (torch.cuda.max_memory_allocated() - before) / 2**30
        assert peak <= estimate_gib(config, SHAPE) <= 6 * peak
        del training
