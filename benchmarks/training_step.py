"""Images per second of the training step, against a plain fp32 PyTorch loop over the same networks, in one run.

    make bench        or        python benchmarks/training_step.py --resolution 32 --batch 64 --repeats 5

Both loops take turns, so that a busy machine slows both; the table shows medians and their ratio.
"""

import argparse
import statistics
import time

import numpy as np
import torch
from torch.nn import functional as F

from ignm.config import load_preset
from ignm.models.networks import build_discriminator, build_generator
from ignm.models.shape import DataShape
from ignm.training.device import default_device, describe
from ignm.training.trainer import Trainer
from ignm.training.training_set import TrainingSet


class PlainLoop:
    """The tutorial's DCGAN loop: fp32, contiguous, one Adam for each network."""

    def __init__(self, config, images, device):
        self.batch, self.latent, self.device = config.optim.batch, config.generator.latent, device
        self.generator = build_generator(config, DataShape(3), 0).to(device, memory_format=torch.contiguous_format)
        self.discriminator = build_discriminator(config, DataShape(3), 0).to(
            device, memory_format=torch.contiguous_format
        )
        self.g_adam = torch.optim.Adam(self.generator.parameters(), 2e-4, betas=(0.5, 0.999))
        self.d_adam = torch.optim.Adam(self.discriminator.parameters(), 2e-4, betas=(0.5, 0.999))
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()

    def run(self, steps):
        for _ in range(steps):
            chosen = torch.randint(len(self.images), (self.batch,))
            real = self.images[chosen].to(self.device).float() / 127.5 - 1
            fake = self.generator(torch.randn(self.batch, self.latent, device=self.device))
            loss = F.softplus(-self.discriminator(real).logits).mean()
            loss = loss + F.softplus(self.discriminator(fake.detach()).logits).mean()
            self.d_adam.zero_grad()
            loss.backward()
            self.d_adam.step()
            self.g_adam.zero_grad()
            F.softplus(-self.discriminator(fake).logits).mean().backward()
            self.g_adam.step()


class OurLoop:
    """The engine's step, its EMA and statistics included."""

    def __init__(self, config, images, device):
        self.trainer = Trainer(config, TrainingSet.of(images), 0, device)

    def run(self, steps):
        self.trainer.advance((self.trainer.images_seen + steps * self.trainer.config.optim.batch) / 1000)


def images_per_second(loop, steps, batch, device):
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    loop.run(steps)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return steps * batch / (time.perf_counter() - started)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--resolution", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    device = default_device()
    print(f"{describe(device)}, torch {torch.__version__}, batch {arguments.batch}, median of {arguments.repeats}")
    print("resolution  plain images/s  ours images/s  ratio")
    for resolution in arguments.resolution:
        config = load_preset("dcgan", {"data.resolution": resolution, "optim.batch": arguments.batch})
        images = np.random.default_rng(0).integers(0, 256, (1000, resolution, resolution, 3), dtype=np.uint8)
        loops = {"plain": PlainLoop(config, images, device), "ours": OurLoop(config, images, device)}
        speeds = {name: [] for name in loops}
        for loop in loops.values():
            loop.run(3)
        for _ in range(arguments.repeats):
            for name, loop in loops.items():
                speeds[name].append(images_per_second(loop, arguments.steps, arguments.batch, device))
        plain, ours = (statistics.median(speeds[name]) for name in ("plain", "ours"))
        print(f"{resolution:>10}  {plain:>14.0f}  {ours:>13.0f}  {ours / plain:>5.2f}")


if __name__ == "__main__":
    main()
