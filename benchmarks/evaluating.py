"""What measuring costs: the share of a trial's time that evaluations take, at the default eight points of 200 kimg.

    python -m benchmarks.evaluating --presets dcgan ignm --resolutions 32

Evaluating is timed with the embedded metric on 5,000 generated images, against the drawn faces; what the discriminator
is asked at a measurement is included. Training is timed over a few steps just before.
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.training_step import seconds
from ignm.config import Evaluation, load_preset, preset_names
from ignm.data.store import open_dataset
from ignm.diagnostics.judging import Probe
from ignm.metrics.evaluator import Evaluator
from ignm.training.device import default_device, describe
from ignm.training.memory import keep_freed_memory
from ignm.training.preparation import open_training_set
from ignm.training.trainer import Trainer

KIMG = 25.0


class Steps:
    """The trainer's steps, as the timer wants them."""

    def __init__(self, trainer):
        self.trainer = trainer
        self.shown = trainer.config.optim.batch * trainer.config.optim.n_critic

    def run(self, steps):
        self.trainer.advance((self.trainer.images_seen + steps * self.shown) / 1000)


def measure(config, metrics, device, cache):
    dataset = open_dataset(config.data.name, config.data.resolution)
    shown = open_training_set(config, dataset)
    trainer = Trainer(config, shown, 0, device)
    evaluator = Evaluator(Evaluation(metrics=metrics), dataset, device, cache)
    probe, steps = Probe(trainer, shown, dataset), Steps(trainer)
    steps.run(2)
    training = KIMG * 1000 / steps.shown * seconds(steps, max(3, round(1000 / steps.shown)), device)
    started = time.perf_counter()
    evaluator.score(trainer.average)
    probe.ask()
    return training, time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=preset_names())
    parser.add_argument("--resolutions", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--metrics", nargs="*", default=[], help="asked for beside the quality")
    arguments = parser.parse_args()
    device = default_device()
    keep_freed_memory()
    print(f"{describe(device)}; 25 kimg of training, then one evaluation\n")
    print("preset    side  training s  evaluation s  share of the whole")
    with tempfile.TemporaryDirectory() as cache:
        for resolution in arguments.resolutions:
            for preset in arguments.presets:
                changes = {"data.name": "embedded", "data.resolution": resolution}
                config = load_preset(preset, changes)
                training, evaluation = measure(config, tuple(arguments.metrics), device, Path(cache))
                share = evaluation / (training + evaluation)
                print(f"{preset:8} {resolution:5} {training:11.1f} {evaluation:13.1f} {share:19.1%}", flush=True)


if __name__ == "__main__":
    main()
