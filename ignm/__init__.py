"""One configuration -> one trained, measured model, on one device."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ignm.training.generators import open_generator as open_generator

# Read when torch is loaded, so here. Threads that wait for each other spin for a moment only: where trials share a
# machine, endless spinning makes a step 10 to 30 times slower, and not spinning at all doubles one that is alone.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Bring `open_generator` when it is asked for: torch takes seconds to load, and not all that begin here need it."""
    if name == "open_generator":
        from ignm.training.generators import open_generator

        return open_generator
    raise AttributeError(f"module 'ignm' has no attribute '{name}'")
