"""On the path of a study's processes, this makes one step of some trials go wrong, as `FAULT` says.

Python imports it when it starts; those trials are the ones whose discriminator is not normalised.
"""

import importlib.abc
import importlib.util
import os
import sys

TRAINER = "ignm.training.trainer"
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


FAULTS = {each.__name__: each for each in (not_a_number, too_large_in_one_part, too_large)}


class Loader(importlib.abc.Loader):
    """Loads the trainer's module, and has its steps followed by the fault."""

    def __init__(self, real):
        self.real = real

    def create_module(self, spec):
        return self.real.create_module(spec)

    def exec_module(self, module):
        self.real.exec_module(module)
        step, fault = module.Trainer._step, FAULTS[os.environ["FAULT"]]

        def faulty(trainer):
            step(trainer)
            if trainer.config.discriminator.normalisation is None and trainer.images_seen > AT:
                fault(trainer)

        module.Trainer._step = faulty


class Finder(importlib.abc.MetaPathFinder):
    """Finds the trainer's module."""

    def find_spec(self, name, path, target=None):
        if name != TRAINER:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        spec.loader = Loader(spec.loader)
        return spec


if "FAULT" in os.environ:
    sys.meta_path.insert(0, Finder())
