"""On the path of a study's processes: Python imports it when it starts, and it changes some modules as they are loaded.

Progress is written at each step, so that what was trained is known to a batch. One step of some trials goes wrong, as
`FAULT` says; those are the trials whose discriminator is not normalised.
"""

import importlib.abc
import importlib.util
import os
import signal
import sys
from pathlib import Path

AT = 2000
"""Images seen when it happens."""


def not_a_number(trainer):
    next(trainer.generator.parameters()).data.fill_(float("nan"))


def too_large_in_one_part(trainer):
    import torch

    if trainer.batch_parts < 4:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def too_large(trainer):
    raise MemoryError


def killed(trainer):
    """As the kernel kills where a host's memory is used up: without a word, between two checkpoints."""
    os.kill(os.getpid(), signal.SIGKILL)


def killed_once(trainer):
    """The same, in the first process that comes so far."""
    try:
        Path(os.environ["FAULT_ONCE"]).mkdir()
    except FileExistsError:
        return
    killed(trainer)


FAULTS = {each.__name__: each for each in (not_a_number, too_large_in_one_part, too_large, killed, killed_once)}


def change_trainer(module):
    module.STEPS_BETWEEN_PROGRESS = 1
    if "FAULT" not in os.environ:
        return
    step, fault = module.Trainer._step, FAULTS[os.environ["FAULT"]]

    def faulty(trainer):
        step(trainer)
        if trainer.config.discriminator.normalisation is None and trainer.images_seen > AT:
            fault(trainer)

    module.Trainer._step = faulty


def change_progress(module):
    module.SECONDS_BETWEEN_PROGRESS = 0.0


CHANGES = {"ignm.training.trainer": change_trainer, "ignm.training.progress": change_progress}


class Loader(importlib.abc.Loader):
    """Loads a module, and changes it."""

    def __init__(self, real, change):
        self.real, self.change = real, change

    def create_module(self, spec):
        return self.real.create_module(spec)

    def exec_module(self, module):
        self.real.exec_module(module)
        self.change(module)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the modules that are to be changed."""

    def __init__(self):
        self.left = dict(CHANGES)

    def find_spec(self, name, path, target=None):
        change = self.left.pop(name, None)
        if change is None:
            return None
        spec = importlib.util.find_spec(name)
        spec.loader = Loader(spec.loader, change)
        return spec


sys.meta_path.insert(0, Finder())
