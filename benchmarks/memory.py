"""Peak memory of a training: the engine, a plain loop in fp32 and with bf16 autocast, and the estimate made before.

    python -m benchmarks.memory --presets dcgan ignm --resolutions 32 64

On a CPU it is how far a process's resident memory grows at its peak, each loop in a process of its own that has trained
something small before; on a GPU what torch allocated at its peak.
"""

import argparse
import multiprocessing
from pathlib import Path

import numpy as np
import torch

from benchmarks.training_step import OurLoop, PlainLoop
from ignm.config import load_preset, preset_names
from ignm.models.shape import DataShape
from ignm.training.device import default_device, describe
from ignm.training.memory import keep_freed_memory
from search.running.memory import GIB, estimate_gib

STEPS = 2
LOOPS = {
    "fp32": lambda config, images, device: PlainLoop(config, images, device),
    "bf16": lambda config, images, device: PlainLoop(config, images, device, bf16=True),
    "ours": OurLoop,
}
SMALL = {"data.resolution": 16, "generator.width": 8, "discriminator.width": 8, "optim.batch": 8}


def growth(loop, config):
    """GiB that a training adds to this process at its peak."""
    device = default_device()
    torch.set_num_threads(1)
    LOOPS[loop](load_preset("dcgan", SMALL), some_images(16), device).run(1)
    keep_freed_memory()
    before = _held(device)
    _forget_peak(device)
    LOOPS[loop](config, some_images(config.data.resolution), device).run(STEPS)
    return (_peak(device) - before) / GIB


def some_images(side):
    return np.random.default_rng(0).integers(0, 256, (256, side, side, 3), dtype=np.uint8)


def _held(device):
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else _kib("VmRSS") * 1024


def _peak(device):
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else _kib("VmHWM") * 1024


def _forget_peak(device):
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    else:
        Path("/proc/self/clear_refs").write_text("5")


def _kib(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--presets", nargs="+", default=preset_names())
    arguments.add_argument("--resolutions", nargs="+", type=int, default=[32, 64])
    given = arguments.parse_args()
    print(f"{describe(default_device())}, torch {torch.__version__}, {STEPS} steps; GiB\n")
    print("preset    side  batch  plain fp32  plain bf16   ours  estimate")
    context = multiprocessing.get_context("spawn")
    for preset in given.presets:
        for resolution in given.resolutions:
            config = load_preset(preset, {"data.resolution": resolution})
            took = {}
            for loop in LOOPS:
                with context.Pool(1) as one:
                    took[loop] = one.apply(growth, (loop, config))
            estimate = estimate_gib(config, DataShape(3))
            print(
                f"{preset:8} {resolution:5} {config.optim.batch:6} {took['fp32']:11.3f} {took['bf16']:11.3f} "
                f"{took['ours']:6.3f} {estimate:9.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
