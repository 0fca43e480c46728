"""Images per second of the training step, against a plain fp32 PyTorch loop over the same networks, in one run.

    make bench        or        python -m benchmarks.training_step --presets dcgan ignm --resolutions 32 64 --repeats 5
    python -m benchmarks.training_step --side-by-side 2       # as many processes of one thread, as a search runs trials

All loops take turns, so that a busy machine slows all; the table shows medians, their ratios, and what share of the
measured rate of bf16 matrix products the step reaches.
"""

import argparse
import json
import multiprocessing
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ignm.config import load_preset, preset_names
from ignm.losses.adversarial import ADVERSARIAL
from ignm.losses.penalties import PENALTIES
from ignm.models.convolution import Conv2d, ConvTranspose2d
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.resampling import ConvAverage, NearestConv
from ignm.models.shape import DataShape
from ignm.training.device import default_device, describe
from ignm.training.memory import keep_freed_memory
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet


class PlainLoop:
    """What one would write: torch's own layers, contiguous, one Adam for each network; fp32, or with bf16 autocast."""

    def __init__(self, config, images, device, bf16=False):
        self.config, self.device, self.bf16 = config, device, bf16
        self.generator = plain(build_generator(config, DataShape(3), 0)).to(device)
        self.discriminator = plain(build_discriminator(config, DataShape(3), 0)).to(device)
        optim = config.optim
        self.g_adam = adam(self.generator, optim.generator)
        self.d_adam = adam(self.discriminator, optim.discriminator)
        self.adversarial = ADVERSARIAL[config.loss.adversarial]
        self.random = torch.Generator(device).manual_seed(0)
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def run(self, steps):
        for _ in range(steps):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                for _ in range(self.config.optim.n_critic):
                    self.critic_step()
                self.generator_step()

    def real(self):
        chosen = torch.randint(len(self.images), (self.config.optim.batch,))
        images = self.images[chosen].to(self.device).float() / 127.5 - 1
        if self.config.data.mirror:
            coins = torch.rand(len(images), device=self.device) < 0.5
            images = torch.where(coins[:, None, None, None], images.flip(3), images)
        return images

    def fake(self):
        return self.generator(torch.randn(self.config.optim.batch, self.config.generator.latent, device=self.device))

    def critic_step(self):
        loss_config = self.config.loss
        real = self.real()
        with torch.no_grad():
            fake = self.fake()
        loss = self.adversarial.discriminator(self.discriminator(real).logits, self.discriminator(fake).logits)
        if loss_config.penalty is not None:
            penalty = PENALTIES[loss_config.penalty]
            loss = loss + loss_config.gamma * penalty(lambda x: self.discriminator(x).logits, real, fake, self.random)
        self.d_adam.zero_grad()
        loss.backward()
        self.d_adam.step()

    def generator_step(self):
        logits = self.discriminator(self.fake()).logits
        self.g_adam.zero_grad()
        self.adversarial.generator(logits, logits).backward()
        self.g_adam.step()


TORCHS = {
    NearestConv: nn.Sequential,
    ConvAverage: nn.Sequential,
    Conv2d: nn.Conv2d,
    ConvTranspose2d: nn.ConvTranspose2d,
}


def plain(network):
    """The same network, resampling and convolving one after the other, contiguous in memory."""
    for module in network.modules():
        for own, torchs in TORCHS.items():
            if isinstance(module, own):
                module.forward = torchs.forward.__get__(module)
    return network.to(memory_format=torch.contiguous_format)


def adam(network, config):
    return torch.optim.Adam(network.parameters(), config.lr, betas=(config.beta1, config.beta2))


class OurLoop:
    """The engine's step, its EMA and statistics included."""

    def __init__(self, config, images, device):
        self.trainer = Trainer(config, TrainingSet.of(images), 0, device)

    def run(self, steps):
        optim = self.trainer.config.optim
        self.trainer.advance((self.trainer.images_seen + steps * optim.batch * optim.n_critic) / 1000)


def seconds(loop, steps, device):
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    loop.run(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / steps


class Operations(TorchDispatchMode):
    """Counts floating-point operations; torch's own counter does not know second derivatives."""

    total = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        counted = flop_registry.get(function._overloadpacket)
        if counted is not None:
            self.total += counted(*args, **(kwargs or {}), out_val=made)
        return made


def operations(loop):
    """Floating-point operations of a step of a loop."""
    with Operations() as counter:
        loop.run(1)
    return counter.total


def matrix_rate(device, side=4096, repeats=5):
    """Measured operations per second of a bf16 matrix product."""
    side = side if device.type == "cpu" else 2 * side
    one = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    (one @ one).sum().item()
    took = []
    for _ in range(repeats):
        started = time.perf_counter()
        (one @ one)[0, 0].item()
        took.append(time.perf_counter() - started)
    return 2 * side**3 / statistics.median(took)


def steps_in(target_seconds, loop, device):
    """How many steps take so long, after a first one, which always takes longer."""
    if seconds(loop, 1, device) >= target_seconds:
        return 1
    return max(1, round(target_seconds / seconds(loop, 2, device)))


def measure(config, device, repeats, target_seconds, together=lambda: None):
    """Images per second of each loop, and operations for an image; `together` is called before each turn."""
    resolution = config.data.resolution
    images = np.random.default_rng(0).integers(0, 256, (1000, resolution, resolution, 3), dtype=np.uint8)
    loops = {"fp32": PlainLoop(config, images, device), "bf16": PlainLoop(config, images, device, bf16=True)}
    loops["ours"] = OurLoop(config, images, device)
    took = {name: [] for name in loops}
    steps = {name: steps_in(target_seconds, loop, device) for name, loop in loops.items()}
    for _ in range(repeats):
        for name, loop in loops.items():
            together()
            took[name].append(seconds(loop, steps[name], device))
    shown = config.optim.batch * config.optim.n_critic
    return {name: shown / statistics.median(values) for name, values in took.items()}, operations(loops["bf16"]) / shown


def measure_side_by_side(count, *details):
    """As `measure`, of `count` processes with a thread each, which run the same loop at the same time; their sum."""
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(count), context.SimpleQueue()
    processes = [context.Process(target=_one_of_them, args=(barrier, answers, *details)) for _ in range(count)]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    speeds, flops = zip(*found, strict=True)
    return {name: sum(each[name] for each in speeds) for name in speeds[0]}, flops[0]


def _one_of_them(barrier, answers, *details):
    torch.set_num_threads(1)
    keep_freed_memory()
    answers.put(measure(*details, barrier.wait))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--presets", nargs="+", default=preset_names())
    parser.add_argument("--resolutions", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="that each loop runs before the next has its turn")
    parser.add_argument("--side-by-side", type=int, default=0, metavar="N", help="N processes of one thread; CPU only")
    parser.add_argument("--json", type=Path, help="where to keep the figures")
    arguments = parser.parse_args()
    device = default_device()
    keep_freed_memory()
    rate = matrix_rate(device)
    who = f"sum of {arguments.side_by_side} processes of one thread, " if arguments.side_by_side else ""
    print(f"{describe(device)}, torch {torch.__version__}, {who}median of {arguments.repeats}; images/s")
    print(f"bf16 matrix products: {rate / 1e9:,.0f} GFLOP/s\n")
    print("preset    side  batch  plain fp32  plain bf16   ours  /fp32  /bf16  of the matrix rate")
    kept = []
    for preset in arguments.presets:
        for resolution in arguments.resolutions:
            config = load_preset(preset, {"data.resolution": resolution})
            details = (config, device, arguments.repeats, arguments.seconds)
            processes = arguments.side_by_side
            speeds, flops = measure_side_by_side(processes, *details) if processes else measure(*details)
            share = speeds["ours"] * flops / rate
            print(
                f"{preset:8} {resolution:5} {config.optim.batch:6} {speeds['fp32']:11.1f} {speeds['bf16']:11.1f} "
                f"{speeds['ours']:6.0f} {speeds['ours'] / speeds['fp32']:6.2f} {speeds['ours'] / speeds['bf16']:6.2f} "
                f"{share:18.1%}",
                flush=True,
            )
            kept.append(
                {"preset": preset, "resolution": resolution, **speeds, "flops_per_image": flops, "share": share}
            )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps({"device": describe(device), "rate": rate, "rows": kept}, indent=1))


if __name__ == "__main__":
    main()
