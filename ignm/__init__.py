"""One configuration -> one trained, measured model, on one device.

`ignm.train` trains a config, `ignm.open_generator` opens what came of it or of a study (docs/python.md).
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ignm.training.generators import open_generator as open_generator
    from ignm.training.single import train as train

# Read when torch is loaded, so here. Threads that wait for each other spin for a moment only: where trials share a
# machine, endless spinning makes a step 10 to 30 times slower, and not spinning at all doubles one that is alone.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.1.0"


_BROUGHT = {"open_generator": "ignm.training.generators", "train": "ignm.training.single"}


def __getattr__(name: str) -> Any:
    """Bring a function when it is asked for: torch takes seconds to load, and not all that begin here need it."""
    if name in _BROUGHT:
        return getattr(import_module(_BROUGHT[name]), name)
    raise AttributeError(f"module 'ignm' has no attribute '{name}'")


def __dir__() -> list[str]:
    """For completion in notebooks."""
    return [*globals(), *_BROUGHT]
